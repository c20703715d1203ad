"""scenario_words.py: what the sentences of a scenario mean in the lab: faults, people's commands, and what is seen."""

import json
import re
import subprocess
import time

from scenario import ScenarioError

LOOK_S = 0.3  # between two looks at status
STATES = ["suspected", "confirmed", "mitigated", "recovering", "closed"]
# Only the simulator sees what the core concludes.
UNSEEN = re.compile(r"^(link|idc|observer|conduit|carrier|service|entrance|backbone) .* is (up|down|degraded|unknown)$|"
                    r"^backbone of |^decided \w+ before|^more than \d+ turns|^dns \S+ is half pushed$")
REASON = ("--reason", "a scenario of the corpus")


class Words:
    def __init__(self, plugs):
        self.plugs, self.lab, self.fleet, self.seen = plugs, plugs.lab, plugs.fleet, plugs.seen
        self.home, self.status, self.looked = None, {}, 0.0
        self.cases, self.decided = {}, {}
        self.taken, self.pending, self.dead, self.generation, self.start = None, [], set(), 0, 0

    # What stands.

    def outside(self):
        return ({k: frozenset(v or ()) for k, v in self.seen.dns.items()}, dict(self.seen.routes),
                dict(self.seen.features))

    def first_day(self):
        self.seen.poll()
        self.home = self.outside()

    def begin(self):
        self.taken, self.pending, self.dead = None, [], set()
        self.look(True)
        self.cases, self.decided = {}, {}
        self.generation = self.status.get("generation", 0)
        self.start = self.status.get("applied", 0)

    def at_home(self):
        self.look()
        return (self.outside() == self.home and not self.status.get("incidents") and not self.status.get("orders") and
                all(s["at_plan"] for s in self.status.get("dns_servers", [])))

    def differences(self):
        lines = []
        for name, old, new in zip(("dns", "route", "features"), self.home, self.outside()):
            lines += [f"{name} {key}: {old.get(key)} -> {new.get(key)}" for key in new if old.get(key) != new[key]]
        return "\n".join(lines + [i["text"] for i in self.status.get("incidents", [])] +
                         [o["text"] for o in self.status.get("orders", [])])

    def look(self, now=False):
        """The newest status of a host that has it, and the states that incidents went through."""
        self._due()
        if not now and time.monotonic() - self.looked < LOOK_S:
            return
        self.looked = time.monotonic()
        found = [self.lab.spillway.status(i) or {} for i in self.hosts()]
        fresh = [s for s in found if s.get("daemon_alive")] or found
        if fresh:
            self.status = max(fresh, key=lambda s: s.get("applied", 0))
        change = self.status.get("last_change") or {}
        self.decided.setdefault((change.get("purpose"), change.get("offset")), self.looked)
        for i in self.status.get("incidents", []):
            case = self.cases.setdefault(i["id"], {"kind": i["kind"], "subject": i["subject"], "states": {}})
            case["states"].setdefault(i["state"], self.looked)
            case["waits"] = i["needs_approval"] and not i["approved"]
        opened = {i["id"] for i in self.status.get("incidents", [])}
        for id_, case in self.cases.items():
            if id_ not in opened:
                case["states"].setdefault("closed", self.looked)
                case["waits"] = False

    def ask(self, host, *args):
        """What a verb that shows something says; {} when it says nothing."""
        try:
            return json.loads(self.lab.spillway.cli(host, *args, "--json").stdout)
        except ValueError:
            return {}

    def hosts(self):
        """Where a person would ask: IDCs that live and serve."""
        return [i["name"] for i in self.fleet.idcs if i.get("candidate") and i["name"] not in self.dead]

    # What is done.

    def do(self, words):
        text = " ".join(words)
        for pattern, method in ACTIONS:
            found = re.fullmatch(pattern, text)
            if found:
                method(self, *found.groups())
                return
        raise ScenarioError(f"the lab cannot do this: {text}")

    def _due(self):
        for at, verb, args in list(self.pending):
            if time.monotonic() >= at:
                self.pending.remove((at, verb, args))
                self.plugs.repair(verb, *args)

    def fault(self, verb, *args):
        self.plugs.fault(verb, *args)

    def mend(self, verb, *args):
        if " ".join([verb, *args]) in self.lab.faults.active:
            self.plugs.repair(verb, *args)

    def mend_link(self, link):
        for key in list(self.lab.faults.active):
            made = self.lab.faults.active[key]
            if made["verb"] in ("blackhole", "oneway", "loss", "flap", "carrier") and made["args"][0] == link:
                self.plugs.repair(made["verb"], *made["args"])

    def lose(self, share, link, idc=None):
        end = next((e for e in self.fleet.link(link)["ends"] if e.get("idc") != idc), None)
        if share == "100" and idc:
            self.fault("oneway", link, end.get("idc") or end["carrier"])
        else:
            self.fault("loss", link, share)

    def spans_of(self, idc):
        return [l["name"] for l in self.fleet.spans() if idc in [e["idc"] for e in l["ends"]]]

    def isolate(self, idc):
        for link in self.spans_of(idc):
            self.fault("blackhole", link)

    def join(self, idc):
        for link in self.spans_of(idc):
            self.mend("blackhole", link)

    def kill_idc(self, idc):
        self.dead.add(idc)
        self.fault("idc-dead", idc)

    def revive_idc(self, idc):
        self.mend("idc-dead", idc)
        self.dead.discard(idc)

    def crash_leader(self):
        leads = self.lab.spillway.leader()
        if leads and leads not in self.dead:
            self.fault("kill", f"spillwayd-{leads}")
            self.pending.append((time.monotonic() + 5, "kill", [f"spillwayd-{leads}"]))

    def say(self, *args):
        """At the first host that takes it: the daemon there may be dead or without a bus."""
        for host in self.hosts():
            done = self.lab.spillway.cli(host, *args, *REASON)
            if done.returncode in (0, 1):
                break
        self.taken = done.returncode == 0

    def approve(self, kind, subject):
        self.look(True)
        found = [i for i in self.status.get("incidents", [])
                 if i["kind"] == kind and same_subject(i["subject"], subject)]
        if not found:
            raise ScenarioError(f"there is no {kind} of {subject} to approve")
        self.say("approve", str(found[0]["id"]))

    def release(self, kind):
        self.look(True)
        orders = [o for o in self.status.get("orders", []) if o["kind"] == kind]
        if not orders:
            raise ScenarioError(f"there is no {kind} to release")
        self.say("release", str(orders[-1]["id"]))

    def undo(self, purpose):
        host = self.hosts()[0]
        records = self.ask(host, "history").get("records", [])
        found = [r for r in records if r.get("purpose") == purpose and r.get("changes") and r.get("counts")]
        if not found:
            raise ScenarioError(f"nothing was decided as {purpose}")
        self.say("undo", str(found[-1]["offset"]))

    def drill(self, name, target):
        self.lab.spillway.begin(self.hosts()[0], "drill", "run", name, "--on", target, "--mode", "live", "--json",
                                "--drills", self.lab.spillway.own_drills(), *REASON)
        self.taken = True

    def repair_all(self):
        self.pending = []
        for key in list(self.lab.faults.active):
            made = self.lab.faults.active[key]
            self.plugs.repair(made["verb"], *made["args"])
        self.dead = set()
        self.seen.wait(self._lets_go, 60, 1.0)

    def _lets_go(self):
        """Orders are released, what waits for a person is approved once it is seen good."""
        self.look(True)
        for o in self.status.get("orders", []):
            if not o["ended"]:
                self.say("release", str(o["id"]))
        for i in self.status.get("incidents", []):
            if i["needs_approval"] and not i["approved"]:
                self.say("approve", str(i["id"]))
        return not self.status.get("orders") and not self.status.get("incidents")

    # What is seen.

    @staticmethod
    def unseen(condition):
        return UNSEEN.match(" ".join(condition.words)) is not None

    def holds(self, condition, since):
        for pattern, method in CONDITIONS:
            found = re.fullmatch(pattern, " ".join(condition.words))
            if found:
                return bool(method(self, since, *found.groups())) != condition.negated
        raise ScenarioError(f"the lab cannot see this: {condition.text}")

    def cases_of(self, kind, subject=None):
        return [c for c in self.cases.values()
                if c["kind"] == kind and (subject is None or same_subject(c["subject"], subject))]

    def is_open(self, _, kind, subject=None):
        return any("closed" not in c["states"] for c in self.cases_of(kind, subject))

    def reached(self, since, kind, subject, state):
        """It may have gone through a state between two looks, or before the event: what it is now counts too."""
        wanted = STATES.index(state)
        for c in self.cases_of(kind, subject):
            at = {STATES.index(s): when for s, when in c["states"].items()}
            if at.get(wanted, -1) >= since or ("closed" not in c["states"] and max(at) >= wanted):
                return True
        return False

    def waits(self, _, kind, subject):
        return any(c.get("waits") for c in self.cases_of(kind, subject))

    def servers(self):
        """Those that answer anything."""
        return {s for (s, _), a in self.seen.dns.items() if a is not None}

    def answers(self, service, view):
        name = next(self.fleet.answer_name(v, s) for s in self.fleet.services for v in self.fleet.views
                    if s["name"] == service and v["name"] == view)
        return [self.seen.dns[(s, name)] for s in self.servers() if self.seen.dns.get((s, name)) is not None]

    def slots(self, answer, place):
        mine = {a for e in self.fleet.entrances_of() if place in (e["idc"], e["name"]) for a in e["addresses"]}
        return len(mine & set(answer))

    def has(self, _, service, view, place):
        found = self.answers(service, view)
        return bool(found) and all(self.slots(a, place) > 0 for a in found)

    def omits(self, _, service, view, place):
        found = self.answers(service, view)
        return bool(found) and all(self.slots(a, place) == 0 for a in found)

    def movable(self):
        names = {self.fleet.answer_name(v, s)
                 for s in self.fleet.services if not s["stateful"] for v in self.fleet.views}
        return [(k, a) for k, a in self.seen.dns.items() if k[1] in names and a is not None]

    def is_drained(self, _, place):
        found = self.movable()
        return bool(found) and all(self.slots(a, place) == 0 for _, a in found)

    def lost_a_share(self, _, place):
        return any(self.slots(a, place) < self.slots(self.home[0].get(k, ()), place) for k, a in self.movable())

    def moved(self, _):
        return any(frozenset(a) != self.home[0].get(k) for k, a in self.seen.dns.items() if a is not None)

    def route(self, _, a, b, link):
        found = self.fleet.link(link)
        end = next(e for e in found["ends"] if e.get("idc") == a)
        return self.seen.routes.get((a, b)) == self.fleet.end_interface(found, end)

    def tier_off(self, _, tier, service, region):
        features = [f["name"] for s in self.fleet.services if s["name"] == service for f in s["features"]
                    if f["tier"] >= int(tier)]
        serving = {e["idc"] for e in self.fleet.entrances_of(service)}
        files = [self.seen.features.get(i["name"]) for i in self.fleet.idcs
                 if i["region"] == region and i["name"] in serving and i["name"] not in self.dead]
        return bool(files) and all(f is not None and all(f"{service}.{x}" in f for x in features) for f in files)

    def any_off(self, _):
        return any(self.seen.features.get(i["name"]) for i in self.fleet.idcs if i["name"] not in self.dead)

    def restored(self, _):
        return self.outside() == self.home

    def acknowledged(self, _):
        return all(s["at_plan"] for s in self.status.get("dns_servers", [{"at_plan": False}]))

    def server_at_plan(self, _, server):
        return any(s["name"] == server and s["at_plan"] for s in self.status.get("dns_servers", []))

    def plans(self, _, n="0"):
        return self.status.get("generation", 0) - self.generation > int(n)

    def was_decided(self, since, purpose):
        return any(p == purpose and at >= since and offset > self.start for (p, offset), at in self.decided.items())

    def order(self, _, kind):
        return any(o["kind"] == kind and not o["ended"] for o in self.status.get("orders", []))

    def drill_is(self, _, state):
        return self.ask(self.hosts()[0], "drill", "status").get("state") == state

    def injects(self, _):
        listing = ["nft", "list", "table", "inet", "spillway-drill"]
        return any(subprocess.run(self.lab.command_in(i["name"], listing), capture_output=True).returncode == 0
                   for i in self.fleet.idcs)


def same_subject(told, name):
    """ "service web at beijing" is web@beijing, "IDC shanghai" shanghai: whatever the words between the names are."""
    between = {"IDC", "link", "conduit", "carrier", "service", "entrance", "region", "observer", "at", "over"}
    return set(re.findall(r"[\w-]+", told)) - between == set(name.split("@"))


IDC, LINK, NAME = r"([\w-]+)", r"([\w-]+)", r"([\w-]+)"
ACTIONS = [
    (rf"cut link {LINK}", lambda w, l: w.fault("blackhole", l)),
    (rf"mend link {LINK}", Words.mend_link),
    (rf"lose (\d+)% on link {LINK}", Words.lose),
    (rf"lose (\d+)% on link {LINK} from {IDC}", Words.lose),
    (rf"cut conduit {NAME}", lambda w, c: w.fault("conduit-cut", c)),
    (rf"mend conduit {NAME}", lambda w, c: w.mend("conduit-cut", c)),
    (rf"kill idc {IDC}", Words.kill_idc),
    (rf"revive idc {IDC}", Words.revive_idc),
    (rf"isolate idc {IDC}", Words.isolate),
    (rf"join idc {IDC}", Words.join),
    (rf"lose carrier {NAME} at {IDC}", lambda w, c, i: w.fault("carrier-off", i, c)),
    (rf"return carrier {NAME} at {IDC}", lambda w, c, i: w.mend("carrier-off", i, c)),
    (rf"lose carrier {NAME}", lambda w, c: w.fault("carrier-off-everywhere", c)),
    (rf"return carrier {NAME}", lambda w, c: w.mend("carrier-off-everywhere", c)),
    (rf"kill entrance {NAME}", lambda w, e: w.fault("entrance-dead", e)),
    (rf"revive entrance {NAME}", lambda w, e: w.mend("entrance-dead", e)),
    (rf"mute {IDC}", lambda w, i: w.fault("kill", f"probe-{i}")),
    (rf"unmute {IDC}", lambda w, i: w.mend("kill", f"probe-{i}")),
    (r"crash the leader", Words.crash_leader),
    (r"bus dies", lambda w: w.fault("bus-away")),
    (r"bus lives", lambda w: w.mend("bus-away")),
    (rf"bus leaves {IDC}", lambda w, i: w.fault("bus-away", i)),
    (rf"bus returns to {IDC}", lambda w, i: w.mend("bus-away", i)),
    (rf"dns {NAME} dies", lambda w, s: w.fault("pause", s)),
    (rf"dns {NAME} returns", lambda w, s: w.mend("pause", s)),
    (rf"approve {NAME} (\S+)", Words.approve),
    (rf"order (drain|undrain|pin) (\S+)", lambda w, verb, name: w.say(verb, name)),
    (rf"order drain (\S+) for (\S+)", lambda w, name, ttl: w.say("drain", name, "--ttl", ttl)),
    (rf"order freeze", lambda w: w.say("freeze")),
    (rf"order demote tier (\d) of {NAME} in {NAME}", lambda w, t, s, r: w.say("demote", r, s, t)),
    (rf"order promote {NAME} in {NAME}", lambda w, s, r: w.say("promote", r, s)),
    (rf"release (\w+)", Words.release),
    (rf"undo the (\w+)", Words.undo),
    (rf"run drill {NAME} on (\S+)", Words.drill),
    (r"look", lambda w: None),
]
CONDITIONS = [
    (rf"incident {NAME}", Words.is_open),
    (rf"incident {NAME} (\S+)", Words.is_open),
    (rf"incident {NAME} (\S+) (\w+)", Words.reached),
    (rf"incident {NAME} (\S+) waits for a person", Words.waits),
    (r"no incident is open", lambda w, _: not w.status.get("incidents")),
    (r"decided (\w+)", Words.was_decided),
    (rf"{IDC} leads", lambda w, _, i: w.status.get("leader") == i),
    (rf"answer {NAME} {NAME} has {NAME}", Words.has),
    (rf"answer {NAME} {NAME} omits {NAME}", Words.omits),
    (rf"{NAME} is drained", Words.is_drained),
    (rf"{NAME} lost a share", Words.lost_a_share),
    (rf"route {IDC} to {IDC} is over {LINK}", Words.route),
    (rf"tier (\d) of {NAME} is off in {NAME}", Words.tier_off),
    (r"a tier is off", Words.any_off),
    (rf"dns {NAME} is at the plan", Words.server_at_plan),
    (r"all is acknowledged", Words.acknowledged),
    (r"the plan is restored", Words.restored),
    (r"the plan changed", Words.plans),
    (r"traffic moved", Words.moved),
    (r"more than (\d+) plans", Words.plans),
    (r"order (\w+) holds", Words.order),
    (r"the word was taken", lambda w, _: w.taken is True),
    (r"the word was refused", lambda w, _: w.taken is False),
    (r"drill is (\w+)", Words.drill_is),
    (r"a drill injects", Words.injects),
]
