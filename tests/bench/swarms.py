"""swarms.py: figures of the simulator: the corpus, seeds with all faults, and one deliberate bug per law at least.

Start seeds are drawn afresh for each run and printed: what was seen can be seen again with the printed command.
"""

import os
import re
import statistics
import subprocess
from typing import NamedTuple

APART = 1 << 40      # between the start seeds of two swarms of one run
MOST_SEEDS = 1000    # until a deliberate bug must have been found
ENDLESS = 10 ** 9    # more seeds than any time is enough for

# The laws, as docs/ARCHITECTURE.md numbers them.
LAWS = {
    1: "without positive, fresh evidence nothing moves",
    2: "no IDC is drained on one observer's word alone",
    3: "first the log, then the act",
    4: "what is stale overwrites nothing",
    5: "the last one always stays, and so does core",
    6: "a rescue is not held up; a planned shift waits for its demotion",
    7: "the way back is harder than the way down",
    8: "every decision can say why",
    9: "work has a bound",
    10: "the same log, the same state; the same seed, the same run",
    11: "a drill gives way to a real incident",
    12: "the machine moves nothing stateful",
}


class Binaries:
    def __init__(self, build, source):
        self.sim, self.sim_bugs, self.scenario, self.scenario_bugs = (
            os.path.join(build, "tests", "sim", n) for n in ("sim", "sim-bugs", "scenario", "scenario-bugs"))
        self.corpus = os.path.join(source, "tests", "sim", "scenarios")


def run_all(commands):
    """Runs them side by side; (exit code, output) of each."""
    running = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for c in commands]
    return [(r.returncode, out) for r, out in [(r, r.communicate()[0]) for r in running]]


def diagnostics(out):
    """Lines of TAP that are not ok, each with what stands below it."""
    lines, bad, inside = out.splitlines(), [], False
    for line in lines:
        inside = line.startswith("not ok") or (inside and line.startswith("#"))
        bad += [line] if inside else []
    return "\n".join(bad)


def corpus(promises, binaries):
    promises.title("corpus", "every named disaster of tests/sim/scenarios, in the simulator, twice")
    [(code, out)] = run_all([[binaries.scenario, binaries.corpus]])
    good, bad = (len(re.findall(rf"(?m)^{word} \d+ - ", out)) for word in ("ok", "not ok"))
    named = len([n for n in os.listdir(binaries.corpus) if n.endswith(".scenario")])
    # Of those that came out otherwise: something that must never happen did, or a law was broken.
    forbidden = len(re.findall(r'(?m)^# .*("never: |"always: |law)', diagnostics(out)))
    promises.judge(f"corpus: {good} of {named}: expected verdicts all seen, {forbidden} forbidden actions",
                   code == 0 and good == named and forbidden == 0, diagnostics(out) or (out if bad == 0 else ""))
    promises.figures["corpus"] = {"cases": named, "as_expected": good, "forbidden": forbidden}


class Swarm(NamedTuple):
    """What one process of the simulator said of its seeds."""
    start: int
    seeds: int
    violations: int
    false_drains: int
    text: str
    ended_well: bool


def read_swarm(start, code, out):
    counts = [re.search(pattern, out) for pattern in (r"(?m)^(\d+) seeds in", r"(?m)^(\d+) violations, (\d+) false drains")]
    if None in counts:
        return Swarm(start, 0, 0, 0, out, False)
    seeds, violations, false = int(counts[0][1]), int(counts[1][1]), int(counts[1][2])
    return Swarm(start, seeds, violations, false, out, code == 0)


def swarm(promises, binaries, start, seconds, jobs):
    promises.title("swarm", f"seeds with all faults, as many as fit in {seconds:g} s on {jobs} cores")
    commands = {start + j * APART: [binaries.sim, "--seeds", str(ENDLESS), "--seconds", f"{seconds:g}", "--seed",
                                    str(start + j * APART)] for j in range(jobs)}
    found = [read_swarm(s, *done) for s, done in zip(commands, run_all(commands.values()))]
    for f in found:
        promises.say(f"sim --seed {f.start} --seeds {f.seeds}: {f.violations} violations, {f.false_drains} false drains")
        if not f.ended_well:
            promises.say(f"again: sim --seed {f.start + max(0, f.seeds - 1)} --seeds 1 --trace")
    n, violations, false = (sum(getattr(f, k) for f in found) for k in ("seeds", "violations", "false_drains"))
    bound = f"; with 95 % confidence fewer than 3/N = {3 / n:.5f} of all seeds" if n and not violations + false else ""
    promises.judge(f"swarm: N = {n} seeds, {violations} violations, {false} false drains{bound}",
                   n > 0 and all(f.ended_well for f in found) and violations == 0 and false == 0,
                   "\n".join(line for f in found if not f.ended_well for line in f.text.splitlines()))
    promises.say("(rule of three: Hanley and Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA 249, 1983)")
    promises.figures["swarm"] = {"seeds": n, "violations": violations, "false_drains": false, "starts": list(commands),
                                 "bound": 3 / n if n else None}


class Bug:
    """A deliberate bug of state/base/bug.h and what found it."""

    def __init__(self, law, what):
        self.law, self.what = law, what
        self.needed = []     # seeds that each swarm needed; None: it was not found by that one
        self.said = []       # what was wrong, by the oracles
        self.scenarios = []  # that find it

    @property
    def by_seeds(self):
        return bool(self.needed) and None not in self.needed

    def text(self):
        tries = [n for n in self.needed if n is not None]
        seeds = f"median {statistics.median(tries):g}, most {max(tries)} seeds" if tries else "by no seed"
        if tries and not self.by_seeds:
            seeds += f" ({len(self.needed) - len(tries)} of {len(self.needed)} swarms missed it)"
        named = "; ".join(f'"{s}"' for s in self.scenarios)
        only = "" if tries else "only "
        return f"{seeds}{f'; {only}scenario {named}' if named else ''}"


def read_bugs(outs):
    """name -> Bug, of what each swarm of sim-bugs printed."""
    bugs = {}
    for out in outs:
        for ok, name, law, what, rest, said in re.findall(
                r"(?m)^(ok|not ok) \d+ - (\w+), laws? (\d+): (.*?): ((?:found|not found).*)$(?:\n# (.*))?", out):
            bug = bugs.setdefault(name, Bug(int(law), what))
            found = re.search(r"the (\d+)\. one$", rest)
            bug.needed.append(int(found[1]) if ok == "ok" and found else None)
            bug.said += [said] if said else []
    return bugs


def bugs(promises, binaries, start, swarms, jobs):
    promises.title("bugs", f"one rule broken at a time: seeds until it is found, from {swarms} start seeds; and scenarios")
    starts = [start + i * APART for i in range(swarms)]
    commands = [[binaries.sim_bugs, "--bugs", "--seeds", str(MOST_SEEDS), "--seed", str(s)] for s in starts]
    done = []
    for i in range(0, len(commands), jobs):
        done += run_all(commands[i:i + jobs])
    [(_, scenarios)] = run_all([[binaries.scenario_bugs, "--bugs", binaries.corpus]])
    found = read_bugs(out for _, out in done)
    for scenario, name in re.findall(r"(?m)^ok \d+ - (.*) finds (\w+)$", scenarios):
        if name in found:
            found[name].scenarios.append(scenario)
    promises.say("start seeds: " + ", ".join(map(str, starts)))
    for law, text in LAWS.items():
        mine = {name: bug for name, bug in found.items() if bug.law == law}
        promises.say(f"law {law}: {text}{'' if mine else ': NO DELIBERATE BUG'}")
        for name, bug in mine.items():
            promises.judge(f"  {name.lower():17} {bug.what}: {bug.text()}", bug.by_seeds or bool(bug.scenarios),
                           "\n".join(bug.said))
    promises.judge(f"bugs: {len(found)} of them, at least one for each of the {len(LAWS)} laws",
                   {bug.law for bug in found.values()} == set(LAWS))
    promises.judge("bugs: nothing was found that is there without a bug, too, and every scenario found its own",
                   not any("also without" in out for _, out in done) and not diagnostics(scenarios),
                   "\n".join([*(line for _, out in done for line in out.splitlines() if "also without" in line),
                              diagnostics(scenarios)]))
    promises.figures["bugs"] = {"starts": starts, "found": {
        name: {"law": b.law, "what": b.what, "seeds": b.needed, "scenarios": b.scenarios} for name, b in found.items()}}
