"""observe.py: what was seen from outside: the watcher's changes and the users' seconds, on CLOCK_MONOTONIC."""

import glob
import json
import os
import time


class Tail:
    """Whole JSON lines of a growing file."""

    def __init__(self, path):
        self.path, self.position, self.rest = path, 0, ""

    def read(self):
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                file.seek(self.position)
                text = file.read()
                self.position = file.tell()
        except FileNotFoundError:
            return []
        *lines, self.rest = (self.rest + text).split("\n")
        return [json.loads(line) for line in lines if line.startswith("{")]


class Seen:
    """The newest outside state and every change that led to it. Times are seconds of CLOCK_MONOTONIC."""

    def __init__(self, lab):
        self.fleet = lab.fleet
        self.watch = Tail(lab.processes.log_path("watch"))
        self.log_dir = os.path.join(lab.processes.run_dir, "log")
        self.user_tails = {}
        self.dns = {}       # (server, name) -> tuple of addresses, or None: dark
        self.routes = {}    # (idc, to) -> interface, "" for none
        self.answered = {}  # (server, name) -> the newest answer that came
        self.carriers = {}  # (idc, interface) -> whether it has its signal; only what has changed
        self.features = {}  # idc -> frozenset of "service.feature" that are off, or None: no file
        self.changes = []   # dicts with t, kind, key, old, new
        self.seconds = []   # the users' lines, one per feature and second
        self.failures = []  # the users' single failures
        self.on_change = lambda change: None

    def poll(self):
        for line in self.watch.read():
            self._change(line)
        for path in glob.glob(os.path.join(self.log_dir, "users-*.log")):
            for line in self.user_tails.setdefault(path, Tail(path)).read():
                line["t"] /= 1e6
                (self.failures if "failure" in line else self.seconds).append(line)

    def _change(self, line):
        if line["kind"] == "dns":
            table, key = self.dns, (line["server"], line["name"])
            new = None if line["answer"] is None else tuple(line["answer"])
        elif line["kind"] == "route":
            table, key, new = self.routes, (line["idc"], line["to"]), line["device"]
        elif line["kind"] == "carrier":
            table, key, new = self.carriers, (line["idc"], line["device"]), line["up"]
        else:
            table, key = self.features, line["idc"]
            new = frozenset(filter(None, line["off"].split(","))) if line["there"] else None
        change = {"t": line["t"] / 1e6, "kind": line["kind"], "key": key, "old": table.get(key), "new": new,
                  "first": key not in table, "moved": True}
        if line["kind"] == "dns":  # a server that is dark for a moment has moved nobody
            change["moved"] = new is not None and new != self.answered.get(key, new)
            self.answered.update({key: new} if new is not None else {})
        table[key] = new
        self.changes.append(change)
        self.on_change(change)

    def wait(self, predicate, seconds, step=0.02):
        """Polls until predicate() holds; False when it did not within the time."""
        deadline = time.monotonic() + seconds
        while True:
            self.poll()
            if predicate():
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(step)

    def sleep(self, seconds):
        self.wait(lambda: False, seconds, 0.05)

    def changes_since(self, t, kind=None):
        return [c for c in self.changes if c["t"] >= t and kind in (None, c["kind"]) and not c["first"]]

    def moves_since(self, t):
        """Changes but for DNS servers that went dark and came back with what they had."""
        return [c for c in self.changes_since(t) if c["moved"]]

    def first_change(self, t, kind, key, good):
        """When, at or after t, the state of key first became good; None when it has not."""
        return next((c["t"] for c in self.changes
                     if c["t"] >= t and c["kind"] == kind and c["key"] == key and good(c["new"])), None)

    # In words.

    def idcs_of(self, answer):
        """IDC -> number of addresses in an answer."""
        count = {}
        for address in answer or ():
            owner = self.fleet.address_owner(address) or address
            count[owner] = count.get(owner, 0) + 1
        return count

    def answer_text(self, answer):
        if answer is None:
            return "does not answer"
        shares = ", ".join(f"{idc} {n}" for idc, n in sorted(self.idcs_of(answer).items()))
        return shares or "empty"

    def change_text(self, change):
        old, new = change["old"], change["new"]
        if change["kind"] == "dns":
            server, name = change["key"]
            short = name.removesuffix("." + self.fleet.zone)
            return f"{server}: {short}: {self.answer_text(old)} -> {self.answer_text(new)}"
        if change["kind"] == "route":
            idc, to = change["key"]
            return f"kernel at {idc}: to {to}: {old or 'no route'} -> {new or 'no route'}"
        if change["kind"] == "carrier":
            return f"{change['key'][0]}: {change['key'][1]} {'has its' if new else 'lost its'} carrier signal"
        gone, come = (old or frozenset()) - (new or frozenset()), (new or frozenset()) - (old or frozenset())
        words = [f"demoted {', '.join(sorted(come))}"] if come else []
        words += [f"back {', '.join(sorted(gone))}"] if gone else []
        return f"feature file of {change['key']}: {'; '.join(words) or 'written'}"
