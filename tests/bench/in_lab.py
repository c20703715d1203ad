"""in_lab.py: figures of the lab: every live drill several times, and what users lost over the whole story.

Both reuse the lab's own programs (tests/lab/drills.py, story.py): what they demand from outside is demanded here too.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from breakdown import lines_after
from drills import DRILLS, Drills
from fleet import TREE
from lab_up import DEFAULT_FLEET, Lab
from loss import row_text
from samples import Samples

STORIES = (("an IDC dies that does not lead", []), ("the IDC dies that leads", ["--victim", "leader", "--by-hand"]))
TAIL = 25  # lines of a story that failed


class Rounds(Drills):
    """Live drills, of which only what does not hold is told."""

    def __init__(self, lab):
        super().__init__(lab)
        self.wrong = []  # of the drill under way

    def judge(self, what, holds, detail=""):
        self.count += 1
        self.failed += not holds
        if not holds:
            self.wrong.append(f"{what}\n{detail}".strip())

    def struck(self, since):
        """When the first injector began, by its log; a drill that injects nothing strikes with the person's word."""
        names = [f"{kind}-{i['name']}" for kind in ("routed", "probe") for i in self.fleet.idcs]
        return min((t for t, _ in lines_after(self.lab.processes, names, since, r"event=drill-injected")), default=since)

    def measure(self, played, kinds, results):
        for what, key in (("decision", "decided_us"), ("effect", "effect_us")):
            us = (played.said or {}).get(key, -1)
            if us >= 0:
                results.keep_s(f"  stroke -> {what}, by the log", us / 1e6)
            else:
                results.leave_out(f"  stroke -> {what}, by the log", "not seen")
        struck = self.struck(played.since)
        for kind in sorted(kinds):
            first = next((c["t"] for c in self.seen.moves_since(struck) if c["kind"] == kind), None)
            results.keep_between(f"  stroke -> first change of {kind}, from outside", struck, first)


def live_runbooks():
    """Names of the runbooks that may be run live."""
    names = set()
    for path in glob.glob(os.path.join(TREE, "runbooks", "drills", "*.yaml")):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if re.search(r"(?m)^live: true$", text):
            names.add(re.search(r"(?m)^drill: (\S+)$", text)[1])
    return names


def play_rounds(lab, rounds, drills):
    """drill -> (runs, what was wrong, Samples)."""
    d = Rounds(lab)
    lab.world.start_clients()
    d.happens("the lab is up: answers, routes and feature files everywhere", d.ready, 30)
    d.judge("somebody leads", lab.spillway.leader(20) is not None)
    d.seen.sleep(d.policy("cold_start") + 3)
    found = {drill[0]: ([], [], Samples()) for drill in drills}
    for n in range(rounds):
        for drill, target, kinds, whole in drills:
            runs, wrong, results = found[drill]
            played = d.live(drill, target, kinds, whole)
            runs.append(played)
            wrong += [f"round {n + 1}: {w}" for w in d.wrong]
            d.wrong = []
            d.measure(played, kinds, results)
            print(f"   round {n + 1}: {drill}: {'passed' if played.passed else 'FAILED'}", flush=True)
    return found


def drills(promises, build, run, rounds, only):
    promises.title("drills", f"every live drill {rounds} times in the lab, on real packets")
    wanted = [d for d in DRILLS if not only or d[0] in only]
    if not only:
        promises.judge("drills: every runbook that may be run live is among them",
                       live_runbooks() == {d[0] for d in DRILLS}, str(live_runbooks() ^ {d[0] for d in DRILLS}))
    lab = Lab.up(run, DEFAULT_FLEET, build, 0.25, {}, True)
    try:
        found = play_rounds(lab, rounds, wanted)
    finally:
        Lab.down(run)
    for drill, target, _, _ in wanted:
        runs, wrong, results = found[drill]
        passed, met, restored = (sum(getattr(r, k) for r in runs) for k in ("passed", "in_time", "restored"))
        promises.judge(f"{drill} on {target}: {passed} of {rounds} runs passed, {met} within the objective, "
                       f"restored to the very plan: {'yes' if restored == rounds else f'NO, {restored} of {rounds}'}",
                       passed == met == restored == rounds and not wrong, "\n".join(wrong))
        results.print()
        promises.figures["drills"][drill] = {"runs": rounds, "passed": passed, "in_time": met, "restored": restored,
                                             "wrong": wrong} | results.as_json()


def told_story(build, run, more):
    """The story's exit code, output, and what it wrote."""
    with tempfile.NamedTemporaryFile("r", suffix=".json", prefix="swlab-") as file:
        story = os.path.join(TREE, "tests", "lab", "story.py")
        done = subprocess.run([sys.executable, story, "--build", build, "--run", run, "--json", file.name, *more],
                              capture_output=True, text=True)
        try:
            return done.returncode, done.stdout + done.stderr, json.load(file)
        except ValueError:
            return done.returncode, done.stdout + done.stderr, {}


def users(promises, build, run):
    promises.title("users", "users of every view log in over the whole story: a fibre cut, an IDC's death, the way back")
    for name, more in STORIES:
        code, out, wrote = told_story(build, run, more)
        promises.judge(f"users: {name}: every step of the story was seen from outside", code == 0,
                       "\n".join([*(l for l in out.splitlines() if "FAILED:" in l), *out.splitlines()[-TAIL:]]))
        core = wrote.get("core_outside_windows", [])
        services = {}
        for rate in core:
            good, bad = services.get(rate["service"], (0, 0))
            services[rate["service"]] = (good + rate["good"], bad + rate["bad"])
        for service, (good, bad) in services.items():
            promises.judge(f"users: core requests to {service} outside the stated windows: "
                           f"{100 * good / max(1, good + bad):.3f} % ({good} of {good + bad})", good > 0 and bad == 0)
        promises.judge("users: every view that asks for a service was seen there outside the windows",
                       bool(core) and all(rate["good"] for rate in core))
        for begin, until, why in wrote.get("windows", []):
            promises.say(f"stated window of {until - begin:.2f} s: {why}")
        losses = next((t for t in wrote.get("timeline", []) if t["kind"] == "losses"),
                      {"rows": [], "waiting": [], "least": "not told"})
        promises.say(f"least possible: the dead IDC's part of the users x ({losses['least']})")
        for row in losses["rows"]:
            promises.say(row_text(row))
        for row in losses["waiting"]:
            promises.say(f"stateful, waits for a person: {row_text(row)}")
        promises.figures["users"][name] = {"core_outside_windows": core, "losses": losses}
