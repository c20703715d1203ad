#!/usr/bin/env python3
"""disaster.py: how fast: each disaster many times in the lab, seen from outside on one clock; median, p95, max.

Figures, not tests: nothing here passes or fails by a time. Exit status 1 only when something was not seen at all, or
when blips of half the confirmation window drained an IDC, or when one of one and a half did not. Users log in from
every view while IDCs die. Effects are what the watcher and the users saw, never the daemons' own word.
"""

import argparse
import json
import os
import re
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))

from breakdown import STEP_S, Unclear, borders
from fleet import LabError
from lab_up import DEFAULT_FLEET, DEFAULT_RUN, Lab
from loss import death, least_text, login_text, losses
from observe import Seen
from samples import Samples
from spill import find_incident
from users import Windows, verdict

# Between two samples the fleet must be whole again; these make that quick and touch no measured path.
QUICK = {"link_hold_down": "500ms", "step_interval": "200ms", "restore_step": "100%",
         "flap_half_life": "1s", "flap_suppress": "1000000"}  # thirty deaths in a row are no flapping here
# A window below 600 ms needs checks that are quicker than it.
SHORT = {"check_interval": "20ms", "check_timeout": "50ms"}
FINE_US = 200  # interval of the watcher where a millisecond matters
ROUND_S = 0.005  # longest round of the watcher's looks: signal and route are not seen at the same instant
WATCH_STEP_S = ROUND_S + STEP_S  # and of the logs
WAIT_S = 30
ALLOWANCE_S = 0.25  # stated beside the confirmation window: decision and DNS
SETTLED_S = 3.2     # a second of users is decided and printed by then
OUTSIDE_S = 3.0     # of users after each death's stated window
BLIPS = 20
SKIPPED = 77        # meson's status for what cannot run here


class NotSeen(Exception):
    """A disaster's effect was not seen from outside."""


def fleet_with(path, policy):
    """A copy of a fleet file with other policy values."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for key, value in policy.items():
        text, n = re.subn(rf"(?m)^(\s+{key}:\s*)\S+", rf"\g<1>{value}", text)
        if n != 1:
            raise LabError(f"{path}: no policy {key} to set")
    copy = tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="swlab-", delete=False, encoding="utf-8")
    with copy:
        copy.write(text)
    return copy.name


class Bench:
    def __init__(self, lab, samples):
        self.lab, self.fleet, self.samples = lab, lab.fleet, samples
        self.seen = Seen(lab)
        self.results = Samples()
        self.said = []  # sentences that stand below the figures
        self.web = [s for s in self.fleet.services if not s["stateful"]]

    def expect(self, what, predicate, seconds=WAIT_S):
        if not self.seen.wait(predicate, seconds, 0.005):
            raise NotSeen(f"not seen within {seconds} s: {what}")

    def whole(self):
        self.expect("every answer, route and feature file", lambda: len(self.seen.dns) > 0 and all(self.seen.dns.values())
                    and len(self.seen.routes) > 0 and all(self.seen.routes.values())
                    and not any(self.seen.features.values()))

    def watch_again(self, **how):
        self.lab.world.start_watch(**how)
        self.seen = Seen(self.lab)

    def idle(self):
        """What probe and daemon cost while nothing happens, second by second."""
        names = [n for n in self.lab.processes.state["processes"] if n.startswith(("spillwayd-", "probe-"))]
        for _ in range(self.samples):
            used = {name: self.lab.processes.usage(name)[0] for name in names}
            begin = time.monotonic()
            self.seen.sleep(1)
            elapsed = time.monotonic() - begin
            for name in names:
                cpu, resident = self.lab.processes.usage(name)
                kind = name.split("-")[0]
                self.results.keep(f"idle: {kind}, each second", 100 * (cpu - used[name]) / elapsed, "% of a core")
                self.results.keep(f"idle: {kind}, resident", resident, "MiB")

    # Routes.

    def blackhole(self):
        """A fibre goes silent with its carrier signal up: both ends' kernels."""
        link = self.fleet.spans()[0]
        a, b = (e["idc"] for e in link["ends"])
        home = {key: self.seen.routes[key] for key in ((a, b), (b, a))}
        for _ in range(self.samples):
            before, _ = self.lab.faults.fault("blackhole", [link["name"]])
            self.expect("both ends' routes moved", lambda: all(self.seen.routes[k] not in ("", d) for k, d in home.items()))
            moved = [self.seen.first_change(before, "route", k, lambda d, h=h: d not in ("", h)) for k, h in home.items()]
            for t in moved:
                self.results.keep_between("blackhole -> route of one end", before, t)
            self.results.keep_between("blackhole -> routes of both ends", before, max(moved) if all(moved) else None)
            self.lab.faults.repair("blackhole", [link["name"]])
            self.expect("routes are back", lambda: all(self.seen.routes[k] == d for k, d in home.items()))
            self.seen.sleep(0.3)

    def carrier(self):
        """An IDC's own interface loses its signal: from the kernel's event to the effective route."""
        self.watch_again(interval_us=FINE_US, with_dns=False)
        link = self.fleet.spans()[0]
        near, far = link["ends"]
        key, home = (near["idc"], far["idc"]), near["interface"]
        self.expect("the route stands", lambda: self.seen.routes.get(key) == home)
        for _ in range(self.samples):
            before, _ = self.lab.faults.fault("carrier", [link["name"], near["idc"]])
            self.expect("the signal is lost and the route moved",
                        lambda: self.seen.carriers.get((near["idc"], home)) is False
                        and self.seen.routes[key] not in ("", home))
            lost = self.seen.first_change(before, "carrier", (near["idc"], home), lambda up: not up)
            moved = self.seen.first_change(before, "route", key, lambda d: d not in ("", home))
            self.results.keep_between("own carrier lost -> effective route", lost, moved, ROUND_S)
            self.lab.faults.repair("carrier", [link["name"], near["idc"]])
            self.expect("the route is back", lambda: self.seen.routes[key] == home)
            self.seen.sleep(0.3)
        self.watch_again()
        self.whole()

    # IDCs.

    def lead_where_dns_is(self):
        """Has an IDC lead that holds a DNS server, when there is one without: so that one can die of which every server
        has to be told. The leader yields when it is ended."""
        hosts = {s["idc"] for s in self.fleet.dns_servers}
        for _ in range(8):
            leader = self.lab.spillway.leader()
            if leader in hosts or leader is None or hosts >= {i["name"] for i in self.fleet.idcs}:
                return
            self.lab.processes.stop(f"spillwayd-{leader}")
            others = [i["name"] for i in self.fleet.idcs if i["name"] != leader]
            self.expect("another leads", lambda: any((self.lab.spillway.status(i) or {}).get("leader") not in (None, leader)
                                                     for i in others))
            self.lab.processes.restart(f"spillwayd-{leader}")

    def _roles(self):
        leader = self.lab.spillway.leader()
        if leader is None:
            raise NotSeen("nobody leads")
        serving = [i["name"] for i in self.fleet.idcs if i["name"] != leader and self.fleet.entrances_of(idc=i["name"])]
        hosts = {s["idc"] for s in self.fleet.dns_servers}
        return leader, next((i for i in reversed(serving) if i not in hosts), serving[-1])

    def _moving(self, victim):
        """Names that the victim serves now and need not keep: (server, name), at the servers elsewhere."""
        names = [self.fleet.answer_name(v, s) for s in self.web for v in self.fleet.views]
        servers = [s["name"] for s in self.fleet.dns_servers if s["idc"] != victim]
        return [(server, n) for server in servers for n in names
                if victim in self.seen.idcs_of(self.seen.dns.get((server, n)))]

    def idc(self):
        """An IDC loses power, with users logging in from every view."""
        self._users_come()
        software = {s["name"]: ("knot", "bind")[i % 2] for i, s in enumerate(self.fleet.dns_servers)}
        deaths, windows, spans = [], Windows(), []
        for _ in range(self.samples):
            leader, victim = self._roles()
            moving, whole = self._moving(victim), dict(self.seen.dns)
            if not moving:
                raise NotSeen(f"{victim} serves nothing that could move")
            before, _ = self.lab.faults.fault("idc-dead", [victim])
            live = [s["name"] for s in self.fleet.dns_servers if s["idc"] != victim]
            deaths.append(death(self.fleet, {k: a for k, a in whole.items() if k[0] in live}, victim, before))
            windows.add(before, self._stated_s(), f"{victim} dies")
            gone = lambda answer: bool(answer) and victim not in self.seen.idcs_of(answer)
            self.expect(f"{victim} left every answer", lambda: all(gone(self.seen.dns[k]) for k in moving))
            right = {}
            for server, name in moving:
                right.setdefault(server, []).append(self.seen.first_change(before, "dns", (server, name), gone))
            for server, times in right.items():
                seen = [t for t in times if t is not None]
                self.results.keep_between(f"IDC dead -> first correct answer, {software[server]}", before,
                                          min(seen, default=None))
                self.results.keep_between(f"IDC dead -> every answer correct, {software[server]}", before,
                                          max(seen) if len(seen) == len(times) else None)
            self._breakdown(victim, before, {software[s]: min(filter(None, t), default=None) for s, t in right.items()})
            self._restore("idc-dead", leader, victim, whole)
            # Users are judged outside of the stated window as well, so some time must be outside.
            self.seen.sleep(max(1.0, before + self._stated_s() + OUTSIDE_S - time.monotonic()))
            spans.append((before - 1, time.monotonic()))
        self._users_lost(deaths, windows, spans)

    def _stated_s(self):
        return (self.fleet.policy_s("confirmation") + ALLOWANCE_S + self.fleet.geo_ttl_s +
                max(self.fleet.seconds(s, "ttl") for s in self.web))

    def _users_come(self):
        self.lab.world.start_clients()
        views = lambda: {l["view"] for l in self.seen.seconds if l["tier"] == 0 and l["ok"] > 0 and l["failed"] == 0}
        self.expect("users log in from every view", lambda: len(views()) == len(self.fleet.views))
        self.seen.sleep(SETTLED_S)

    def _breakdown(self, victim, before, first_right):
        """detection + confirmation + decision + DNS = the whole, sample by sample (breakdown.py)."""
        parts = ("  detection: fault -> every live witness says down",
                 "  confirmation: what is left of the window then",
                 "  decision: confirmed -> rescue folded")
        dns = {s: f"  DNS: rescue folded -> first correct answer, {s}" for s in first_right}
        try:
            b = borders(self.lab, victim, before)
        except Unclear as why:
            for name in (*parts, *dns.values()):
                self.results.leave_out(name, str(why))
            return
        self.results.keep_between("  (fault -> first probe says down)", before, b.first_word)
        for name, begin, end in zip(parts, (before, b.detected, b.confirmed), (b.detected, b.confirmed, b.decided)):
            self.results.keep_between(name, begin, end)
        for server, t in first_right.items():
            self.results.keep_between(dns[server], b.decided, t, WATCH_STEP_S)

    def _users_lost(self, deaths, windows, spans):
        """Users from the first death to now, and each death's loss against the least possible."""
        self.seen.sleep(SETTLED_S)
        judged = verdict(self.seen, windows, spans[0][0], spans[-1][1])
        self.said.append(login_text(judged["outside"], {s["name"] for s in self.web}))
        for d, span in zip(deaths, spans):
            for row in losses(self.fleet, self.seen.seconds, span, self.web, [d]):
                self.results.keep(f"users: tier {row['tier']} lost by one death", row["failed_s"], "share-seconds")
                if row["least_s"] > 0:
                    self.results.keep(f"  against the least possible, tier {row['tier']}",
                                      row["failed_s"] / row["least_s"], "times")
                if row["tier"] > 0:
                    self.results.keep(f"  demoted by plan, tier {row['tier']}", row["shed_s"], "share-seconds")
        self.said.append(f"least possible: the dead IDC's part of the users x ({least_text(self.fleet, self.web)})")

    def _restore(self, verb, leader, victim, whole):
        """The fault is repaired and a person's word given, until everything is as it was."""
        if f"{verb} {victim}" in self.lab.faults.active:
            self.lab.faults.repair(verb, [victim])
        done, deadline = None, time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            self.seen.poll()
            incident = find_incident(self.lab.spillway.status(leader), victim)
            if incident is not None:
                done = self.lab.spillway.cli(leader, "approve", str(incident), "--reason", "next sample")
                if done.returncode == 0:
                    break
            time.sleep(0.2)
        if done is None or done.returncode != 0:
            raise NotSeen(f"the incident on {victim} was not approved: {done.stderr.strip() if done else 'none is open'}")
        same = lambda: all(self.seen.idcs_of(self.seen.dns[k]) == self.seen.idcs_of(v) for k, v in whole.items())
        self.expect("every answer is back", same)
        self.expect("every feature is back", lambda: not any(self.seen.features.values()))
        self.seen.sleep(0.5)

    # Blips.

    def blips(self):
        """Blips of half the confirmation window drain nothing; one of one and a half does, which shows that the first
        could have."""
        window = self.fleet.policy_s("confirmation")
        short = self._blips("blips of half the window that drained", BLIPS, window / 2)
        long = self._blips("blips of one and a half windows that drained", 1, 1.5 * window)
        if short != 0 or long != 1:
            raise NotSeen(f"{short} of {BLIPS} blips of half the window drained, {long} of 1 of one and a half")

    def _blips(self, name, many, length):
        drained = 0
        for _ in range(many):
            leader, victim = self._roles()
            moving, whole = self._moving(victim), dict(self.seen.dns)
            begin, end = self._blip(victim, length)
            self.results.keep_between(f"  {name.removesuffix(' that drained')}: their real length", begin, end)
            left = lambda: any(victim not in self.seen.idcs_of(self.seen.dns[k]) for k in moving)
            if self.seen.wait(left, self.fleet.policy_s("confirmation") + 1):
                drained += 1
                self._restore("idc-isolated", leader, victim, whole)
            self.results.count(name, drained, many)
        return drained

    def _blip(self, victim, length):
        """Cut off from users, peers and the bus: whoever is cut off like this cannot say that it lives."""
        self.lab.faults.fault("bus-away", [victim])
        begin, _ = self.lab.faults.fault("idc-isolated", [victim])
        time.sleep(max(0.0, begin + length - time.monotonic()))
        _, end = self.lab.faults.repair("idc-isolated", [victim])
        self.lab.faults.repair("bus-away", [victim])
        return begin, end


def main():
    p = argparse.ArgumentParser(prog="disaster.py", description=__doc__.split("\n\n")[0].split(": ", 1)[1])
    p.add_argument("--build", required=True, metavar="DIR")
    p.add_argument("--run", default=DEFAULT_RUN, metavar="DIR")
    p.add_argument("--fleet", default=DEFAULT_FLEET)
    p.add_argument("--samples", type=int, default=30)
    p.add_argument("--confirmation", default="2s", help="confirmation window (default 2s, shortest 150ms)")
    p.add_argument("--only", default="idle,blackhole,carrier,idc,blips", help="which, separated by commas")
    p.add_argument("--json", metavar="FILE")
    p.add_argument("--keep", action="store_true", help="leave the lab up when something was not seen")
    args = p.parse_args()
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # An IDC may not come back faster than it leaves, and not within a second: the fleet file's own bounds.
    short = args.confirmation.endswith("ms")
    policy = QUICK | {"confirmation": args.confirmation, "idc_hold_down": "1s" if short else args.confirmation}
    fleet = fleet_with(args.fleet, policy | (SHORT if short else {}))
    lab, bench, failed = None, None, None
    try:
        lab = Lab.up(args.run, fleet, args.build, 0.25, {}, True)
        bench = Bench(lab, args.samples)
        bench.whole()
        bench.lead_where_dns_is()
        bench.seen.sleep(3 + lab.fleet.policy_s("cold_start"))
        for name in args.only.split(","):
            print(f"... {name}", flush=True)
            getattr(bench, name)()
    except NotSeen as error:
        failed = error
    finally:
        if bench:
            bench.results.print()
            print(*bench.said, sep="\n")
            if args.json:
                with open(args.json, "w", encoding="utf-8") as file:
                    json.dump(bench.results.as_json() | {"said": bench.said}, file, indent=1)
        if lab and not (args.keep and failed):
            Lab.down(args.run)  # a start that failed has cleaned up by itself
        os.unlink(fleet)
    if failed:
        print(f"disaster.py: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"disaster.py: {error}", file=sys.stderr)
        sys.exit(1)
