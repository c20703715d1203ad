#!/usr/bin/env python3
"""lab.py: the lab: any fleet as network namespaces on one machine, with real name servers, users and faults as verbs.

Needs root, the packages that `sh runbooks/setup` installs, and a build. Touches only what it made: namespaces and
processes in them named swlab-*, and one run directory.
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True

from fleet import LabError
from faults import VERBS
from lab_up import DEFAULT_FLEET, DEFAULT_RUN, Lab


def parser():
    p = argparse.ArgumentParser(prog="lab.py", description=__doc__.split("\n\n")[0].split(": ", 1)[1],
                                formatter_class=argparse.RawDescriptionHelpFormatter,
                                epilog=f"faults (each with its repair):\n{VERBS}")
    p.add_argument("--run", default=DEFAULT_RUN, metavar="DIR", help=f"run directory (default {DEFAULT_RUN})")
    verbs = p.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="bring the lab up")
    up.add_argument("--fleet", default=DEFAULT_FLEET, help="fleet file (default runbooks/fleets/three-idc.yaml)")
    up.add_argument("--build", required=True, metavar="DIR", help="build directory")
    up.add_argument("--scale", type=float, default=0.25, help="share of the fleet's demand and capacity (default 0.25)")
    up.add_argument("--dns", action="append", default=[], metavar="NAME=SOFTWARE",
                    help="knot or bind for a DNS server of the fleet, or for `geo`; by default they alternate")
    up.add_argument("--bus-at", metavar="IDC",
                    help="the bus stands in this IDC, and the others reach it over the links and lose it with them; "
                         "without it there is a management network that no fault of a link touches")
    up.add_argument("--kafka", action="store_true",
                    help="the bus is Apache Kafka, a broker in each of three IDCs, instead of spillway-broker")
    up.add_argument("--without-spillway", action="store_true", help="only the world around it")
    verbs.add_parser("users", help="start the users (up does not)")
    verbs.add_parser("down", help="take down whatever a lab left, also after a crash")
    verbs.add_parser("status", help="what runs and what is broken")
    for verb, text in (("fault", "break something"), ("repair", "mend what was broken")):
        sub = verbs.add_parser(verb, help=text, epilog=VERBS, formatter_class=argparse.RawDescriptionHelpFormatter)
        sub.add_argument("kind")
        sub.add_argument("args", nargs="*")
    run = verbs.add_parser("exec", help="run a command in a namespace: an IDC, carrier or view by name, bus or geo")
    run.add_argument("place")
    run.add_argument("command", nargs=argparse.REMAINDER)
    return p


def software(options):
    chosen = {}
    for option in options:
        name, _, which = option.partition("=")
        if which not in ("knot", "bind"):
            raise LabError(f"--dns {option}: found \"{which}\", expected NAME=knot or NAME=bind")
        chosen[name] = which
    return chosen


def act(args):
    if args.verb == "up":
        Lab.up(args.run, args.fleet, args.build, args.scale, software(args.dns), not args.without_spillway,
               args.bus_at, args.kafka)
    elif args.verb == "users":
        Lab.load(args.run).world.start_clients()
    elif args.verb == "down":
        Lab.down(args.run)
    elif args.verb == "status":
        print(json.dumps(Lab.load(args.run).status(), indent=1))
    elif args.verb in ("fault", "repair"):
        before, after = getattr(Lab.load(args.run).faults, args.verb)(args.kind, args.args)
        print(json.dumps({args.verb: " ".join([args.kind, *args.args]), "before": before, "after": after}))
    elif args.verb == "exec":
        os.execvp("nsenter", Lab.load(args.run).command_in(args.place, args.command or ["sh"]))


def main():
    args = parser().parse_args()
    if os.geteuid() != 0:
        raise LabError("network namespaces need root")
    act(args)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        print(f"lab.py: {error}", file=sys.stderr)
        sys.exit(1)
