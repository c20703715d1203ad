#!/usr/bin/env python3
"""renewal.py: the fleet is given anew while it serves, judged from outside. Prints TAP; skipped without root.

One new fleet has every list in another order and one more feature: nothing moves, the flag comes, and a fibre cut
after it is survived, so the probes report on the new fleet. The next one takes an entrance out: refused while users
are there, obeyed after a drain. Then the fleet before is given back by its record, and users come home in steps.
"""

import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True

from fleet import LabError
from plugs import Plugs, main
from world import features_file

STEPS_S = 40.0  # a bound for failures: some steps of ten seconds and their confirmations


def section(text, key):
    """Start and end of a top-level list of a canonical fleet file."""
    begin = re.search(rf"^{key}:\n", text, re.M)
    end = re.search(r"^[a-z]", text[begin.end():], re.M)
    return begin.end(), begin.end() + end.start()


def items(text):
    return re.findall(r"^  - .*?(?=^  - |\Z)", text, re.M | re.S)


class Renewal(Plugs):
    def __init__(self, lab):
        super().__init__(lab)
        self.web = next(s for s in self.fleet.services if not s["stateful"])
        self.here = next(i["name"] for i in self.fleet.idcs if i.get("candidate"))
        self.entrance = self.fleet.entrances_of(self.web["name"])[-1]
        if len(self.fleet.entrances_of(self.web["name"])) < 3:
            raise LabError("this needs a service with three entrances")
        shown = lab.spillway.cli(self.here, "fleet", "show", "@0")
        if shown.returncode != 0:
            raise LabError(shown.stderr)
        self.first = shown.stdout

    # The fleets.

    def write(self, name, text):
        path = os.path.join(self.lab.processes.run_dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def turned(self):
        """Every list of things the other way round, and a feature `search` for web."""
        text = self.first
        for key in ("idcs", "links", "views", "services", "entrances", "references"):
            begin, end = section(text, key)
            text = text[:begin] + "".join(reversed(items(text[begin:end]))) + text[end:]
        # What it costs is taken from the feature before it, so that no load changes.
        old = re.search(r"      - name: recommend\n        tier: 3\n        cost: 0.3\n", text)
        return text[:old.start()] + ("      - name: search\n        tier: 3\n        cost: 0.1\n        value: 10\n"
                                     "        owner: search-team\n") + old[0].replace("0.3", "0.2") + text[old.end():]

    def without_entrance(self, text):
        begin, end = section(text, "entrances")
        kept = [i for i in items(text[begin:end]) if f"name: {self.entrance['name']}\n" not in i]
        return text[:begin] + "".join(kept) + text[end:]

    # Words.

    def apply(self, what, *args):
        return self.lab.spillway.cli(self.here, "fleet", "apply", what, *args, "--yes", "--reason", "a renewal")

    def flags(self, idc):
        try:
            with open(features_file(self.lab.processes, idc), encoding="utf-8") as file:
                return json.load(file)["flags"]
        except (OSError, ValueError):
            return {}

    def at_entrance(self):
        mine = set(self.entrance["addresses"])
        return [a for a in self.seen.dns.values() if mine & set(a or ())]

    def moved(self, since):
        return [c for c in self.seen.moves_since(since) if c["kind"] in ("dns", "route")]

    def lists_turn_and_a_feature_comes(self):
        since = time.monotonic()
        done = self.apply(self.write("turned.yaml", self.turned()))
        self.judge("a fleet with all its lists turned round and one more feature is given", done.returncode == 0 and
                   "+ services.web.features.search" in done.stdout, done.stdout + done.stderr)
        serving = [i["name"] for i in self.fleet.idcs]
        self.happens("... its flag comes to every feature file, on",
                     lambda: all(f"{self.web['name']}.search" in self.flags(i) for i in serving), 10)
        self.seen.sleep(self.policy("cold_start") + 5)
        moved = self.moved(since)
        self.judge("... no answer and no route has moved", not moved, "\n".join(self.seen.change_text(c) for c in moved))
        status = self.lab.spillway.status(self.here) or {}
        at_plan = [s["at_plan"] for s in status.get("dns_servers", [])]
        self.judge("... every DNS server is at the plan", at_plan and all(at_plan), str(status.get("dns_servers")))

    def probes_report_on_it(self):
        link = self.fibre()
        home = self.home_of(link)
        self.fault("blackhole", link["name"])
        self.moves_away("a fibre is cut under the new fleet", home)
        self.seen.sleep(self.policy("confirmation") + 2)
        status = self.lab.spillway.status(self.here) or {}
        named = [i for i in status.get("incidents", []) if i["kind"] == "link-cut" and link["name"] in i["subject"]]
        self.judge("... and named: the probes report on the new fleet", len(named) == 1, str(status.get("incidents")))
        since = time.monotonic()
        self.repair("blackhole", link["name"])
        self.comes_home("... it comes back", home, since)

    def an_entrance_goes(self):
        path = self.write("fewer.yaml", self.without_entrance(self.turned()))
        self.judge("an entrance with users on it is not taken out", self.at_entrance() != [] and
                   (done := self.apply(path)).returncode == 1 and "drain it first" in done.stderr)
        since = time.monotonic()
        done = self.lab.spillway.cli(self.here, "drain", self.entrance["name"], "--reason", "it goes")
        self.judge("it is drained", done.returncode == 0, done.stderr)
        self.happens("... until nobody is led there", lambda: self.at_entrance() == [], STEPS_S)
        self.seen.sleep(self.policy("confirmation") + 2)
        done = self.apply(path)
        self.judge("then it is taken out", done.returncode == 0 and f"- entrances.{self.entrance['name']}" in done.stdout and
                   "1 orders" in done.stdout, done.stdout + done.stderr)
        empty = [c for c in self.seen.changes_since(since, "dns") if not c["new"]]
        self.judge("... no answer was ever empty", not empty, "\n".join(self.seen.change_text(c) for c in empty))

    def it_comes_back(self):
        history = json.loads(self.lab.spillway.cli(self.here, "history", "--limit", "200", "--json").stdout)["records"]
        given = [r["offset"] for r in history if r["kind"] == "operator" and r.get("command") == "fleet" and r["counts"]]
        self.judge("history has both fleets", len(given) == 2, str(given))
        since = time.monotonic()
        done = self.apply(f"@{given[0]}")
        self.judge("the fleet before is given back by its record", done.returncode == 0 and
                   f"+ entrances.{self.entrance['name']}" in done.stdout, done.stdout + done.stderr)
        self.happens("... and users come home to it by ordinary decisions", lambda: self.at_entrance() != [], 2 * STEPS_S)
        empty = [c for c in self.seen.changes_since(since, "dns") if not c["new"]]
        self.judge("... no answer was ever empty", not empty, "\n".join(self.seen.change_text(c) for c in empty))


def play(lab):
    p = Renewal(lab)
    p.happens("the lab is up: answers, routes and feature files everywhere", p.ready, 30)
    p.judge("somebody leads", lab.spillway.leader(20) is not None)
    p.seen.sleep(p.policy("cold_start") + 1)
    p.lists_turn_and_a_feature_comes()
    p.probes_report_on_it()
    p.an_entrance_goes()
    p.it_comes_back()
    print(f"1..{p.count}")
    return p.failed == 0


if __name__ == "__main__":
    sys.exit(main(__doc__, play))
