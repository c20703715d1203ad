#!/usr/bin/env python3
"""drills.py: runs the live drills of runbooks/drills, and demands from outside that each does what it says and gives
everything back. Prints TAP; skipped without root.

The very answers, routes and feature files from before must stand again after each, whether it passed, was aborted by a
person, or lost its leader in the middle; no answer is ever empty; where a drill keeps users whole, no login fails.
Before them docs/first-drill.md is followed word by word (page.py).
"""

import json
import os
import subprocess
import sys
import time
from typing import NamedTuple

sys.dont_write_bytecode = True

import page
from plugs import Plugs, main

ROUNDS = int(os.environ.get("DRILL_ROUNDS", "1"))  # from 2 on with the spike, which takes two minutes each time
# drill, what it strikes, what must move (of dns, route, features), whether every login must succeed
DRILLS = [
    ("fibre-cut", "beijing-shanghai", {"route"}, True),
    ("conduit-cut", "coast-trench", {"route"}, True),
    ("carrier-outage", "telecom@shanghai", {"dns"}, False),
    ("idc-outage", "shanghai", {"dns", "route", "features"}, False),
    ("planned-evacuation", "shanghai", {"dns", "features"}, True),
    ("traffic-spike", "north-telecom", {"features"}, True),
]


class Played(NamedTuple):
    """What came of one live drill."""
    since: float    # before it was asked for, CLOCK_MONOTONIC
    passed: bool
    in_time: bool   # its objective was met
    restored: bool  # answers, routes, feature files as before, and nothing is injected
    said: dict      # its report, as JSON; None when it did not end


class Drills(Plugs):
    def outside(self):
        """What the world sees: sets of addresses, effective routes, features that are off."""
        return ({k: frozenset(v or ()) for k, v in self.seen.dns.items()}, dict(self.seen.routes),
                dict(self.seen.features))

    def look_first(self):
        """As the page has it: no drill while `spillway status` shows an incident, were it only a suspicion."""
        def open_now():
            leads = self.lab.spillway.leader()
            status = self.lab.spillway.status(leads) if leads else None
            return [i["text"] for i in status["incidents"]] if status else ["nobody leads"]
        seen = open_now()
        if seen and not self.seen.wait(lambda: not open_now(), 60, 0.3):
            self.judge("nothing is wrong before a drill", False, "\n".join(open_now()))
        for text in seen:
            print(f"# before the drill: {text}", flush=True)

    def begin(self, drill, target, mode="live"):
        self.look_first()
        leads = self.lab.spillway.leader()
        host = next(n for n in self.all_of("idc") if n != leads)
        return self.lab.spillway.begin(host, "drill", "run", drill, "--on", target, "--mode", mode, "--json",
                                       "--reason", "the lab's drill", "--drills", self.lab.spillway.own_drills())

    def watch(self, running, seconds):
        """Looks on until the command has ended; its exit code and what it said, None when it took too long."""
        if not self.seen.wait(lambda: running.poll() is not None, seconds, 0.05):
            running.kill()
            return None, running.communicate()[1]
        out, err = running.communicate()
        try:
            return running.returncode, json.loads(out)
        except ValueError:
            return running.returncode, {"text": out + err}

    def explained(self, said):
        """The incident that a run was refused or ended for."""
        number = (said or {}).get("incident", 0)
        host = self.fleet.idcs[0]["name"]
        return "\n" + self.lab.spillway.cli(host, "explain", "incident", str(number)).stdout if number else ""

    def given_back(self, what, before, seconds=20):
        same = self.seen.wait(lambda: self.outside() == before, seconds)
        self.judge(f"{what}: answers, routes and features are the very ones from before", same, self.differences(before))
        left = [i["name"] for i in self.fleet.idcs if subprocess.run(
            self.lab.command_in(i["name"], ["nft", "list", "table", "inet", "spillway-drill"]),
            capture_output=True).returncode == 0]
        self.judge("... and nothing is injected anywhere", not left, ", ".join(left))
        return same and not left

    def differences(self, before):
        lines = []
        for name, old, new in zip(("dns", "route", "features"), before, self.outside()):
            lines += [f"{name} {key}: {old.get(key)} -> {new.get(key)}" for key in new if old.get(key) != new[key]]
        return "\n".join(lines) or "nothing differs now"

    def never_empty(self, since):
        empty = [c for c in self.seen.changes_since(since, "dns") if c["new"] == ()]
        self.judge("... and no answer was ever empty", not empty,
                   "\n".join(self.seen.change_text(c) for c in empty))

    def logins(self, since):
        failed = [l for l in self.seen.seconds if l["t"] >= since and l["tier"] == 0 and l["failed"] > 0]
        self.judge("... and no login failed", not failed, "\n".join(str(l) for l in failed[:5]))

    def live(self, drill, target, kinds, whole):
        before, since = self.outside(), time.monotonic()
        code, said = self.watch(self.begin(drill, target), 180)
        self.judge(f"{drill} on {target} passes", code == 0, json.dumps(said, indent=1) + self.explained(said))
        moved = {c["kind"] for c in self.seen.moves_since(since)}
        self.judge(f"... something moved: {', '.join(sorted(kinds))}", kinds <= moved, str(moved))
        in_time = bool(said and said.get("objective_met"))
        self.judge("... within its objective", in_time, json.dumps(said, indent=1))
        restored = self.given_back(f"{drill} on {target}", before)
        self.never_empty(since)
        if whole:
            self.logins(since)
        self.seen.sleep(3)
        return Played(since, code == 0, in_time, restored, said)

    def shadow(self):
        since = time.monotonic()
        code, said = self.watch(self.begin("idc-outage", "shanghai", "shadow"), 60)
        self.judge("a shadow of idc-outage would pass", code == 0, json.dumps(said, indent=1))
        self.stays("... and moves nothing", since, 3)

    def aborted(self):
        before, since = self.outside(), time.monotonic()
        running = self.begin("idc-outage", "shanghai")
        self.happens("idc-outage begins: shanghai's addresses leave answers", lambda: any(
            c["kind"] == "dns" for c in self.seen.changes_since(since)), 20)
        done = self.lab.spillway.cli("shenzhen", "drill", "abort", "--reason", "the lab has seen enough")
        self.judge("a person aborts it", done.returncode == 0, done.stdout + done.stderr)
        code, said = self.watch(running, 60)
        self.judge("... it says so, and fails", code not in (0, None) and said.get("state") == "aborted" and
                   said.get("cause") == "a person's word", json.dumps(said, indent=1))
        self.happens("... its injection is over at once", lambda: all(subprocess.run(
            self.lab.command_in(i["name"], ["nft", "list", "table", "inet", "spillway-drill"]),
            capture_output=True).returncode != 0 for i in self.fleet.idcs), 5)
        # The IDC was really lost: its way back waits for a person's word, as after any outage.
        self.seen.sleep(self.policy("idc_hold_down") + 2)
        for incident in (self.lab.spillway.status("shenzhen") or {}).get("incidents", []):
            if incident["needs_approval"]:
                self.lab.spillway.cli("shenzhen", "approve", str(incident["id"]), "--reason", "the lab's drill is over")
        self.given_back("an aborted idc-outage", before, 60)

    def leaderless(self):
        before = self.outside()
        leads = self.lab.spillway.leader()
        link = next(l for l in self.fleet.spans() if leads not in [e["idc"] for e in l["ends"]])
        since = time.monotonic()
        running = self.begin("fibre-cut", link["name"])
        self.happens(f"fibre-cut on {link['name']} begins", lambda: any(
            c["kind"] == "route" for c in self.seen.changes_since(since)), 20)
        self.fault("kill", f"spillwayd-{leads}")
        code, said = self.watch(running, 120)
        self.repair("kill", f"spillwayd-{leads}")
        self.judge("the leader dies in the middle: the drill ends all the same", code is not None,
                   json.dumps(said, indent=1))
        self.given_back("a drill without its leader", before, 60)
        self.never_empty(since)


def play(lab):
    d = Drills(lab)
    lab.world.start_clients()
    d.happens("the lab is up: answers, routes and feature files everywhere", d.ready, 30)
    d.judge("somebody leads", lab.spillway.leader(20) is not None)
    d.seen.sleep(d.policy("cold_start") + 3)
    d.shadow()
    page.read(d)
    d.seen.sleep(3)
    for _ in range(ROUNDS):
        for drill in DRILLS[:-1] if ROUNDS == 1 else DRILLS:
            d.live(*drill)
    d.aborted()
    d.leaderless()
    print(f"1..{d.count}")
    return d.failed == 0


if __name__ == "__main__":
    sys.exit(main(__doc__, play))
