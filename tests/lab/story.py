#!/usr/bin/env python3
"""story.py: the story of the quickstart: two disasters, seen from outside, told as they happen, judged at the end.

What counts is what lab-watch and the users saw: DNS answers, kernel routes, feature files, logins. Spillway's own
word is asked only for whom to break, for the incident to approve, and for the explanations that are printed.
"""

import argparse
import os
import signal
import sys
import time

sys.dont_write_bytecode = True

import kafka_jars
from fleet import LabError, number
from hands import ByDrill, ByHand, StepFailed
from judging import rates
from lab_up import DEFAULT_FLEET, DEFAULT_RUN, Lab
from loss import death, least_text, login_text, losses
from observe import Seen
from telling import Telling
from users import Windows, by_phase, verdict
from world import CLIENT_TIMEOUT_MS

ALLOWANCE_S = 0.25  # stated beside the confirmation window: decision and DNS
QUIET_S = 10.0
SKIPPED = 77  # meson's status for a test that cannot run here


class Story:
    def __init__(self, lab, telling, hand):
        self.lab, self.fleet, self.telling = lab, lab.fleet, telling
        self.hand = hand(self)
        self.seen = Seen(lab)
        self.seen.on_change = lambda change: telling.change(change, self.seen.change_text(change))
        self.windows, self.deaths = Windows(), []
        self.stateful_windows = Windows()  # an IDC is dead: who is led there waits for it, or for a person
        self.leader = self.judge_from = self.died_at = None
        self.phases = []  # [name, begin, end]
        self.rates = []   # of core requests outside the stated windows
        self.figures = {}
        self.idle = {}  # process -> (percent of a core, MiB) in the quiet
        self.web = [s for s in self.fleet.services if not s["stateful"]]
        self.stateful = [s for s in self.fleet.services if s["stateful"]]

    # Small words for what must be seen.

    def expect(self, what, predicate, seconds):
        """Waits until it is seen from outside."""
        if not self.wait(predicate, seconds):
            raise StepFailed(f"not seen within {seconds:g} s: {what}")
        self.telling.good(what)

    def require(self, what, holds):
        if not holds:
            raise StepFailed(f"does not hold: {what}")
        self.telling.good(what)

    def wait(self, predicate, seconds):
        def step():
            self.telling.users(self.seen.seconds, self.fleet)
            return predicate()
        return self.seen.wait(step, seconds)

    def rest(self, seconds):
        self.wait(lambda: False, seconds)

    def phase(self, name, text):
        now = time.monotonic()
        if self.phases:
            self.phases[-1][2] = now
        self.phases.append([name, now, now])
        self.telling.phase(text)
        return now

    def explain(self, idc, *what):
        done = self.lab.spillway.cli(idc, "explain", *what)
        if done.returncode != 0:
            raise StepFailed(f"spillway explain {' '.join(what)}: {done.stderr.strip()}")
        self.telling.quote(f"spillway explain {' '.join(what)}".rstrip(), done.stdout)

    def figure(self, name, seconds):
        self.figures.setdefault(name, []).append(seconds)

    # What stands where.

    def names(self, services):
        return [self.fleet.answer_name(v, s) for s in services for v in self.fleet.views
                if self.fleet.demand_rps(s, v) > 0]

    def servers(self, without=None):
        return [s["name"] for s in self.fleet.dns_servers if s["idc"] != without]

    def answers(self, services, without=None):
        return {(server, name): self.seen.dns.get((server, name))
                for server in self.servers(without) for name in self.names(services)}

    def core_features(self):
        return {f"{s['name']}.{f['name']}" for s in self.fleet.services for f in s["features"] if f["tier"] == 0}

    # The steps.

    def begin(self):
        """Everything published before users come."""
        self.phase("start", "The fleet starts: one log, nothing known down")
        pairs = len([1 for a in self.fleet.idcs for b in self.fleet.idcs if a is not b])
        self.expect("every name is answered by every DNS server",
                    lambda: all(self.answers(self.fleet.services).values()), 30)
        self.expect("every IDC has a kernel route to every other",
                    lambda: len([d for d in self.seen.routes.values() if d]) == pairs, 15)
        self.expect("every IDC has its feature file", lambda: all(v is not None for v in self.seen.features.values())
                    and len(self.seen.features) == len(self.fleet.idcs), 15)
        self.lab.world.start_clients()
        self.expect("users log in from every view", self._all_views_log_in, 15)
        leader = self.lab.spillway.leader()
        if leader is None:
            raise StepFailed("nobody leads")
        self.telling.say(f"the spillwayd at {leader} leads")
        self.telling.say(f"\"u\" is a second of users, told when it is decided: per view the success of {self.web[0]['name']} "
                         "in percent by tier 0/1/... (d: demoted), and the p95 of each tier")
        self.leader = leader

    def _all_views_log_in(self):
        fresh = [l for l in self.seen.seconds if l["t"] > time.monotonic() - 5 and l["tier"] == 0]
        views = {l["view"] for l in fresh if l["ok"] > 0 and l["failed"] == 0}
        return len(views) == len(self.fleet.views)

    def quiet(self, settle):
        # The probes' first seconds and the cold start belong to the start, not to the quiet.
        self.rest(settle)
        begin = self.phase("quiet", f"Quiet for {QUIET_S:g} s: nothing may change")
        self.judge_from = begin
        daemons = [n for n in self.lab.processes.state["processes"] if n.startswith(("spillwayd-", "probe-"))]
        used = {name: self.lab.processes.usage(name)[0] for name in daemons}
        self.rest(QUIET_S)
        self.require("no answer, no route, no feature changed", not self.seen.changes_since(begin))
        elapsed = time.monotonic() - begin
        for name in daemons:
            cpu, resident = self.lab.processes.usage(name)
            self.idle[name] = (100 * (cpu - used[name]) / elapsed, resident)

    def fibre(self, link):
        """Both ends step to another way at once; the way home leads through the log, after the hold-down."""
        a, b = (e["idc"] for e in link["ends"])
        home = {(a, b): self.seen.routes[(a, b)], (b, a): self.seen.routes[(b, a)]}
        before = self.hand.cut(link)
        for key, device in home.items():
            self.expect(f"the kernel at {key[0]} sends to {key[1]} another way",
                        lambda key=key, device=device: self.seen.routes[key] not in ("", device), 5)
            moved = self.seen.first_change(before, "route", key, lambda d, device=device: d not in ("", device))
            self.figure("fibre cut -> route moved, each end", moved - before)
        self.rest(3)
        self.require("DNS was not touched, no feature either", not self.touched_since(before))
        self.explain(a)
        mended = self.hand.mend(link)
        hold = self.fleet.policy_s("link_hold_down")
        for key, device in home.items():
            self.expect(f"the kernel at {key[0]} sends to {key[1]} by {device} again",
                        lambda key=key, device=device: self.seen.routes[key] == device, hold + 10)
            back = self.seen.first_change(mended, "route", key, lambda d, device=device: d == device) - mended
            self.figure("fibre mended -> route back, each end", back)
            self.require(f"that was not before the hold-down of {hold:g} s ({back:.2f} s)", back >= hold - 0.2)
        self.hand.end()
        self.require("DNS was not touched, no feature either", not self.touched_since(before))
        self.explain(a)

    def touched_since(self, t):
        return self.seen.changes_since(t, "dns") + self.seen.changes_since(t, "features")

    def moved_since(self, t, victim, own):
        """Answers and features that moved by a decision: not what the victim's own servers and files caught up on."""
        return [c for c in self.seen.changes_since(t, "dns") if c["key"][0] not in own] + \
               [c for c in self.seen.changes_since(t, "features") if c["key"] != victim]

    def idc_dies(self, victim):
        """Its addresses leave every answer; at the receivers the highest tiers go; the core and the stateful stay."""
        witness = next(i["name"] for i in self.fleet.idcs if i["name"] != victim and i.get("candidate"))
        stateful_before = self.answers(self.stateful, victim)
        answers = self.answers(self.fleet.services, victim)
        before = self.died_at = self.hand.lose(victim, witness)
        self.deaths.append(death(self.fleet, answers, victim, before))
        confirm = self.fleet.policy_s("confirmation")
        ttl = self.fleet.geo_ttl_s + max(self.fleet.seconds(s, "ttl") for s in self.web)
        takeover = self.hand.takeover_s(victim == self.leader)
        why = f"{victim} dies: confirmation {confirm:g} s + {ALLOWANCE_S:g} s + TTLs {ttl:g} s"
        why += f" + until another acts in its place {takeover:g} s" if takeover else ""
        self.windows.add(before, confirm + ALLOWANCE_S + ttl + takeover, why)
        gone = lambda answer: bool(answer) and victim not in self.seen.idcs_of(answer)
        for server in self.servers(victim):
            self.expect(f"{server}: {victim} is in no answer of {', '.join(s['name'] for s in self.web)}",
                        lambda server=server: all(gone(self.seen.dns[(server, n)]) for n in self.names(self.web)),
                        confirm + takeover + 10)
            # Only names that ever held the victim had to change; the server is right when its last one is.
            moved = [c["t"] for c in self.seen.changes_since(before, "dns") if c["key"][0] == server]
            self.figure(f"IDC lost -> {server} right", (max(moved) if moved else before) - before)
        self._demotions(before, victim)
        self.rest(3)
        self.require("no answer was ever empty", not [c for c in self.seen.changes_since(before, "dns")
                                                     if c["new"] == () and c["key"][0] in self.servers(victim)])
        self.require(f"{', '.join(s['name'] for s in self.stateful)} (stateful) stays where it is",
                     self.answers(self.stateful, victim) == stateful_before)
        self._status_waits(witness, victim)
        self.explain(witness)
        return witness

    def _demotions(self, before, victim):
        """The feature files of the receivers, against the shift: demoted with it, never the core."""
        shifted = [c["t"] for c in self.seen.changes_since(before, "dns")
                   if c["new"] and c["key"][0] in self.servers(victim)]
        receivers = {idc for answer in self.answers(self.web, victim).values() for idc in self.seen.idcs_of(answer)}
        files = {idc: [c for c in self.seen.changes_since(before, "features") if c["key"] == idc and c["new"]]
                 for idc in sorted(receivers)}
        need = self._demand_units() > self._capacity_units(victim)
        if need:
            self.require(f"the receivers ({', '.join(files)}) demoted features", any(files.values()))
        for idc, changes in files.items():
            for change in changes[:1]:
                lead = min(shifted) - change["t"]
                self.figure("demotion at a receiver before the first shifted answer", lead)
                self.require(f"{idc} demoted {', '.join(sorted(change['new']))} with the shift ({1000 * lead:+.0f} ms "
                             "before it)", lead > -self.fleet.policy_s("rescue_bound"))
        self._tiers_from_the_top()

    def _tiers_from_the_top(self):
        off = frozenset().union(*(v or frozenset() for v in self.seen.features.values()))
        self.require("tier 0 is demoted nowhere", not off & self.core_features())
        for idc, names in self.seen.features.items():
            for service in self.fleet.services:
                tiers = {f["tier"]: f"{service['name']}.{f['name']}" in (names or ()) for f in service["features"]}
                kept_above = [t for t in tiers if not tiers[t] and any(tiers[u] and u < t for u in tiers)]
                if kept_above:
                    raise StepFailed(f"{idc} keeps tier {max(kept_above)} of {service['name']}, a lower one is demoted")

    def _demand_units(self):
        return sum(self.fleet.demand_rps(s, v) * sum(number(f, "cost", "ppm") for f in s["features"]) / 1e6
                   for s in self.web for v in self.fleet.views)

    def _capacity_units(self, without):
        return sum(n for s in self.web for idc, n in number(s, "capacity", "ups").items() if idc != without)

    def _status_waits(self, witness, victim):
        done = self.lab.spillway.cli(witness, "status")
        self.telling.quote("spillway status", done.stdout)
        names = [s["name"] for s in self.stateful if self.fleet.entrances_of(s["name"], victim)] + ["spillway approve"]
        self.require("`spillway status` says what waits for a person",
                     done.returncode == 0 and all(n in done.stdout for n in names))

    def idc_returns(self, victim, witness, baseline):
        returned = self.hand.give_back(victim)
        back = (CLIENT_TIMEOUT_MS / 1000 + self.fleet.geo_ttl_s +
                max((self.fleet.seconds(s, "ttl") for s in self.stateful), default=0.0))
        self.stateful_windows.add(self.died_at, returned + back - self.died_at,
                                  f"{victim} is dead, what is stateful stays there; back: one timeout and TTLs {back:g} s")
        # A server that was dead comes back with its old answers, and is brought to the plan.
        own = [s["name"] for s in self.fleet.dns_servers if s["idc"] == victim]
        for server in own:
            other = self.servers(victim)[0]
            self.expect(f"{server}, back with old answers, is brought to the plan",
                        lambda server=server: all(self.seen.dns[(server, n)] == self.seen.dns[(other, n)]
                                                  for n in self.names(self.web)), 10)
        approved = self.hand.welcome(victim, witness, returned, own)
        self.expect("every answer is as it was at the beginning",
                    lambda: all(sorted(self.seen.idcs_of(self.seen.dns[key]).items()) ==
                                sorted(self.seen.idcs_of(answer).items()) for key, answer in baseline.items()), 40)
        self.expect("every feature is back", lambda: not any(self.seen.features.values()), 30)
        self._steps(approved, victim)
        self.hand.end()
        self.explain(witness)
        done = self.lab.spillway.cli(witness, "history")
        self.telling.quote("spillway history", done.stdout)
        self.rest(3)

    def _steps(self, approved, victim):
        """Slots came in steps: no view got more at once than the policy's step; features by tier, lowest first."""
        step = self.fleet.policy["restore_step_ppm"] / 1e6
        slots = {v["name"]: v["slots"] for v in self.fleet.views}
        for change in self.seen.changes_since(approved, "dns"):
            view = change["key"][1].split(".")[0]
            grown = self.seen.idcs_of(change["new"]).get(victim, 0) - self.seen.idcs_of(change["old"]).get(victim, 0)
            if grown > max(1, step * slots[view]) and change["old"] is not None:
                raise StepFailed(f"{view} got {grown} of {slots[view]} slots at once")
        self.telling.good(f"no view got more than {100 * step:g} % of its slots in one step")
        tiers = {f"{s['name']}.{f['name']}": f["tier"] for s in self.fleet.services for f in s["features"]}
        for idc in self.seen.features:
            back = [max(tiers[n] for n in c["old"] - c["new"]) for c in self.seen.changes_since(approved, "features")
                    if c["key"] == idc and c["old"] and c["new"] is not None and c["old"] - c["new"]]
            if back != sorted(back):
                raise StepFailed(f"{idc}: features came back in the order of tiers {back}")
        self.telling.good("features came back in the reverse order, lowest tier first")

    def judge(self):
        """The users' verdict, from the quiet to now."""
        end = time.monotonic()
        self.phases[-1][2] = end
        self.rest(2.5)  # the last seconds are printed once their requests are decided
        v = verdict(self.seen, self.windows, self.judge_from, end)
        self.telling.table(by_phase(self.seen, self.phases[1:]))
        names = {s["name"] for s in self.web}
        span = (self.judge_from, end)
        self.telling.losses(losses(self.fleet, self.seen.seconds, span, self.web, self.deaths),
                            losses(self.fleet, self.seen.seconds, span, self.stateful, []),
                            login_text(v["outside"], names), least_text(self.fleet, self.web))
        self.telling.figures(self.figures, self.idle)
        for begin, until, why in self.windows.spans:
            inside = len([f for f in v["inside"] if begin <= f["t"] < until])
            self.telling.say(f"stated window of {until - begin:.2f} s: {why}; core requests that failed inside: {inside}")
        for begin, until, why in self.stateful_windows.spans:
            self.telling.say(f"stated window of {until - begin:.2f} s for what is stateful: {why}")
        judged = ((self.web, self.windows), (self.stateful, self.stateful_windows))
        self.rates = rates(self.fleet, self.seen, judged, self.judge_from, end)
        for rate in self.rates:
            self.require(str(rate), rate.holds)
        self.require(f"no refused core request of any service names capacity ({len(v['capacity'])})", not v["capacity"])
        dead = [n for n in self.lab.processes.state["processes"] if not self.lab.processes.alive(n)]
        self.require(f"no process died but by our hand {dead or ''}".rstrip(), not dead)


def choose_victim(fleet, leader):
    """An IDC with a stateful service that does not lead; the death of the one that does: --victim leader."""
    stateful = {e["idc"] for s in fleet.services if s["stateful"] for e in fleet.entrances_of(s["name"])}
    serving = [i["name"] for i in fleet.idcs if fleet.entrances_of(idc=i["name"]) and i["name"] != leader]
    if not serving:
        raise StepFailed("no IDC but the leader's serves anything")
    return next((i for i in reversed(serving) if i in stateful), serving[-1])


def play(lab, telling, victim, by_hand):
    story = Story(lab, telling, ByHand if by_hand else ByDrill)
    try:
        story.begin()
        story.quiet(settle=story.fleet.policy_s("report_interval") * 2)
        story.fibre(story.fleet.spans()[0])
        baseline = story.answers(story.fleet.services)
        story.leader = lab.spillway.leader() or story.leader
        victim = story.leader if victim == "leader" else victim or choose_victim(story.fleet, story.leader)
        witness = story.idc_dies(victim)
        story.idc_returns(victim, witness, baseline)
        story.judge()
        telling.end(True, "every step was seen from outside")
        return True
    except StepFailed as failure:
        story.hand.drop()
        telling.end(False, str(failure))
        return False
    finally:
        story.seen.poll()
        telling.write({"figures_s": story.figures, "idle": story.idle, "windows": story.windows.spans, "phases": story.phases,
                       "core_outside_windows": [r.as_json() for r in story.rates],
                       "seconds": story.seen.seconds, "failures": story.seen.failures})


def main():
    p = argparse.ArgumentParser(prog="story.py", description=__doc__.split("\n\n")[0].split(": ", 1)[1])
    p.add_argument("--build", required=True, metavar="DIR")
    p.add_argument("--run", default=DEFAULT_RUN, metavar="DIR")
    p.add_argument("--fleet", default=DEFAULT_FLEET)
    p.add_argument("--scale", type=float, default=0.25)
    p.add_argument("--json", metavar="FILE", help="write the timeline and everything seen")
    p.add_argument("--keep", action="store_true", help="leave the lab up")
    p.add_argument("--test", action="store_true", help="as a test: status 77 (skipped) without root")
    p.add_argument("--victim", metavar="IDC",
                   help="which IDC dies: a name, or `leader` (default: one that does not lead)")
    p.add_argument("--by-hand", action="store_true", help="the lab cuts the fibre and takes the power of the IDC, and a person approves; else live drills do")
    p.add_argument("--kafka", action="store_true", help="on Apache Kafka, a broker in each IDC, instead of spillway-broker")
    args = p.parse_args()
    if os.geteuid() != 0 and args.test:
        print("skipped: network namespaces need root")
        return SKIPPED
    if os.geteuid() != 0:
        raise LabError("network namespaces need root")
    if args.kafka:
        try:
            kafka_jars.jars()
        except kafka_jars.Absent as reason:
            if not args.test or kafka_jars.required():
                raise
            print(f"skipped: {reason}")
            return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is taken down
    telling = Telling(args.json)
    good = False
    lab = Lab.up(args.run, args.fleet, args.build, args.scale, {}, True, kafka=args.kafka)
    try:
        good = play(lab, telling, args.victim, args.by_hand)
        if not good:
            telling.logs(lab)
    finally:
        if not args.keep:
            Lab.down(args.run)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"story.py: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
