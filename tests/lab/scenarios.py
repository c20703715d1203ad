#!/usr/bin/env python3
"""scenarios.py: plays scenarios of tests/sim/scenarios on real packets, with the same faults, words and expectations.

The files are the simulator's own. What is judged is what happens and what never does, not how fast: every `within` has
some seconds more, an event waits until what was expected of the one before it has come, and `from` is looked at for a
few seconds of its time. What only the simulator can see (verdicts of the core) is left to it. Between two scenarios
everything is repaired and approved, and must stand as on the first day. Prints TAP; skipped without root.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from fleet import TREE, LabError
from lab_up import DEFAULT_RUN, Lab
from plugs import Plugs
from scenario import Scenario, ScenarioError
from scenario_words import Words

CORPUS = os.path.join(TREE, "tests", "sim", "scenarios")
PATIENCE_S = 12.0  # more than the simulator's time: slower checks, another leader, a cold start
STEADY_S = 4.0     # of a `from`
SETTLES_S = 100.0
ON_THREE = ["link-blip", "link-cut", "one-way-loss", "loss-5-percent", "death-without-bus", "demote-and-promote",
            "undo-shed", "freeze", "idc-blip", "dns-server-dead", "maintenance", "approval-before-hold-down",
            "leader-dies-decided", "drill-fibre-cut"]
ON_TWO = ["entrance-pool-dead", "carrier-off-idc-other-idc", "carrier-out-everywhere", "idc-isolated"]


class Scenarios(Plugs):
    def __init__(self, lab):
        super().__init__(lab)
        self.words = Words(self)
        self.wrong = []  # of the scenario under way

    def differs(self, what):
        if len(self.wrong) < 6:
            self.wrong.append(what)

    def ready(self):
        """A vantage site has neither routes nor features."""
        serving = {e["idc"] for e in self.fleet.entrances_of()}
        sited = [i for i in self.fleet.idcs if self.fleet.idc_address(i["name"])]
        return (len([d for d in self.seen.routes.values() if d]) == len(sited) * (len(sited) - 1) and
                len(self.seen.dns) > 0 and all(self.seen.dns.values()) and
                all(self.seen.features.get(i) is not None for i in serving))

    # One scenario.

    def play(self, scenario):
        started, self.wrong = time.monotonic(), []
        self.words.begin()
        try:
            for event in scenario.events:
                self._event(scenario, event)
            for e in scenario.whole:
                holds = lambda e=e: self.words.holds(e.condition, 0)
                looked_at = e.kind == "last" and not self.words.unseen(e.condition)
                if looked_at and not self._wait(scenario, holds, SETTLES_S):
                    self.differs(f"at last: {e.condition.text}: does not hold")
        except ScenarioError as error:
            self.differs(str(error))
        took = time.monotonic() - started
        self.judge(f"{scenario.name}: {scenario.header['about']} ({took:.0f} s)", not self.wrong, "\n".join(self.wrong))
        self._clean_up(scenario)

    def _event(self, scenario, event):
        if event.when:
            if not self._wait(scenario, lambda: self.words.holds(event.when, 0), 60):
                self.differs(f"when {event.when.text}: never came to it")
                return
        since = time.monotonic()
        self.words.do(event.words)
        for e in (e for e in event.expected if not self.words.unseen(e.condition)):
            holds = lambda e=e: self.words.holds(e.condition, since)
            if e.kind == "within":
                if not self._wait(scenario, holds, since + e.end + PATIENCE_S - time.monotonic()):
                    self.differs(f"{event.text}: within {e.end:g} s: {e.condition.text}: has not come true")
            else:
                self._wait(scenario, lambda: False, since + e.begin - time.monotonic())
                until = min(since + e.end, time.monotonic() + STEADY_S)
                if time.monotonic() < until and self._wait(scenario, lambda: not holds(), until - time.monotonic()):
                    self.differs(f"{event.text}: {e.condition.text}: does not hold")

    def _wait(self, scenario, predicate, limit):
        """Looks until the predicate holds, and all the time that nothing forbidden happens."""
        deadline = time.monotonic() + limit
        while True:
            self.seen.poll()
            self.words.look()
            self._whole(scenario)
            if predicate():
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)

    def _whole(self, scenario):
        for e in scenario.whole:
            if e.kind == "last" or e.met or self.words.unseen(e.condition):
                continue
            if self.words.holds(e.condition, 0) != (e.kind == "always"):
                e.met = True  # said once
                self.differs(f"{e.kind}: {e.condition.text}: {'happened' if e.kind == 'never' else 'does not hold'}")

    # Between two.

    def _clean_up(self, scenario):
        self.words.repair_all()
        settled = self.seen.wait(self.words.at_home, SETTLES_S, 0.3)
        self.judge(f"{scenario.name}: everything is as on the first day again", settled, self.words.differences())


def play(lab, names, first=0):
    """Plays them; how many verdicts there are by now, how many are otherwise, and how many cases were played."""
    wanted = os.environ.get("SCENARIOS", "").split()
    chosen = [n for n in names if not wanted or n in wanted]
    s = Scenarios(lab)
    s.count = first
    lab.world.start_clients()
    s.happens("the lab is up: answers, routes and feature files everywhere", s.ready, 30)
    s.judge("somebody leads", lab.spillway.leader(20) is not None)
    s.seen.sleep(s.policy("cold_start") + 4)
    s.words.first_day()
    for name in chosen:
        s.play(Scenario(os.path.join(CORPUS, name + ".scenario")))
    return s.count, s.failed, len(chosen)


def patient_fleet(name, folder):
    """The fleet as it is shipped, but what flaps is forgiven in seconds, since here a fibre is cut again and again; and
    services tell no load: with so few users chance alone fills one for a second, which would end a drill."""
    with open(os.path.join(TREE, "runbooks", "fleets", name + ".yaml"), encoding="utf-8") as file:
        text = re.sub(r"^ *(flap_half_life|load):.*\n", "", file.read(), flags=re.M)
    text = text if re.search(r"^policy:", text, re.M) else text + "\npolicy:\n"
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^policy:\n", "policy:\n  flap_half_life: 1s\n", text, flags=re.M))
    return path


def main():
    parser = argparse.ArgumentParser(prog="scenarios.py")
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--run", default=DEFAULT_RUN, metavar="DIR")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("1..0 # SKIP network namespaces need root")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is taken down
    count = failed = cases = 0
    try:
        for fleet, names in (("three-idc", ON_THREE), ("two-carrier", ON_TWO)):
            with tempfile.TemporaryDirectory() as folder:
                lab = Lab.up(args.run, patient_fleet(fleet, folder), args.build, 0.25, {}, True)
                try:
                    count, wrong, played = play(lab, names, count)
                finally:
                    Lab.down(args.run)
            failed, cases = failed + wrong, cases + played
    except LabError as error:
        print(f"Bail out! {error}")
        return 1
    print(f"1..{count}")
    print(f"# corpus in the lab: {cases} cases, "
          f"{'all expected, no forbidden action' if failed == 0 else str(failed) + ' verdicts otherwise'}")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
