#!/usr/bin/env python3
"""test_lab.py: the lab's judging parts, without a lab: windows, verdict, second lines, tails, faults' names, fleets."""

import ipaddress
import json
import os
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from carrier_faults import flap_script, number_between
from faults import VERBS, Faults
from fleet import Fleet, LabError, host
from hands import timers_age
from judging import rates
from loss import death, losses
from net import Network
from observe import Seen, Tail
from procs import end, start_ticks
from spill import find_incident
from users import Windows, second_line, verdict


def second(t, ok, failed=0, demoted=0, tier=0, view="v", feature="login"):
    return {"t": t, "view": view, "service": "web", "feature": feature, "tier": tier, "ok": ok, "failed": failed,
            "demoted": demoted, "p50_us": 1, "p95_us": 2000, "max_us": 3, "reasons": {}}


def failure(t, reason, tier=0):
    return {"t": t, "view": "v", "service": "web", "feature": "login", "tier": tier, "failure": reason}


def seen_of(seconds, failures):
    return types.SimpleNamespace(seconds=seconds, failures=failures)


FLEET = {
    "regions": ["r"], "carriers": ["c"], "dns": {"zone": "gslb.example.", "geo_ttl_us": 1000000, "servers": []},
    "idcs": [{"name": n, "prefixes": [f"10.{i}.0.0/16"], "partition": i} for i, n in enumerate("abc", 1)],
    "links": [
        {"name": "a-b", "latency_us": 1, "ends": [{"idc": "a", "interface": "ab", "address": "10.9.0.1"},
                                                  {"idc": "b", "interface": "ba", "address": "10.9.0.2"}]},
        {"name": "b-c", "latency_us": 1, "ends": [{"idc": "b", "interface": "bc", "address": "10.9.0.5"},
                                                  {"idc": "c", "interface": "cb", "address": "10.9.0.6"}]},
        {"name": "a-c", "latency_us": 9, "ends": [{"idc": "a", "interface": "ac", "address": "10.9.0.9"},
                                                  {"idc": "c", "interface": "ca", "address": "10.9.0.10"}]},
        {"name": "a-up", "latency_us": 1, "ends": [{"idc": "a", "interface": "c", "address": "10.8.0.2"},
                                                   {"carrier": "c", "address": "10.8.0.1"}]}],
    "views": [{"name": "v", "carrier": "c"}], "services": [], "references": [], "policy": {"confirmation_us": 2000000},
    "entrances": [{"name": "e", "service": "web", "idc": "a", "carriers": ["c"], "addresses": ["198.51.100.1"]}],
}


class Strikes(unittest.TestCase):
    SHOWN = """table inet spillway-drill {
\tset struck {
\t\ttype ifname
\t\tflags timeout
\t\telements = { "to-beijing" timeout 2m expires 1m58s752ms, "telecom" timeout 2m expires 1m59s }
\t}
}
"""

    def test_the_eldest_timer_tells_when_the_stroke_was(self):
        self.assertAlmostEqual(timers_age(self.SHOWN), 1.248)
        self.assertAlmostEqual(timers_age('elements = { "a" timeout 30s expires 29s8ms }'), 0.992)

    def test_a_table_without_elements_and_no_table_strike_nothing(self):
        self.assertIsNone(timers_age(self.SHOWN.replace(" expires", "")))
        self.assertIsNone(timers_age(""))


class Verdict(unittest.TestCase):
    def setUp(self):
        self.windows = Windows()
        self.windows.add(10.5, 2.0, "an IDC dies")

    def test_failure_inside_is_excused_by_its_own_instant(self):
        v = verdict(seen_of([second(10, 5, 5)], [failure(10.6, "timeout")] * 5), self.windows, 0, 20)
        self.assertEqual((len(v["inside"]), v["late"], v["outside"]), (5, [], {}))

    def test_failure_just_before_and_just_behind_counts(self):
        v = verdict(seen_of([second(9, 999)], [failure(10.4, "reset"), failure(12.5, "timeout")]), self.windows, 0, 20)
        self.assertEqual(v["outside"][("v", "web", "login")], (999, 2))
        self.assertEqual(len(v["late"]), 2)

    def test_capacity_counts_even_inside(self):
        v = verdict(seen_of([], [failure(11, "capacity")]), self.windows, 0, 20)
        self.assertEqual(len(v["capacity"]), 1)

    def test_higher_tiers_are_not_the_core(self):
        v = verdict(seen_of([second(1, 1, tier=2)], [failure(1, "capacity", tier=2)]), self.windows, 0, 20)
        self.assertEqual((v["outside"], v["capacity"]), ({}, []))


class Rates(unittest.TestCase):
    """Everybody is judged: what is stateful too, outside of its own spans."""

    def setUp(self):
        self.fleet = Fleet(json.loads(json.dumps(FLEET)))
        self.web, self.ledger = ({"name": n, "features": [{"name": "login", "tier": 0}, {"name": "more", "tier": 1}],
                                  "demand_rps": {"v": 1}} for n in ("web", "ledger"))
        self.seconds = [second(t, 100) | {"service": n} for t in range(20) for n in ("web", "ledger")]

    def holds(self, failures=(), seconds=None, spans=()):
        windows = Windows()
        for span in spans:
            windows.add(*span, "an IDC is dead")
        seen = seen_of(self.seconds if seconds is None else seconds, list(failures))
        judged = (([self.web], Windows()), ([self.ledger], windows))
        return {r.service: r.holds for r in rates(self.fleet, seen, judged, 0, 20)}

    def test_all_is_well(self):
        self.assertEqual(self.holds(), {"web": True, "ledger": True})

    def test_a_stateful_service_that_fails_while_no_idc_is_dead(self):
        lost = [failure(5, "timeout") | {"service": "ledger"}] * 3
        self.assertEqual(self.holds(lost, spans=[(10, 4)]), {"web": True, "ledger": False})

    def test_its_own_span_excuses_it_and_nobody_else(self):
        lost = [failure(11, "timeout") | {"service": n} for n in ("web", "ledger")] * 3
        self.assertEqual(self.holds(lost, spans=[(10, 4)]), {"web": False, "ledger": True})

    def test_who_was_not_seen_is_not_well(self):
        self.assertEqual(self.holds(seconds=[s for s in self.seconds if s["service"] == "web"]),
                         {"web": True, "ledger": False})

    def test_who_asks_for_nothing_is_not_judged(self):
        self.ledger["demand_rps"] = {}
        self.assertEqual(self.holds(seconds=[s for s in self.seconds if s["service"] == "web"]), {"web": True})


class Lines(unittest.TestCase):
    def test_cells(self):
        lines = [second(1, 10), second(1, 0, demoted=4, tier=2), second(1, 199, 1, tier=1)]
        line = second_line(lines, ["v", "w"], "web")
        self.assertEqual(line, "v 100/99.5/d 2.0/2.0/2.0ms  w nobody")

    def test_latency_stands_per_tier_and_nowhere_without_an_answer(self):
        lines = [second(1, 10) | {"p95_us": 1450}, second(1, 5) | {"p95_us": 1230}, second(1, 0, 3, tier=1),
                 second(1, 4, tier=2) | {"p95_us": 12345}]
        self.assertEqual(second_line(lines, ["v"], "web"), "v 100/0/100 1.4/-/12ms")
        self.assertEqual(second_line([second(1, 0, 3)], ["v"], "web"), "v 0 -")

    def test_another_service_shows_only_in_trouble(self):
        lines = [second(1, 10) | {"service": "ledger"}]
        self.assertEqual(second_line(lines, ["v"], "web"), "v nobody")
        lines[0]["failed"] = 10
        self.assertEqual(second_line(lines, ["v"], "web"), "v nobody (ledger 50 2.0ms)")

    def test_tail_waits_for_the_whole_line(self):
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            self.addCleanup(os.unlink, file.name)
            tail = Tail(file.name)
            file.write('{"t": 1}\n{"t"')
            file.flush()
            self.assertEqual(tail.read(), [{"t": 1}])
            file.write(": 2}\nno json\n")
            file.flush()
            self.assertEqual(tail.read(), [{"t": 2}])

    def test_incident_is_found_by_kind_and_place(self):
        status = {"incidents": [{"id": 3, "kind": "link-cut", "subject": "a-b"},
                                {"id": 4, "kind": "idc-outage", "subject": "b"}]}
        self.assertEqual(find_incident(status, "b"), 4)
        self.assertIsNone(find_incident(status, "z"))


class Loss(unittest.TestCase):
    """Two views with equal demand; the dead IDC had all of v and none of w."""

    def setUp(self):
        data = json.loads(json.dumps(FLEET))
        data["views"].append({"name": "w", "carrier": "c"})
        data["policy"] |= {"probe_interval_us": 50000, "probe_losses": 3}
        self.web = {"name": "web", "dns_name": "web.gslb.example.", "ttl_us": 1000000,
                    "features": [{"name": "feed", "tier": 1}, {"name": "login", "tier": 0}]}
        data["services"] = [self.web]
        data["entrances"].append({"name": "f", "service": "web", "idc": "b", "addresses": ["198.51.100.9"]})
        self.fleet = Fleet(data)
        answers = {("s", "v.web.gslb.example."): ("198.51.100.1",), ("s", "w.web.gslb.example."): ("198.51.100.9",)}
        self.death = death(self.fleet, answers, "a", 12.0)

    def lines(self, t, v_good, demoted=0):
        good = [second(t, 10, view="w"), second(t, 10 - demoted, demoted=demoted, tier=1, view="w", feature="feed")]
        failed = [second(t, 0, 10)]  # no login, no visit: the feed is never asked for
        return good + ([second(t, 10), second(t, 10, tier=1, feature="feed")] if v_good else failed)

    def rows(self, bad_seconds, demoted_seconds=()):
        seconds = [l for t in range(10, 20) for l in self.lines(t, t not in bad_seconds, 5 if t in demoted_seconds else 0)]
        return losses(self.fleet, seconds, (9.5, 20.0), [self.web], [self.death])

    def test_what_was_never_asked_for_is_lost_too(self):
        for row in self.rows({12, 13, 14}):
            self.assertEqual((row["asked"], round(row["failed_s"], 6), row["shed_s"]), (200, 1.5, 0), row["tier"])

    def test_nothing_lost(self):
        self.assertEqual([r["failed_s"] for r in self.rows(set())], [0, 0])

    def test_demotion_is_told_apart(self):
        core, feed = self.rows(set(), {15, 16})
        self.assertEqual((core["shed_s"], feed["failed_s"], feed["shed_s"]), (0, 0, 0.5))

    def test_least_is_the_dead_share_for_as_long_as_nobody_can_save_it(self):
        self.assertEqual([round(r["least_s"], 6) for r in self.rows({12})], [1.575, 1.575])  # half of 0.15 + 2 + 1

    def test_seconds_that_are_cut_do_not_count(self):
        seconds = [l for t in range(9, 21) for l in self.lines(t, t not in (9, 20))]
        self.assertEqual([r["failed_s"] for r in losses(self.fleet, seconds, (9.5, 20.9), [self.web], [])], [0, 0])


class Topology(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(json.loads(json.dumps(FLEET)))

    def test_names(self):
        self.assertEqual(self.fleet.parent, "example.")
        self.assertEqual(host("10.1.0.0/16"), "10.1.0.1")
        self.assertEqual([l["name"] for l in self.fleet.spans()], ["a-b", "b-c", "a-c"])
        self.assertEqual(self.fleet.address_owner("198.51.100.1"), "a")

    def test_underlay_takes_the_shorter_way(self):
        network = Network(self.fleet)
        network.plan_routes()
        # b-c seen from a: c's end lies behind b, which is one short hop away; b's end lies behind c, nearest by b too.
        routes = network.batches[self.fleet.idc_netns("a")]
        self.assertIn("route add 10.9.0.6 via 10.9.0.2 dev ab", routes)

    def test_ipv6_is_refused(self):
        data = json.loads(json.dumps(FLEET))
        data["entrances"][0]["addresses"] = ["2001:db8::1"]
        with self.assertRaises(LabError):
            Fleet(data)

    def test_numbers_of_faults(self):
        self.assertEqual(number_between("2.5", 0.01, 100), 2.5)
        for wrong in ("0", "101", "five", "nan", ""):
            with self.assertRaises(LabError):
                number_between(wrong, 0.01, 100)

    def test_flapping_cuts_and_mends_both_ways(self):
        script = flap_script("to-b", "4")
        self.assertEqual(script.count("sleep 2.0"), 2)
        for verb in ("add", "delete"):
            for way in ("cut", "mute"):
                self.assertEqual(script.count(f'{verb} element inet swlab {way} {{ "to-b" }}'), 1)

    def test_both_ends_of_a_peering_are_one_pair(self):
        ends = {Network._peer(i, j) for i in range(4) for j in range(4) if i != j}
        self.assertEqual(len(ends), 12)
        for i in range(4):
            for j in range(i):
                pair = [ipaddress.ip_address(Network._peer(*p)) for p in ((i, j), (j, i))]
                self.assertEqual(ipaddress.ip_network(f"{min(pair)}/31")[1], max(pair))

    def test_every_verb_has_its_repair(self):
        for line in VERBS.splitlines():
            name = line.split()[0].replace("-", "_")
            self.assertTrue(hasattr(Faults, "_" + name) and hasattr(Faults, "_mend_" + name), name)

    def test_changes_are_told_by_kind(self):
        seen = Seen.__new__(Seen)
        seen.fleet = self.fleet
        change = {"kind": "dns", "key": ("s", "v.web.gslb.example."), "old": ("198.51.100.1",), "new": None}
        self.assertEqual(seen.change_text(change), "s: v.web: a 1 -> does not answer")

    def test_a_server_dark_for_a_moment_has_moved_nobody(self):
        seen = Seen.__new__(Seen)
        seen.dns, seen.answered, seen.changes, seen.on_change = {}, {}, [], lambda change: None
        for t, answer in enumerate((["198.51.100.1"], None, ["198.51.100.1"], None, ["198.51.100.65"], [])):
            seen._change({"t": t * 1e6, "kind": "dns", "server": "s", "name": "n", "answer": answer})
        self.assertEqual([c["new"] for c in seen.moves_since(0)], [("198.51.100.65",), ()])


class Ending(unittest.TestCase):
    def test_a_reused_id_is_left_alone(self):
        ticks = start_ticks(os.getpid())
        end([(os.getpid(), ticks + 1), (os.getpid(), None)])
        self.assertEqual(start_ticks(os.getpid()), ticks)


if __name__ == "__main__":
    unittest.main()
