#!/usr/bin/env python3
"""compound.py: one disaster on top of another, judged from outside. Prints TAP; skipped without root.

A DNS server hangs (its process is stopped, its sockets still accept), then an IDC dies: the other server goes on in its
own time, `spillway status` says which one lags and why, and when it wakes up it is brought to the same fence. While the
IDC is still dead, the fibre between the last two is cut: nothing empties an answer, both stay, their users log in.
"""

import sys
import time

sys.dont_write_bytecode = True

from fleet import LabError
from net import enter, run
from plugs import MOVES_WITHIN_S, Plugs, main
from users import LOGIN_GOAL, Windows, verdict

CONVERGES_S = 20.0  # a server that failed for long is tried every 10 s


class Compound(Plugs):
    def __init__(self, lab):
        super().__init__(lab)
        named = {s["idc"] for s in self.fleet.dns_servers}
        serving = [i["name"] for i in self.fleet.idcs if self.fleet.entrances_of(idc=i["name"])]
        self.victim = next((n for n in reversed(serving) if n not in named), None)
        if self.victim is None or len(self.fleet.dns_servers) < 2:
            raise LabError("this needs two DNS servers, and an IDC that serves and has none of them")
        self.hung, self.others = self.fleet.dns_servers[0], self.fleet.dns_servers[1:]
        self.web = [s for s in self.fleet.services if not s["stateful"]]
        self.died_at = 0.0

    # Words for what stands where.

    def names(self, services):
        return [self.fleet.answer_name(v, s) for s in services for v in self.fleet.views
                if self.fleet.demand_rps(s, v) > 0]

    def right(self, server):
        """The server's answers for what may be moved name somebody, and never the dead one."""
        answers = [self.seen.dns[(server["name"], n)] for n in self.names(self.web)]
        return all(a and self.victim not in self.seen.idcs_of(a) for a in answers)

    def fence(self, server):
        """The fence as the server itself publishes it, asked by a carrier."""
        carrier = self.fleet.uplinks(idc=server["idc"])[0][2]["carrier"]
        return run(enter(self.fleet.carrier_netns(carrier), [
            "dig", "+short", "+tries=1", "+time=1", "-p", str(server["port"]), f"@{server['address']}",
            f"_fence.{self.fleet.zone}", "TXT"]), check=False).strip()

    def told(self, server):
        """What `spillway status` says of a DNS server where the leader is: JSON's object, and the text's lines."""
        leader = self.lab.spillway.leader()
        status = self.lab.spillway.status(leader) or {}
        found = next((s for s in status.get("dns_servers", []) if s["name"] == server["name"]), {})
        lines = self.lab.spillway.cli(leader, "status").stdout.splitlines()
        at = next((i for i, line in enumerate(lines) if line.split()[:1] == [server["name"]]), len(lines))
        return found, "\n".join(lines[at:at + 2])

    def users_log_in(self):
        """From the beginning: the demand that the services tell is what the plan is made for."""
        self.lab.world.start_clients()
        def all_views():
            fresh = [l for l in self.seen.seconds if l["t"] > time.monotonic() - 5 and l["tier"] == 0
                     and l["service"] == self.web[0]["name"] and l["ok"] > 0 and l["failed"] == 0]
            return {l["view"] for l in fresh} == {v["name"] for v in self.fleet.views}
        self.happens("users log in from every view", all_views, 15)

    # The first pair: a DNS server hangs, an IDC dies.

    def another_leads(self):
        """So that the victim's death is not also the leader's: that is the story of --victim leader."""
        if self.lab.spillway.leader() != self.victim:
            return
        self.fault("kill", f"spillwayd-{self.victim}")
        self.happens(f"the spillwayd at {self.victim} is killed: another leads", lambda: any(
            (self.lab.spillway.status(n) or {}).get("leader") not in (None, self.victim)
            for n in self.all_of("idc") if n != self.victim), 15)
        self.repair("kill", f"spillwayd-{self.victim}")
        self.seen.sleep(self.policy("cold_start") + 1)

    def hangs_then_idc_dies(self):
        self.fault("pause", self.hung["name"])
        self.happens(f"{self.hung['name']} hangs: it answers nobody", lambda: not any(
            self.seen.dns[(self.hung["name"], n)] for n in self.names(self.fleet.services)))
        self.died_at = self.fault("idc-dead", self.victim)
        # A server's own IDC helps after two leases (PROTOCOL.md): what is right by then had no need of help.
        alone = self.policy("confirmation") + 2 * self.policy("lease")
        for server in self.others:
            self.happens(f"{self.victim} dies: it is in no answer of {server['name']}",
                         lambda server=server: self.right(server), alone + MOVES_WITHIN_S)
            moved = max((c["t"] for c in self.seen.changes_since(self.died_at, "dns")
                         if c["key"][0] == server["name"]), default=float("inf")) - self.died_at
            self.judge(f"... in its own time: {moved:.2f} s", moved < alone)
        self._status_tells()

    def _status_tells(self):
        said = {}
        def lags():
            said["json"], said["text"] = self.told(self.hung)
            return said["json"].get("status", 0) != 0 and said["json"].get("detail")
        good = self.seen.wait(lags, 8, 0.3)
        self.judge(f"`spillway status --json` where the leader is: {self.hung['name']} lags, and why",
                   good and not said["json"]["at_plan"], str(said))
        self.judge("... the text says the same", bool(good) and said["json"]["text"] in said["text"] and
                   said["json"]["detail"] in said["text"], str(said))
        for line in said["text"].splitlines():
            print(f"# | {line}")
        for server in self.others:
            found, text = self.told(server)
            self.judge(f"... and {server['name']} is at the plan", found.get("at_plan") and "at the plan" in text,
                       f"{found} {text}")

    def wakes_up(self):
        since = time.monotonic()
        self.repair("pause", self.hung["name"])
        self.happens(f"{self.hung['name']} wakes up: it is brought to the plan", lambda: self.right(self.hung),
                     CONVERGES_S)
        fences = {}
        def agree():
            fences.update({s["name"]: self.fence(s) for s in self.fleet.dns_servers})
            return all(fences.values()) and len(set(fences.values())) == 1
        self.judge("... to the same fence as the others", self.seen.wait(agree, CONVERGES_S, 0.3), str(fences))
        others = [s["name"] for s in self.others]
        self.stays_where("... which moved nothing at the others", since, 2, lambda c: c["key"][0] in others)

    def stays_where(self, what, since, seconds, which):
        self.seen.sleep(max(0.0, since + seconds - time.monotonic()))
        moved = [c for c in self.seen.changes_since(since, "dns") if which(c)]
        self.judge(what, not moved, "\n".join(self.seen.change_text(c) for c in moved))

    # The second pair: the IDC is still dead, and the fibre between the last two is cut.

    def fibre_of_the_last(self):
        link = next(l for l in self.fleet.spans() if self.victim not in [e["idc"] for e in l["ends"]])
        a, b = (e["idc"] for e in link["ends"])
        begin = time.monotonic()
        since = self.fault("blackhole", link["name"])
        self.stays(f"{self.victim} is dead, and the fibre between {a} and {b} is cut: no answer, no feature moves",
                   since, self.policy("confirmation") + self.policy("report_stale") + 5, ("dns", "features"))
        for server in self.fleet.dns_servers:
            at = {idc for n in self.names(self.web) for idc in self.seen.idcs_of(self.seen.dns[(server["name"], n)])}
            self.judge(f"... {server['name']} still names {a} and {b}", at == {a, b}, str(sorted(at)))
        dark = [c for c in self.seen.changes_since(self.died_at, "dns")
                if c["new"] == () or (not c["new"] and c["key"][0] != self.hung["name"])]
        self.judge("... since the IDC died no answer was ever empty", not dark,
                   "\n".join(self.seen.change_text(c) for c in dark))
        gone = [c for c in self.seen.changes_since(since, "route") if c["key"] in ((a, b), (b, a)) and not c["new"]]
        kept = self.seen.routes[(a, b)] and self.seen.routes[(b, a)]
        self.judge("... and the last routes were never withdrawn", kept and not gone,
                   "\n".join(self.seen.change_text(c) for c in gone))
        self._users_kept(begin)
        mended = self.repair("blackhole", link["name"])
        self.stays("the fibre is mended: no answer, no feature moves", mended, self.policy("link_hold_down") + 2,
                   ("dns", "features"))

    def _users_kept(self, begin):
        self.seen.sleep(2.5)  # the last seconds are told once their requests are decided
        v = verdict(self.seen, Windows(), begin, time.monotonic() - 2.5)
        for service in self.fleet.services:
            core = next(f["name"] for f in service["features"] if f["tier"] == 0)
            for view in self.fleet.views:
                if self._is_led_to_the_dead(view, service):
                    continue
                good, bad = v["outside"].get((view["name"], service["name"], core), (0, 0))
                self.judge(f"... users of {view['name']}: {service['name']}.{core} {good} of {good + bad}",
                           good > 0 and good >= LOGIN_GOAL * (good + bad), str(self.seen.failures[-5:]))
        self.judge("... and none is refused for want of capacity", not v["capacity"], str(v["capacity"][:5]))

    def _is_led_to_the_dead(self, view, service):
        """Of a stateful service that stays there and waits for a person."""
        name = self.fleet.answer_name(view, service)
        return service["stateful"] and any(self.victim in self.seen.idcs_of(self.seen.dns[(s["name"], name)])
                                           for s in self.fleet.dns_servers)


def play(lab):
    p = Compound(lab)
    p.happens("the lab is up: answers, routes and feature files everywhere", p.ready, 30)
    p.judge("somebody leads", lab.spillway.leader(20) is not None)
    p.users_log_in()
    p.seen.sleep(p.policy("cold_start") + 1)
    p.another_leads()
    p.hangs_then_idc_dies()
    p.wakes_up()
    p.fibre_of_the_last()
    print(f"1..{p.count}")
    return p.failed == 0


if __name__ == "__main__":
    sys.exit(main(__doc__, play))
