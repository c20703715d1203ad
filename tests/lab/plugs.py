#!/usr/bin/env python3
"""plugs.py: pulls one plug after another and demands, from outside, that nothing gets worse than the plug that was
pulled. Prints TAP; skipped without root.

The bus (of all, of one IDC, of the leader), one direction of a fibre, its carrier signal, every daemon, the leader,
every probe, a service, the borders of an IDC: silence moves no traffic (law 1), the routes still obey the committed
plan while the bus is away (law 3), and what comes back late moves nothing back.
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
        self.cuts = {l["name"]: 0 for l in lab.fleet.spans()}

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
        moved = [c for c in self.seen.moves_since(since) if c["kind"] in kinds]
        self.judge(what, not moved, "\n".join(self.seen.change_text(c) for c in moved))

    def moves_away(self, what, home):
        for (a, b), device in home.items():
            self.happens(f"{what}: {a} routes to {b} by the committed plan's next hop",
                         lambda a=a, b=b, device=device: self.seen.routes[(a, b)] not in ("", device))

    def comes_home(self, what, home, since):
        """Through the log: both ends, and neither before the hold-down, counted from `since`."""
        hold = self.policy("link_hold_down")
        for (a, b), device in home.items():
            self.happens(f"{what}: {a} routes to {b} by {device} again, through the log",
                         lambda a=a, b=b, device=device: self.seen.routes[(a, b)] == device, hold + 15)
            back = self.seen.first_change(since, "route", (a, b), lambda d, device=device: d == device) or since
            self.judge(f"... not before the hold-down ({back - since:.2f} s)", back - since >= hold - 0.2)

    def never_lost(self, since):
        lost = [c for c in self.seen.changes_since(since, "route") if not c["new"]]
        self.judge("... and no pair of IDCs was ever without a route", not lost,
                   "\n".join(self.seen.change_text(c) for c in lost))

    # Words for what stands where.

    def fibre(self, idc=None):
        """The next fibre to cut (of an IDC): the one cut least so far, since what flaps comes home much later."""
        at = [l for l in self.fleet.spans() if idc is None or idc in [e["idc"] for e in l["ends"]]]
        link = min(at, key=lambda l: self.cuts[l["name"]])
        self.cuts[link["name"]] += 1
        return link

    def home_of(self, link):
        """Both ends' routes to each other, as they are now."""
        a, b = (e["idc"] for e in link["ends"])
        return {key: self.seen.routes[key] for key in ((a, b), (b, a))}

    def silent(self, idc):
        """By the word of whoever else leads: nothing fresh comes from the IDC's probe."""
        others = [self.lab.spillway.status(n) or {} for n in self.all_of("idc") if n != idc]
        leads = [s for s in others if (s.get("daemon") or {}).get("leads")]
        stale = self.policy("report_stale") * 1e6
        return any(o["idc"] == idc and (not o["seen"] or not o["conclusive"] or o["age_us"] > stale)
                   for s in leads for o in s["daemon"]["observers"])

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
        link = self.fibre()
        home = self.home_of(link)
        since = self.fault("bus-away")
        self.stays("the bus is away: nothing moves", since, 5)
        since = self.fault("blackhole", link["name"])
        self.moves_away("a fibre is cut without a bus", home)
        self.stays("... and no answer and no feature moves", since, 4, ("dns", "features"))
        self.repair("bus-away")
        since = self.repair("blackhole", link["name"])
        self.comes_home("bus and fibre are back", home, since)

    def bus_of(self, idc):
        leads = self.lab.spillway.leader() == idc
        whose = f"{idc} {'(which leads) ' if leads else ''}has no bus"
        link = self.fibre(idc)
        home = self.home_of(link)
        since = self.fault("bus-away", idc)
        self.happens(f"{whose}: its probe falls silent to the one that leads", lambda: self.silent(idc), 15)
        self.stays("... silence is not death: nothing moves", since,
                   self.policy("report_stale") + self.policy("cold_start") + self.policy("confirmation") + 3)
        self.fault("blackhole", link["name"])
        self.moves_away(f"{whose}, a fibre of it is cut", home)
        mended = self.repair("blackhole", link["name"])
        self.seen.sleep(self.policy("link_hold_down") + 2)
        key = next(k for k in home if k[0] == idc)
        self.judge(f"{whose}, its fibre is back: its route does not go home by itself",
                   not self.seen.first_change(mended, "route", key, lambda d: d == home[key]))
        back = self.repair("bus-away", idc)
        for (a, b), device in home.items():
            self.happens(f"its bus is back: {a} routes to {b} by {device} again, through the log",
                         lambda a=a, b=b, device=device: self.seen.routes[(a, b)] == device,
                         self.policy("link_hold_down") + 15)
        self.stays("... and from beginning to end no answer and no feature moved", since, back + 8 - since,
                   ("dns", "features"))
        self.never_lost(since)

    def oneway(self):
        link = self.fibre()
        deaf, home = link["ends"][0]["idc"], self.home_of(link)
        since = self.fault("oneway", link["name"], deaf)
        self.moves_away(f"{link['name']} loses only what goes to {deaf}", home)
        self.stays("... and no answer and no feature moves", since, self.policy("confirmation") + 4,
                   ("dns", "features"))
        mended = self.repair("oneway", link["name"], deaf)
        self.comes_home("it carries both ways again", home, mended)
        self.never_lost(since)

    def carrier(self):
        link = self.fibre()
        end = link["ends"][1]
        dark, home = end["idc"], self.home_of(link)
        since = self.fault("carrier", link["name"], dark)
        self.happens(f"{link['name']}: the interface at {dark} loses its carrier signal",
                     lambda: self.seen.carriers.get((dark, end["interface"])) is False)
        self.moves_away(f"{link['name']} has no carrier signal at {dark}", home)
        self.stays("... and no answer and no feature moves", since, self.policy("confirmation") + 4,
                   ("dns", "features"))
        mended = self.repair("carrier", link["name"], dark)
        self.comes_home("the signal is back", home, mended)
        self.never_lost(since)

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
    p.oneway()
    p.carrier()
    leads = lab.spillway.leader()
    p.bus_of(next(n for n in p.all_of("idc") if n != leads))
    p.bus_of(lab.spillway.leader())
    p.daemons()
    p.leader()
    p.probes()
    p.borders(p.fleet.idcs[-1]["name"])
    p.service(p.fleet.idcs[1]["name"])
    print(f"1..{p.count}")
    return p.failed == 0


def main(text, play_it, fleet=DEFAULT_FLEET):
    """The command of a program that prints TAP; text: its docstring, play_it(lab): True when all was well."""
    name, _, what = text.split("\n\n")[0].partition(": ")
    parser = argparse.ArgumentParser(prog=name, description=what)
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--run", default=DEFAULT_RUN, metavar="DIR")
    parser.add_argument("--fleet", default=fleet)
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("1..0 # SKIP network namespaces need root")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is taken down
    try:
        lab = Lab.up(args.run, args.fleet, args.build, 0.25, {}, True)
        try:
            return 0 if play_it(lab) else 1
        finally:
            Lab.down(args.run)
    except LabError as error:
        print(f"Bail out! {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(__doc__, play))
