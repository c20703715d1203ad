#!/usr/bin/env python3
"""figures.py: the figures that carry a promise: corpus, swarm, deliberate bugs, live drills, users; exit 1 when one breaks.

    corpus   every named disaster in the simulator: all expected verdicts, no forbidden action
    swarm    simulator seeds with all faults, as many as fit: no violation, no false drain
    bugs     one deliberate bug for each law at least: each found within 1,000 seeds, or by a named scenario
    drills   every live drill of runbooks/drills in the lab (root): passed, and the very plan from before
    users    logins over the whole story in the lab (root): none refused outside the stated windows; share-seconds lost

Times are printed and promise nothing.
"""

import argparse
import json
import os
import random
import signal
import sys

sys.dont_write_bytecode = True
SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))
sys.path.insert(0, os.path.join(SOURCE, "tests", "lab"))

import in_lab
import swarms
from fleet import LabError
from lab_up import DEFAULT_RUN
from promises import Promises

SECTIONS = ("corpus", "swarm", "bugs", "drills", "users")
IN_LAB = ("drills", "users")
SKIPPED = 77  # meson's status for what cannot run here


def measure(args, only, promises):
    binaries = swarms.Binaries(args.build, SOURCE)
    start = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 60)
    for section in only:
        if section == "corpus":
            swarms.corpus(promises, binaries)
        elif section == "swarm":
            swarms.swarm(promises, binaries, start, args.seconds, args.jobs)
        elif section == "bugs":
            swarms.bugs(promises, binaries, start, args.swarms, args.jobs)
        elif section == "drills":
            in_lab.drills(promises, args.build, args.run, args.rounds, args.drills.split(",") if args.drills else [])
        else:
            in_lab.users(promises, args.build, args.run)


def main():
    p = argparse.ArgumentParser(prog="figures.py", description=__doc__.split(": ", 1)[1],
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, metavar="DIR")
    p.add_argument("--run", default=DEFAULT_RUN, metavar="DIR", help="of the lab")
    p.add_argument("--only", default=",".join(SECTIONS), help="which, separated by commas")
    p.add_argument("--seconds", type=float, default=300, help="of the swarm (default 300)")
    p.add_argument("--seed", type=int, help="the first start seed (default: a fresh one, which is printed)")
    p.add_argument("--swarms", type=int, default=3, help="start seeds per deliberate bug (default 3)")
    p.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes of the simulator side by side")
    p.add_argument("--rounds", type=int, default=3, help="of the live drills (default 3)")
    p.add_argument("--drills", metavar="NAMES", help="only these drills, separated by commas")
    p.add_argument("--json", metavar="FILE")
    args = p.parse_args()
    only = [s for s in SECTIONS if s in args.only.split(",")]
    if not only or set(args.only.split(",")) - set(SECTIONS):
        p.error(f"--only: of {', '.join(SECTIONS)}")
    if os.geteuid() != 0 and set(only) & set(IN_LAB):
        print(f"skipped: {', '.join(s for s in only if s in IN_LAB)}: network namespaces need root")
        only = [s for s in only if s not in IN_LAB]
        if not only:
            return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab is taken down
    promises = Promises()
    measure(args, only, promises)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(promises.figures | {"kept": promises.kept, "broken": promises.broken}, file, indent=1)
    return promises.end()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"figures.py: {error}", file=sys.stderr)
        sys.exit(1)
