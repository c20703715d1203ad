"""scenario.py: the text of a scenario (tests/sim/scenarios/README.md), read for the lab."""

import os
import re

TIME = re.compile(r"^(\d+)(ms|s|min|h)$")
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


class ScenarioError(Exception):
    pass


def seconds(word):
    found = TIME.match(word)
    if not found:
        raise ScenarioError(f"not a time: {word}")
    return int(found[1]) * UNITS[found[2]]


class Condition:
    def __init__(self, text):
        self.text = text
        self.negated = text.startswith("not ")
        self.words = text.removeprefix("not ").split()


class Expectation:
    """kind: within, from, never, always or last; a condition that is judged from `begin` to `end` after its event."""

    def __init__(self, kind, condition, begin=0.0, end=0.0):
        self.kind, self.condition, self.begin, self.end = kind, condition, begin, end
        self.met, self.since = False, None


class Event:
    """An action at a time of the file's, or as soon as a condition holds."""

    def __init__(self, text, at=None, when=None):
        self.text, self.words, self.at, self.when = text, text.split(), at, when
        self.expected = []


class Scenario:
    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path).removesuffix(".scenario")
        self.header, self.events, self.whole = {}, [], []
        with open(path, encoding="utf-8") as file:
            for line in file:
                self._line(line.split("#")[0].strip())
        if not self.events:
            raise ScenarioError(f"{path}: nothing happens in it")

    def _line(self, line):
        if not line:
            return
        head, _, rest = (part.strip() for part in line.partition(":"))
        words = head.split()
        if words[0] == "at" and words[1:] != ["last"]:
            self.events.append(Event(rest, at=seconds(words[1])))
        elif words[0] == "when":
            self.events.append(Event(rest, when=Condition(head.removeprefix("when "))))
        elif words[0] == "within":
            self.events[-1].expected.append(Expectation("within", Condition(rest), 0.0, seconds(words[1])))
        elif words[0] == "from":
            self.events[-1].expected.append(
                Expectation("from", Condition(rest), seconds(words[1]), seconds(words[3])))
        elif words[0] in ("never", "always"):
            self.whole.append(Expectation(words[0], Condition(rest)))
        elif words == ["at", "last"]:
            self.whole.append(Expectation("last", Condition(rest)))
        else:
            self.header[head] = rest
