"""hands.py: by whose hand the story's disasters come: live drills of Spillway, or the lab itself.

What is demanded of the world afterwards is the story's, and the same for both. Each verb tells what is done, and
returns an instant of CLOCK_MONOTONIC: of a stroke one just before it, of a way back one that is not after it, so that a
time measured from a stroke is never flattered and "not before the hold-down" is never judged too strictly.
"""

import re
import subprocess
import time

from spill import find_incident

STRIKES_WITHIN_S = 15.0
GIVES_BACK_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0
LOOK_S = 0.05  # between two looks at what is struck
TIMER = re.compile(r"timeout (\w+) expires (\w+)")  # of an element of a set, as nft shows it


def timers_age(shown):
    """For how long the eldest timed element of a table has been there, by what nft shows; None when there is none."""
    return max((_seconds(timeout) - _seconds(expires) for timeout, expires in TIMER.findall(shown)), default=None)


def _seconds(text):
    """Of a time as nft writes it: 1m59s948ms."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)(ms|s|m|h)", text))


class StepFailed(Exception):
    """A step was not observed from outside."""


class ByHand:
    """The lab drops packets, takes the power away, and mends; the way back of an IDC waits for a person's command."""

    def __init__(self, story):
        self.story, self.telling, self.faults, self.spillway = story, story.telling, story.lab.faults, story.lab.spillway

    def takeover_s(self, victim_leads):
        """How much longer a rescue may take when the IDC that dies leads: a new leader has to be found."""
        policy = self.story.fleet.policy_s
        return policy("lease") + policy("cold_start") if victim_leads else 0.0

    def cut(self, link):
        self.story.phase("fibre cut", f"The fibre {link['name']} is blackholed: its carrier signal stays, packets vanish")
        before, _ = self.faults.fault("blackhole", [link["name"]])
        self.telling.say("broken: both directions of the fibre drop everything")
        return before

    def mend(self, link):
        self.story.phase("fibre repaired", "The fibre is repaired: routes come back through the log, after the hold-down")
        return self.faults.repair("blackhole", [link["name"]])[1]

    def lose(self, victim, _witness):
        self.story.phase("IDC dead", f"The IDC {victim} dies: power loss; links, uplinks, bus and every process at once")
        return self.faults.fault("idc-dead", [victim])[0]

    def give_back(self, victim):
        self.story.phase("IDC back", f"The IDC {victim} returns: nothing moves before a person's word")
        return self.faults.repair("idc-dead", [victim])[0]

    def welcome(self, victim, witness, returned, own):
        """Nothing moves by itself, as long as one looks on; then a person approves."""
        story = self.story
        settle = story.fleet.policy_s("idc_hold_down") + 3
        story.rest(max(0.0, returned + settle - time.monotonic()))
        story.require(f"{settle:g} s after its return no answer and no feature has moved",
                      not story.moved_since(returned, victim, own))
        incident = find_incident(self.spillway.status(witness), victim)
        if incident is None:
            raise StepFailed(f"spillway status --json shows no open incident on {victim}")
        approved = story.phase("restore", f"A person approves incident {incident}: slots come back in steps, then "
                                          "features in reverse order")
        done = self.spillway.cli(witness, "approve", str(incident), "--reason", "power is back, checked on site")
        if done.returncode != 0:
            raise StepFailed(f"spillway approve {incident}: {done.stderr.strip()}")
        self.telling.quote("spillway approve", done.stdout)
        return approved

    def end(self):
        """What was begun by hand was mended by hand."""

    def drop(self):
        """After a failed step."""


class ByDrill:
    """A live drill strikes and gives back by itself, as its runbook says; a person begins it, and reads its report."""

    def __init__(self, story):
        self.story, self.telling, self.lab = story, story.telling, story.lab
        self.running = self.command = None
        self.struck = []  # the IDCs whose interfaces the drill takes

    def takeover_s(self, victim_leads):
        """Its bus is left to it, so it goes on leading: but it reaches no DNS server, and a server's own replica pushes
        once that one lags by two leases."""
        return 2 * self.story.fleet.policy_s("lease") if victim_leads else 0.0

    def _begin(self, drill, target, host, struck):
        """Begins it, and waits until its stroke is seen in the kernel of one that is struck."""
        self.struck = struck
        self.command = f"spillway drill run {drill} --on {target} --mode live"
        self.telling.say(f"$ {self.command} --reason \"the quickstart's drill\"")
        self.running = self.lab.spillway.begin(host, "drill", "run", drill, "--on", target, "--mode", "live", "--reason",
                                               "the quickstart's drill", "--drills", self.lab.spillway.own_drills())
        ages, looked = self._look(lambda ages: any(age is not None for age in ages), STRIKES_WITHIN_S, "it strikes")
        return looked[1] - max(age for age in ages if age is not None)

    def _ages(self):
        """For how long each kernel has dropped what passes by some interface, because an injector told it to: its own
        word on how old its timers are. None where nothing is dropped."""
        shown = [subprocess.run(self.lab.command_in(idc, ["nft", "list", "table", "inet", "spillway-drill"]),
                                capture_output=True, text=True).stdout for idc in self.struck]
        return [timers_age(text) for text in shown]

    def _look(self, good, seconds, what):
        """Looks until good(the ages); returns them, and the instants before the last two looks."""
        looked, ages = [time.monotonic()] * 2, []

        def look():
            if time.monotonic() - looked[1] < LOOK_S:
                return False
            looked[:] = looked[1], time.monotonic()
            ages[:] = self._ages()
            return good(ages) or self.running.poll() is not None
        if not self.story.wait(look, seconds) or not good(ages):
            raise StepFailed(f"the drill: not seen within {seconds:g} s, or before it ended: {what}")
        return ages, looked

    def _given_back(self):
        _, looked = self._look(lambda ages: ages == [None] * len(ages), GIVES_BACK_WITHIN_S, "it gives back what it took")
        return looked[0]

    def cut(self, link):
        a, b = (e["idc"] for e in link["ends"])
        self.story.phase("fibre cut", f"A person drills: the fibre {link['name']} is cut on purpose, by the runbook fibre-cut")
        before = self._begin("fibre-cut", link["name"], a, [a, b])
        self.telling.say("struck: both ends of the fibre drop everything, the carrier signal stays")
        return before

    def mend(self, link):
        mended = self._given_back()
        self.story.phase("fibre mended", "The drill gives the fibre back: routes come home through the log, after the "
                                         "hold-down")
        return mended

    def lose(self, victim, witness):
        self.story.phase("IDC lost", f"A person drills: the IDC {victim} is lost on purpose, by the runbook idc-outage")
        before = self._begin("idc-outage", victim, witness, [victim])
        self.telling.say(f"struck: every link and uplink of {victim} drops everything; its way to the bus is left")
        return before

    def give_back(self, victim):
        returned = self._given_back()
        self.story.phase("IDC back", f"The drill gives {victim} back. The word for its way back was given with the drill "
                                     "(its step welcome); nothing moves before the hold-down")
        return returned

    def welcome(self, victim, _witness, returned, own):
        """Nothing moves before the hold-down; then it begins by itself, since the word was given."""
        story = self.story
        hold = story.fleet.policy_s("idc_hold_down")
        story.expect("the way back begins", lambda: story.moved_since(returned, victim, own), hold + 20)
        first = min(c["t"] for c in story.moved_since(returned, victim, own))
        story.require(f"that was not before the hold-down of {hold:g} s ({first - returned:.2f} s after its return)",
                      first - returned >= hold)
        story.phase("restore", "Slots come back in steps, then features in reverse order")
        return returned

    def end(self):
        """It ends by itself, and its report is shown."""
        if not self.story.wait(lambda: self.running.poll() is not None, ENDS_WITHIN_S):
            raise StepFailed(f"the drill has not ended within {ENDS_WITHIN_S:g} s")
        code = self._quote()
        self.story.require("the drill passes, and leaves the very plan from before", code == 0)

    def _quote(self):
        out, err = self.running.communicate()
        running, self.running = self.running, None
        self.telling.quote(self.command, out + err)
        return running.returncode

    def drop(self):
        """After a failed step: its command is ended, and what it has said is shown. The drill itself ends by itself."""
        if self.running is not None:
            self.running.kill()
            self._quote()
