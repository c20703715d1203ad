#!/usr/bin/env python3
"""bgp.py: an anycast service, announced by BIRD in every IDC to a BGP peer at the carrier, judged by what that peer
has heard. Prints TAP; skipped without root or without BIRD (package bird2).

A service that dies inside an IDC is withdrawn there and the others stay; when it dies everywhere the last announcer is
never withdrawn; it comes back with a person's word; a drain withdraws and its end announces again; restarts of helper,
daemon and BIRD move nothing; a dead IDC's session ends by itself, and it announces again only with a person's word.
"""

import os
import re
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from lab_up import DEFAULT_FLEET
from net import enter, run
from plugs import MOVES_WITHIN_S, Plugs, main

PREFIX = "203.0.113.0/24"
PEER_AS, FIRST_AS = 65000, 65001
TABLE = 101  # the default of routes.announce_table

# docs/bgp.md explains it.
IDC_CONF = """\
router id {here};
ipv4 table spillway4;
protocol device {{ }}
protocol kernel spillway {{
  kernel table {table};
  learn;
  ipv4 {{ table spillway4; import where krt_source = {protocol}; export none; }};
}}
protocol bgp upstream {{
  local {here} as {asn};
  neighbor {there} as {peer};
  hold time 3;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 {{ table spillway4; import none; export all; }};
}}
"""
PEER_CONF = """\
protocol bgp {idc} {{
  local {there} as {peer};
  neighbor {here} as {asn};
  hold time 3;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 {{ import all; export none; }};
}}
"""


def anycast_fleet(directory):
    """The example fleet, its web service announced by the IDCs that serve it."""
    with open(DEFAULT_FLEET, encoding="utf-8") as file:
        text = file.read()
    changed = text.replace("    stateful: false\n", f"    stateful: false\n    anycast: [{PREFIX}]\n", 1)
    assert changed != text
    path = os.path.join(directory, "anycast.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(changed)
    return path


class Bgp(Plugs):
    def __init__(self, lab):
        super().__init__(lab)
        self.web = next(s for s in self.fleet.services if s.get("anycast"))
        self.speakers = {}  # IDC -> its address on the uplink
        self.carrier = self.fleet.carriers[0]
        self.control = os.path.join(lab.processes.run_dir, "peer.ctl")

    # BIRD at the carrier and in every IDC.

    def start_birds(self):
        peer = "router id 192.0.2.254;\nprotocol device { }\n"
        for n, (_, ours, theirs) in enumerate(self.fleet.uplinks(carrier=self.carrier)):
            words = {"here": ours["address"], "there": theirs["address"], "asn": FIRST_AS + n, "peer": PEER_AS,
                     "idc": ours["idc"], "table": TABLE, "protocol": self.fleet.data["routes"]["protocol"]}
            peer += PEER_CONF.format(**words)
            self._bird(f"bird-{ours['idc']}", self.fleet.idc_netns(ours["idc"]), IDC_CONF.format(**words), ours["idc"])
            self.speakers[ours["idc"]] = ours["address"]
        self._bird("peer", self.fleet.carrier_netns(self.carrier), peer, None)

    def _bird(self, name, netns, text, idc):
        path = os.path.join(self.lab.processes.run_dir, name + ".conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.lab.processes.start(name, netns, ["bird", "-f", "-c", path, "-s", path.removesuffix("conf") + "ctl"],
                                 idc=idc)

    def heard(self):
        """The IDCs from which the peer has the prefix now."""
        said = run(enter(self.fleet.carrier_netns(self.carrier),
                         ["birdc", "-s", self.control, "show", "route", PREFIX]), check=False)
        via = set(re.findall(r"via (\S+) on", said))
        return {idc for idc, address in self.speakers.items() if address in via}

    def hears(self, what, idcs, seconds):
        began, expected = time.monotonic(), set(idcs)
        self.judge(what, self.seen.wait(lambda: self.heard() == expected, seconds, 0.05), f"heard {self.heard()}")
        print(f"# {time.monotonic() - began:.2f} s", flush=True)

    def keeps(self, what, idcs, seconds):
        """Hears exactly these, all the time."""
        other = []
        def differs():
            now = self.heard()
            other.extend([now] if now != set(idcs) else [])
            return bool(other)
        self.judge(what, not self.seen.wait(differs, seconds, 0.1), str(other))

    def cli(self, *args):
        done = self.lab.spillway.cli(self.lab.spillway.leader(), *args, "--reason", "the lab's BGP test")
        self.judge(f"`spillway {' '.join(args)}` is taken", done.returncode == 0, done.stdout + done.stderr)

    def status_says(self, idcs):
        status = self.lab.spillway.status(self.lab.spillway.leader()) or {}
        told = [a["announced_by"] for a in status.get("announcements", []) if a["service"] == self.web["name"]]
        self.judge(f"`spillway status` says so: {' and '.join(sorted(idcs))}",
                   [sorted(t) for t in told] == [sorted(idcs)], str(told))

    def approve_all(self):
        status = self.lab.spillway.status(self.lab.spillway.leader()) or {}
        for incident in status.get("incidents", []):
            if incident.get("needs_approval") and not incident.get("approved"):
                self.cli("approve", str(incident["id"]))

    # The story.

    def dies_everywhere(self, idcs):
        within = self.policy("confirmation") + 6
        left = list(idcs)
        for idc in idcs[:-1]:
            left.remove(idc)
            self.fault("service-dead", idc)
            self.hears(f"the services at {idc} die: the peer hears {' and '.join(left)}", left, within)
        self.fault("service-dead", idcs[-1])
        self.keeps("they die at the last one too: it is never withdrawn", left, within + 4)
        for idc in idcs:
            self.repair("service-dead", idc)
        self.keeps("they are back: nobody announces before a person's word", left, self.policy("idc_hold_down") + 3)
        self.approve_all()
        self.hears("a person approves: all announce again", idcs, 30)

    def drained(self, idcs, idc):
        self.cli("drain", f"{self.web['name']}@{idc}")
        self.hears(f"a person drains {idc}: it is withdrawn", [i for i in idcs if i != idc], 30)
        self.status_says([i for i in idcs if i != idc])
        self.cli("undrain", f"{self.web['name']}@{idc}")
        self.hears("... and undrains it: it announces again", idcs, 60)

    def restarts(self, idcs, idc):
        for name in (f"routed-{idc}", f"spillwayd-{idc}"):
            self.fault("kill", name)
            self.keeps(f"{name} is killed: nothing is withdrawn", idcs, 4)
            self.repair("kill", name)
            self.keeps("... and nothing when it is back", idcs, 4)
        self.fault("kill", f"bird-{idc}")
        self.hears(f"bird-{idc} is killed: its session ends", [i for i in idcs if i != idc], 6)
        self.repair("kill", f"bird-{idc}")
        self.hears("... and it announces again what stands in the kernel", idcs, 10)

    def idc_dies(self, idcs, idc):
        rest = [i for i in idcs if i != idc]
        self.fault("idc-dead", idc)
        self.hears(f"{idc} dies: its session ends by BGP's own hold time", rest, 10)
        names = {self.fleet.answer_name(v, self.web) for v in self.fleet.views}
        living = {s["name"] for s in self.fleet.dns_servers if s["idc"] != idc}
        self.happens("... and Spillway takes it out", lambda: all(
            a and idc not in self.seen.idcs_of(a) for (server, name), a in self.seen.dns.items()
            if server in living and name in names), self.policy("confirmation") + MOVES_WITHIN_S + 5)
        self.repair("idc-dead", idc)
        self.keeps("it is back: it does not announce before a person's word", rest, self.policy("idc_hold_down") + 6)
        self.approve_all()
        self.hears("a person approves: it announces again", idcs, 40)


def play(lab):
    p = Bgp(lab)
    p.happens("the lab is up: answers, routes and feature files everywhere", p.ready, 30)
    p.judge("somebody leads", lab.spillway.leader(20) is not None)
    p.start_birds()
    idcs = list(p.speakers)
    p.hears(f"the peer at {p.carrier} hears {PREFIX} from every IDC", idcs, 20)
    p.seen.sleep(p.policy("cold_start") + 1)
    leads = lab.spillway.leader()
    others = [i for i in idcs if i != leads]
    p.restarts(idcs, others[0])
    p.drained(idcs, others[0])
    p.dies_everywhere(idcs)
    p.idc_dies(idcs, others[0])
    print(f"1..{p.count}")
    return p.failed == 0


if __name__ == "__main__":
    if shutil.which("bird") is None or shutil.which("birdc") is None:
        print("1..0 # SKIP there is no bird and birdc: install the package bird2")
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix="swlab-fleet-") as made:
        sys.exit(main(__doc__, play, anycast_fleet(made)))
