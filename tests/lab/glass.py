#!/usr/bin/env python3
"""glass.py: a person breaks the glass while every spillwayd is dead, judged from outside. Prints TAP; skipped without root.

Every daemon is killed. At one IDC a person holds all that she reaches, and sets one answer by hand. The daemons come
back, and a service dies elsewhere, and a fibre is cut: nothing is pushed over the holds, the rest follows the plan,
`spillway status` says so loudly. She releases: everything comes to the plan by itself, her answer too.
"""

import json
import sys
import time

sys.dont_write_bytecode = True

from fleet import LabError
from plugs import Plugs, main

CONVERGES_S = 25.0  # a held place is looked at every 10 s


class Glass(Plugs):
    def __init__(self, lab):
        super().__init__(lab)
        self.web = next(s for s in self.fleet.services if not s["stateful"])
        self.server = self.fleet.dns_servers[0]
        self.here = self.server["idc"]  # where the person sits
        serving = [i["name"] for i in self.fleet.idcs if self.fleet.entrances_of(self.web["name"], i["name"])]
        self.victim = next((n for n in reversed(serving) if n != self.here), None)
        if self.victim is None:
            raise LabError("this needs an IDC that serves, beside that of the first DNS server")
        self.view = self.fleet.views[0]
        self.by_hand = next(e for e in self.fleet.entrances_of(self.web["name"]) if e["idc"] == self.victim)
        self.number = 0

    def emergency(self, *args):
        """The command, as the person types it; her answer as JSON."""
        done = self.lab.spillway.cli(self.here, "emergency", *args, "--json")
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, {"error": done.stderr}

    def answers_name_the_dead(self):
        names = {self.fleet.answer_name(v, self.web) for v in self.fleet.views if self.fleet.demand_rps(self.web, v) > 0}
        return [f"{s}: {n}" for (s, n), a in self.seen.dns.items() if n in names and self.victim in self.seen.idcs_of(a)]

    def held(self):
        """The places that the leader's open incidents call held."""
        status = self.lab.spillway.status(self.here) or {}
        return sorted(i["subject"] for i in status.get("incidents", []) if i["kind"] == "held")

    def breaks_the_glass(self):
        for name in self.all_of("spillwayd"):
            self.fault("kill", name)
        code, told = self.emergency("hold", "all", "--reason", "the machine is wrong", "--yes")
        places = {t["target"]: t["status"] for t in told.get("targets", [])}
        self.judge("every spillwayd is dead: she holds DNS, routes and features", code == 0 and len(places) == len(
            self.fleet.dns_servers) + 2 and not told["in_log"], str(told))
        self.number = told.get("id", 0)
        addresses = self.by_hand["addresses"]
        name = self.fleet.answer_name(self.view, self.web)
        code, told = self.emergency("set", self.server["name"], self.web["name"], self.view["name"], self.by_hand["name"],
                                    "--reason", "users of this view", "--yes")
        self.judge("... and sets an answer under that hold", code == 0 and told["id"] == self.number, str(told))
        self.happens(f"... which {self.server['name']} serves",
                     lambda: set(self.seen.dns[(self.server["name"], name)]) == set(addresses))

    def nothing_is_pushed(self):
        since = time.monotonic()
        for name in self.all_of("spillwayd"):
            self.repair("kill", name)
        self.judge("the daemons come back, and somebody leads", self.lab.spillway.leader(20) is not None)
        self.seen.sleep(self.policy("cold_start") + 1)
        self.fault("service-dead", self.victim)
        link = self.fibre(self.here)
        self.fault("blackhole", link["name"])
        other = next(e["idc"] for e in link["ends"] if e["idc"] != self.here)
        home = self.seen.routes[(other, self.here)]
        self.happens(f"a fibre is cut: {other}, which is not held, goes another way",
                     lambda: self.seen.routes[(other, self.here)] not in ("", home), 5)
        self.seen.sleep(self.policy("confirmation") + 10)
        mine = [c for c in self.seen.moves_since(since)
                if c["kind"] == "dns" or (c["kind"] == "route" and c["key"][0] == self.here)
                or (c["kind"] == "features" and c["key"] == self.here)]
        self.judge(f"services at {self.victim} die: nothing is pushed over the holds", not mine,
                   "\n".join(self.seen.change_text(c) for c in mine))
        wanted = len(self.fleet.dns_servers) + 2
        self.judge("... each place is an incident of the kind held",
                   self.seen.wait(lambda: len(self.held()) == wanted, 20, 0.5), str(self.held()))
        status = self.lab.spillway.status(self.here) or {}
        self.judge("... status calls it unsafe, and why", status.get("safe") is False and "hold" in status["unsafe_why"])
        text = self.lab.spillway.cli(self.here, "status").stdout
        self.judge("... and says how to release", f"spillway emergency release {self.number}" in text and
                   "the machine is wrong" in text, text)
        self.repair("blackhole", link["name"])

    def releases(self):
        code, told = self.emergency("release", str(self.number), "--reason", "the machine is right", "--yes")
        self.judge("she releases all, and the log knows", code == 0 and told["in_log"] and
                   len(told["targets"]) == len(self.fleet.dns_servers) + 2, str(told))
        self.happens("the rescue comes to every server, over the answer by hand too",
                     lambda: not self.answers_name_the_dead() and all(self.seen.dns.values()), CONVERGES_S)
        self.judge("... the incidents close", self.seen.wait(lambda: self.held() == [], CONVERGES_S, 0.5), str(self.held()))
        code, told = self.emergency("list")
        generations = {t["generation"] for t in told.get("targets", [])}
        self.judge("... and every place is at one generation", code == 0 and len(generations) == 1, str(told))
        history = self.lab.spillway.cli(self.here, "history").stdout
        self.judge("... her release stands in the log", f"releases break-glass hold {self.number}" in history, history)
        kept = self.lab.spillway.cli(self.here, "status", "--json")
        self.judge("... it is safe", json.loads(kept.stdout)["safe"] is True, kept.stdout[:600])
        self.repair("service-dead", self.victim)


def play(lab):
    p = Glass(lab)
    p.happens("the lab is up: answers, routes and feature files everywhere", p.ready, 30)
    p.judge("somebody leads", lab.spillway.leader(20) is not None)
    p.seen.sleep(p.policy("cold_start") + 1)
    p.breaks_the_glass()
    p.nothing_is_pushed()
    p.releases()
    print(f"1..{p.count}")
    return p.failed == 0


if __name__ == "__main__":
    sys.exit(main(__doc__, play))
