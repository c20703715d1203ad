#!/usr/bin/env python3
"""plugs.py: pulls one plug after another and demands, from outside, that nothing gets worse than the plug that was
pulled. Prints TAP; skipped without root.

The bus, every daemon, the leader, every probe, a service, the borders of an IDC: silence moves no traffic (law 1), the
routes still obey the committed plan while the bus is away (law 3), and what comes back late moves nothing back.
"""

import argparse
import os
import signal
import sys
import time

sys.dont_write_bytecode = True

from fleet import LabError
from lab_up import DEFAULT_FLEET, DEFAULT_RUN, Lab
from observe import Seen

MOVES_WITHIN_S = 3.0  # far more than it takes: what is judged is what happens, not how fast


class Plugs:
    def __init__(self, lab):
        self.lab, self.fleet, self.seen = lab, lab.fleet, Seen(lab)
        self.policy = lab.fleet.policy_s
        self.count, self.failed = 0, 0

    # Verdicts.

    def judge(self, what, holds, detail=""):
        self.count += 1
        self.failed += not holds
        print(f"{'ok' if holds else 'not ok'} {self.count} - {what}", flush=True)
        if not holds:
            for line in (detail or "; ".join(self.seen.change_text(c) for c in self.seen.changes[-12:])).splitlines():
                print(f"# {line}", flush=True)

    def happens(self, what, predicate, seconds=MOVES_WITHIN_S):
        self.judge(what, self.seen.wait(predicate, seconds))

    def stays(self, what, since, seconds, kinds=("dns", "route", "features")):
        """Nothing of these kinds changes from `since` until that much later."""
        self.seen.sleep(max(0.0, since + seconds - time.monotonic()))
        moved = [c for c in self.seen.changes_since(since) if c["kind"] in kinds]
        self.judge(what, not moved, "\n".join(self.seen.change_text(c) for c in moved))

    # Words for what stands where.

    def ready(self):
        pairs = len(self.fleet.idcs) * (len(self.fleet.idcs) - 1)
        return (len([d for d in self.seen.routes.values() if d]) == pairs and all(self.seen.dns.values()) and
                len(self.seen.dns) > 0 and len(self.seen.features) == len(self.fleet.idcs))

    def all_of(self, kind):
        return [i["name"] for i in self.fleet.idcs] if kind == "idc" else \
            [f"{kind}-{i['name']}" for i in self.fleet.idcs]

    def fault(self, kind, *args):
        return self.lab.faults.fault(kind, list(args))[0]

    def repair(self, kind, *args):
        return self.lab.faults.repair(kind, list(args))[1]

    # The plugs.

    def bus(self):
        link = self.fleet.spans()[0]
        ends = [e["idc"] for e in link["ends"]]
        home = {(a, b): self.seen.routes[(a, b)] for a in ends for b in ends if a != b}
        since = self.fault("bus-away")
        self.stays("the bus is away: nothing moves", since, 5)
        since = self.fault("blackhole", link["name"])
        for key, device in home.items():
            self.happens(f"a fibre is cut without a bus: {key[0]} routes to {key[1]} by the committed plan's next hop",
                         lambda key=key, device=device: self.seen.routes[key] not in ("", device))
        self.stays("... and no answer and no feature moves", since, 4, ("dns", "features"))
        self.repair("bus-away")
        since = self.repair("blackhole", link["name"])
        for key, device in home.items():
            self.happens(f"bus and fibre are back: {key[0]} routes home, through the log",
                         lambda key=key, device=device: self.seen.routes[key] == device,
                         self.policy("link_hold_down") + 15)
            back = self.seen.first_change(since, "route", key, lambda d, device=device: d == device) or since
            self.judge(f"... not before the hold-down ({back - since:.2f} s)",
                       back - since >= self.policy("link_hold_down") - 0.2)

    def daemons(self):
        since = time.monotonic()
        for name in self.all_of("spillwayd"):
            self.fault("kill", name)
        self.stays("every spillwayd is killed: nothing moves", since, 5)
        for name in self.all_of("spillwayd"):
            self.repair("kill", name)
        self.judge("they resume, and somebody leads", self.lab.spillway.leader(15) is not None)
        self.stays("... and nothing moves by it", since, 12)

    def leader(self):
        old = self.lab.spillway.leader()
        since = self.fault("pause", f"spillwayd-{old}")
        others = [n for n in self.all_of("idc") if n != old]
        self.happens("the leader is stopped: another leads", lambda: any(
            (self.lab.spillway.status(n) or {}).get("leader") not in (None, old) for n in others), 15)
        self.repair("pause", f"spillwayd-{old}")
        self.stays("it wakes up: no stale hand moves anything", since, 10)

    def probes(self):
        since = time.monotonic()
        for name in self.all_of("probe"):
            self.fault("kill", name)
        self.stays("every probe is killed: silence is not death", since, self.policy("confirmation") + 6)
        for name in self.all_of("probe"):
            self.repair("kill", name)
        self.stays("they come back: nothing moves by it", since, self.policy("confirmation") + 12)

    def borders(self, idc):
        since = self.fault("idc-isolated", idc)
        self.stays(f"{idc} is cut off but its probe reports that it serves: no answer moves", since,
                   self.policy("confirmation") + 4, ("dns", "features"))
        home = {key: d for key, d in self.seen.routes.items()}
        self.repair("idc-isolated", idc)
        self.stays("it is back: no answer moves", since, self.policy("confirmation") + 14, ("dns", "features"))
        self.judge("... and no pair of IDCs is without a route", all(home.values()) and all(self.seen.routes.values()))

    def service(self, idc):
        web = next(s for s in self.fleet.services if not s["stateful"])
        names = {self.fleet.answer_name(v, web) for v in self.fleet.views}
        answers = lambda: [a for (_, name), a in self.seen.dns.items() if name in names]
        since = self.fault("service-dead", idc)
        self.happens(f"the services at {idc} die: its addresses leave every answer of {web['name']}",
                     lambda: all(a and idc not in self.seen.idcs_of(a) for a in answers()),
                     self.policy("confirmation") + 6)
        self.judge("... and no answer was ever empty",
                   not [c for c in self.seen.changes_since(since, "dns") if not c["new"]])
        self.repair("service-dead", idc)
        back = time.monotonic()
        self.stays("they are back: nothing moves before a person's word", back, self.policy("idc_hold_down") + 4,
                   ("dns",))


def play(lab):
    p = Plugs(lab)
    p.happens("the lab is up: answers, routes and feature files everywhere", p.ready, 30)
    p.judge("somebody leads", lab.spillway.leader(20) is not None)
    p.seen.sleep(p.policy("cold_start") + 1)
    p.bus()
    p.daemons()
    p.leader()
    p.probes()
    p.borders(p.fleet.idcs[-1]["name"])
    p.service(p.fleet.idcs[1]["name"])
    print(f"1..{p.count}")
    return p.failed == 0


def main():
    parser = argparse.ArgumentParser(prog="plugs.py", description=__doc__.split("\n\n")[0].split(": ", 1)[1])
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--run", default=DEFAULT_RUN, metavar="DIR")
    parser.add_argument("--fleet", default=DEFAULT_FLEET)
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("1..0 # SKIP network namespaces need root")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is taken down
    lab = Lab.up(args.run, args.fleet, args.build, 0.25, {}, True)
    try:
        return 0 if play(lab) else 1
    finally:
        Lab.down(args.run)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"Bail out! {error}")
        sys.exit(1)
