"""page.py: docs/first-drill.md word for word, against a lab that is up: every command of it is typed, in its order, and
what the page shows of `drill check` and of the report's score is what is seen, but for numbers.
"""

import json
import os
import re
import subprocess
import tempfile
import time

from fleet import TREE

PAGE = os.path.join(TREE, "docs", "first-drill.md")
TYPED = ("spillway ", "sh ", "watch ")
DEFINED = ("here=", "spillway()")  # what a reader types once, for all that follows
SHOWN = ("drill check", "drill report")  # whose output stands below the command


def blocks(text):
    """The indented blocks of a page, each a list of lines."""
    found = [[]]
    for line in text.splitlines():
        if line.startswith("    "):
            found[-1].append(line[4:])
        elif line or found[-1][-1:] != [""]:
            found.append([])
    return [b for b in found if b]


def commands(text):
    """(what is defined once, [[command, lines that the page shows of its output], ...])"""
    defined, typed = [], []
    for block in blocks(text):
        for line in block:
            if line.startswith(DEFINED):
                defined.append(line)
            elif line.startswith(TYPED):
                typed.append([line, []])
            elif typed:
                typed[-1][1].append(line)
    return defined, typed


def shape(line):
    """A line without its numbers, which differ from run to run."""
    return re.sub(r"\d+(\.\d+)?( (us|ms|s|min)\b)?", "N", " ".join(line.split()))


class Reader:
    """Somebody who types the page. judge: plugs.Plugs, whose verdicts are printed and counted."""

    def __init__(self, plugs, directory):
        self.plugs, self.lab, self.directory = plugs, plugs.lab, directory
        os.makedirs(os.path.join(directory, "build"))
        os.symlink(self.lab.programs.build_dir, os.path.join(directory, "build", "quickstart"))
        os.symlink(os.path.join(TREE, "runbooks"), os.path.join(directory, "runbooks"))
        with open(PAGE, encoding="utf-8") as file:
            self.defined, self.typed = commands(file.read())

    def shell(self, line):
        return subprocess.run(["bash", "-c", "\n".join([*self.defined, line])], cwd=self.directory, text=True,
                              capture_output=True, env={**os.environ, "NO_COLOR": "1"}, timeout=180)

    def asked(self, line):
        return json.loads(self.shell(line + " --json").stdout)

    def filled(self, line):
        """The numbers that a reader looks up where the page says so."""
        records = self.asked("spillway history --limit 100")["records"] if re.search(r"\b(N|DECISION)\b", line) else []
        if "DECISION" in line:
            line = line.replace("DECISION", str([r["offset"] for r in records if r.get("purpose") == "routes"][-1]))
        if "incident N" in line:
            line = line.replace("incident N", f"incident {[r['incidents'] for r in records if r.get('incidents')][-1][0]}")
        if re.search(r"\bORDER\b", line):
            line = re.sub(r"\bORDER\b", str(self.asked("spillway status")["orders"][0]["id"]), line)
        return line

    def type(self, line, shown):
        line = self.filled(line)
        if line.startswith("sh "):  # the lab is up, and stays
            known = self.shell("sh runbooks/quickstart --help").stdout
            self.plugs.judge(f"the page: {line}: there is such an option", line.split()[-1] in known, known)
            return
        done = self.shell(re.sub(r"^watch -n \S+ ", "", line))
        self.plugs.judge(f"the page: {line}", done.returncode == 0, done.stdout + done.stderr)
        if any(word in line for word in SHOWN):
            score = shown[:next((i for i, l in enumerate(shown) if l.startswith("records")), len(shown))]
            seen = {shape(l) for l in done.stdout.splitlines()}
            other = [l for l in score if l and shape(l) not in seen]
            self.plugs.judge("... and shows what the page shows", score and not other, "\n".join([*other, "it said:", done.stdout]))

    def read(self):
        plugs = self.plugs
        link = self.lab.fleet.link("beijing-shanghai")
        home = plugs.home_of(link)
        for line, shown in self.typed:
            since = time.monotonic()
            self.type(line, shown)
            if "--mode live" in line:
                plugs.judge("... both ends went another way, and came home", all(
                    plugs.seen.first_change(since, "route", key, lambda d, device=device: d not in ("", device)) and
                    plugs.seen.wait(lambda key=key, device=device: plugs.seen.routes[key] == device, 5)
                    for key, device in home.items() if plugs.seen.poll() is None))
            elif "undo" in line and "--reason" in line:
                plugs.moves_away("... the undo", home)
            elif "release" in line:
                for key, device in home.items():
                    plugs.happens(f"... released: {key[0]} routes to {key[1]} by {device} again",
                                  lambda key=key, device=device: plugs.seen.routes[key] == device, 15)
        plugs.judge("the page was read to its end", len(self.typed) >= 14, str(self.typed))


def read(plugs):
    with tempfile.TemporaryDirectory(prefix="spillway-page-") as directory:
        Reader(plugs, directory).read()
