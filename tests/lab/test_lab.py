#!/usr/bin/env python3
"""test_lab.py: the lab's judging parts, without a lab: windows, verdict, second lines, tails, faults' names, fleets."""

import json
import os
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from faults import VERBS, Faults
from fleet import Fleet, LabError, host
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


class Lines(unittest.TestCase):
    def test_cells(self):
        lines = [second(1, 10), second(1, 0, demoted=4, tier=2), second(1, 199, 1, tier=1)]
        line = second_line(lines, ["v", "w"], "web")
        self.assertEqual(line, "v 100/99.5/d 2.0ms  w nobody 0.0ms")

    def test_another_service_shows_only_in_trouble(self):
        lines = [second(1, 10) | {"service": "ledger"}]
        self.assertEqual(second_line(lines, ["v"], "web"), "v nobody 2.0ms")
        lines[0]["failed"] = 10
        self.assertEqual(second_line(lines, ["v"], "web"), "v nobody 2.0ms (ledger 50)")

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

    def test_every_verb_has_its_repair(self):
        for line in VERBS.splitlines():
            name = line.split()[0].replace("-", "_")
            self.assertTrue(hasattr(Faults, "_" + name) and hasattr(Faults, "_mend_" + name), name)

    def test_changes_are_told_by_kind(self):
        seen = Seen.__new__(Seen)
        seen.fleet = self.fleet
        change = {"kind": "dns", "key": ("s", "v.web.gslb.example."), "old": ("198.51.100.1",), "new": None}
        self.assertEqual(seen.change_text(change), "s: v.web: a 1 -> does not answer")


class Ending(unittest.TestCase):
    def test_a_reused_id_is_left_alone(self):
        ticks = start_ticks(os.getpid())
        end([(os.getpid(), ticks + 1), (os.getpid(), None)])
        self.assertEqual(start_ticks(os.getpid()), ticks)


if __name__ == "__main__":
    unittest.main()
