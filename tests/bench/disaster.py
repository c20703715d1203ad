#!/usr/bin/env python3
"""disaster.py: how fast: each disaster many times in the lab, seen from outside on one clock; median, p95, max.

Figures, not tests: nothing here passes or fails by a time. Exit status 1 only when something was not seen at all, or
when blips of half the confirmation window drained an IDC.
"""

import argparse
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))

from fleet import LabError
from lab_up import DEFAULT_FLEET, DEFAULT_RUN, Lab
from observe import Seen
from spill import find_incident

# Between two samples the fleet must be whole again; these make that quick and touch no measured path.
QUICK = {"link_hold_down": "500ms", "step_interval": "200ms", "restore_step": "100%"}
# A window below 600 ms needs checks that are quicker than it.
SHORT = {"check_interval": "20ms", "check_timeout": "50ms"}
FINE_US = 200  # interval of the watcher where a millisecond matters
WAIT_S = 30


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
        self.results = {}

    def note(self, name, seconds):
        self.results.setdefault(name, []).append(seconds)

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
                self.results.setdefault(f"idle: {kind}, % of a core", []).append(100 * (cpu - used[name]) / elapsed)
                self.results.setdefault(f"idle: {kind}, MiB resident", []).append(resident)

    # Routes.

    def blackhole(self):
        """A fibre goes silent with its carrier signal up: both ends' kernels."""
        link = self.fleet.spans()[0]
        a, b = (e["idc"] for e in link["ends"])
        home = {key: self.seen.routes[key] for key in ((a, b), (b, a))}
        for _ in range(self.samples):
            before, _ = self.lab.faults.fault("blackhole", [link["name"]])
            self.expect("both ends' routes moved", lambda: all(self.seen.routes[k] not in ("", d) for k, d in home.items()))
            times = [self.seen.first_change(before, "route", k, lambda d, h=h: d not in ("", h)) - before
                     for k, h in home.items()]
            for t in times:
                self.note("blackhole -> route of one end", t)
            self.note("blackhole -> routes of both ends", max(times))
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
            self.note("own carrier lost -> effective route (steps of 0.2 ms)",
                      max(0.0, self.seen.first_change(before, "route", key, lambda d: d not in ("", home)) - lost))
            self.lab.faults.repair("carrier", [link["name"], near["idc"]])
            self.expect("the route is back", lambda: self.seen.routes[key] == home)
            self.seen.sleep(0.3)
        self.watch_again()
        self.whole()

    # IDCs.

    def _roles(self):
        leader = self.lab.spillway.leader()
        if leader is None:
            raise NotSeen("nobody leads")
        serving = [i["name"] for i in self.fleet.idcs if i["name"] != leader and self.fleet.entrances_of(idc=i["name"])]
        return leader, serving[-1]

    def _moving(self, victim):
        """Names that the victim serves now and need not keep: (server, name)."""
        names = [self.fleet.answer_name(v, s) for s in self.fleet.services if not s["stateful"] for v in self.fleet.views]
        servers = [s["name"] for s in self.fleet.dns_servers if s["idc"] != victim]
        return [(server, n) for server in servers for n in names
                if victim in self.seen.idcs_of(self.seen.dns.get((server, n)))]

    def idc(self):
        """An IDC loses power. Detection, confirmation, decision and DNS are told apart by the daemons' own logs."""
        software = {s["name"]: ("knot", "bind")[i % 2] for i, s in enumerate(self.fleet.dns_servers)}
        for _ in range(self.samples):
            leader, victim = self._roles()
            moving, whole = self._moving(victim), dict(self.seen.dns)
            if not moving:
                raise NotSeen(f"{victim} serves nothing that could move")
            before, _ = self.lab.faults.fault("idc-dead", [victim])
            gone = lambda answer: bool(answer) and victim not in self.seen.idcs_of(answer)
            self.expect(f"{victim} left every answer", lambda: all(gone(self.seen.dns[k]) for k in moving))
            right = {}
            for server, name in moving:
                t = self.seen.first_change(before, "dns", (server, name), gone) - before
                right.setdefault(server, []).append(t)
            for server, times in right.items():
                self.note(f"IDC dead -> first correct answer, {software[server]}", min(times))
                self.note(f"IDC dead -> every answer correct, {software[server]}", max(times))
            self._breakdown(victim, before, {s: min(t) for s, t in right.items()}, software)
            self._restore(leader, victim, whole)

    def _breakdown(self, victim, before, right, software):
        """detection + confirmation + DNS = the whole; their borders are lines in the live daemons' own logs."""
        live = [i["name"] for i in self.fleet.idcs if i["name"] != victim]
        seen_down = self._first_line([f"probe-{i}" for i in live], before, r"event=(link|target)-changed .*health=down")
        decided = self._first_line([f"spillwayd-{i}" for i in live], before, r"event=decision .*purpose=rescue")
        if seen_down is None or decided is None:
            return
        self.note("  detection: fault -> first probe says down", seen_down - before)
        self.note("  confirmation and decision: -> rescue committed", decided - seen_down)
        for server, t in right.items():
            self.note(f"  DNS: rescue committed -> first correct answer, {software[server]}", before + t - decided)

    def _first_line(self, processes, after, pattern):
        """CLOCK_MONOTONIC of the first log line of any of the processes that matches, after an instant; or None."""
        offset, found = time.time() - time.monotonic(), []
        for name in processes:
            with open(self.lab.processes.log_path(name), encoding="utf-8", errors="replace") as log:
                times = [wall(line[3:line.index("Z")]) - offset for line in log
                         if line.startswith("ts=") and re.search(pattern, line)]
            found += [t for t in times if t > after][:1]
        return min(found, default=None)

    def _restore(self, leader, victim, whole):
        self.lab.faults.repair("idc-dead", [victim])
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

    def blips(self):
        """Twenty blips of half the confirmation window: nothing may be drained."""
        _, victim = self._roles()
        half = self.fleet.policy_s("confirmation") / 2
        begin = time.monotonic()
        for _ in range(20):
            self.lab.faults.fault("idc-isolated", [victim])
            self.seen.sleep(half)
            self.lab.faults.repair("idc-isolated", [victim])
            self.seen.sleep(half)
        self.seen.sleep(1)
        drained = [c for c in self.seen.changes_since(begin, "dns") if c["new"] and c["old"]]
        self.results["blips of half the window that drained"] = [len(drained), 20]
        if drained:
            raise NotSeen(f"{len(drained)} answers changed during the blips")


def wall(text):
    """Seconds since 1970 of an ISO 8601 time in UTC."""
    main, _, fraction = text.partition(".")
    return time.mktime(time.strptime(main, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0." + (fraction or "0"))


def report(results):
    for name, samples in results.items():
        if name.startswith("blips"):
            print(f"{name}: {samples[0]} of {samples[1]}")
            continue
        unit, scale = ("", 1) if name.startswith("idle") else (" ms", 1000)
        s = sorted(scale * x for x in samples)
        print(f"{name:62} n {len(s):3}  median {statistics.median(s):8.1f}  "
              f"p95 {s[min(len(s) - 1, len(s) * 95 // 100)]:8.1f}  max {s[-1]:8.1f}{unit}")


def main():
    p = argparse.ArgumentParser(prog="disaster.py", description=__doc__.split("\n\n")[0].split(": ", 1)[1])
    p.add_argument("--build", required=True, metavar="DIR")
    p.add_argument("--run", default=DEFAULT_RUN, metavar="DIR")
    p.add_argument("--samples", type=int, default=30)
    p.add_argument("--confirmation", default="2s", help="confirmation window (default 2s, shortest 150ms)")
    p.add_argument("--only", default="idle,blackhole,carrier,idc,blips", help="which, separated by commas")
    p.add_argument("--json", metavar="FILE")
    p.add_argument("--keep", action="store_true", help="leave the lab up when something was not seen")
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # An IDC may not come back faster than it leaves, and not within a second: the fleet file's own bounds.
    short = args.confirmation.endswith("ms")
    policy = QUICK | {"confirmation": args.confirmation, "idc_hold_down": "1s" if short else args.confirmation}
    fleet = fleet_with(DEFAULT_FLEET, policy | (SHORT if short else {}))
    lab, bench, failed = None, None, None
    try:
        lab = Lab.up(args.run, fleet, args.build, 0.25, {}, True)
        bench = Bench(lab, args.samples)
        bench.whole()
        bench.seen.sleep(3 + lab.fleet.policy_s("cold_start"))
        for name in args.only.split(","):
            print(f"... {name}", flush=True)
            getattr(bench, name)()
    except NotSeen as error:
        failed = error
    finally:
        if bench:
            report(bench.results)
            if args.json:
                with open(args.json, "w", encoding="utf-8") as file:
                    json.dump(bench.results, file, indent=1)
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
