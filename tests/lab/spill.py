"""spill.py: Spillway's own processes in the lab: in every IDC route helper, daemon and probe; and its bus."""

import json
import os
import shutil
import subprocess
import time

from fleet import TREE, LabError
from net import enter
from procs import UNPRIVILEGED
from world import features_file, idc_dir

SPILLWAYD = """\
idc: {idc}
brokers: [{brokers}]
journal: {dir}/journal/journal
keys_dir: {dir}/keys
control_socket: {dir}/run/control.sock
probe_socket: {dir}/run/probe.sock
route_helper_socket: {dir}/helper/routed.sock
feature_file: {features}
development_broker: {development}
"""
PROBE = """\
idc: {idc}
brokers: [{brokers}]
keys_dir: {dir}/keys
probe_socket: {dir}/run/probe.sock
state_dir: {dir}/probe
"""


class Spillway:
    def __init__(self, fleet, processes, programs, fleet_path, bus):
        self.fleet, self.processes, self.programs, self.fleet_path = fleet, processes, programs, fleet_path
        self.bus = bus

    def _settings(self, idc, name, text):
        where = idc_dir(self.processes, idc)
        path = os.path.join(where, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.format(idc=idc, dir=where, features=features_file(self.processes, idc),
                                   brokers=", ".join(f'"{b}"' for b in self.bus.brokers),
                                   development=str(self.bus.development).lower()))
        return path

    def start(self):
        """The bus, helpers, daemons, probes; then the log, as a person would create it."""
        self.bus.start()
        for idc in self.fleet.idcs:
            self._start_idc(idc["name"])
        self.init()

    def _start_idc(self, idc):
        netns, where = self.fleet.idc_netns(idc), idc_dir(self.processes, idc)
        daemon = self._settings(idc, "spillwayd.yaml", SPILLWAYD)
        probe = self._settings(idc, "probe.yaml", PROBE)
        self.processes.start(f"routed-{idc}", netns, [
            self.programs["spillway-routed"], "--fleet", self.own_fleet(), "--idc", idc, "--client", "nobody",
            "--socket", f"{where}/helper/routed.sock", "--state", f"{where}/helper/fence", "--drills"], idc=idc)
        self.processes.start(f"spillwayd-{idc}", netns, [self.programs["spillwayd"], "--config", daemon],
                             unprivileged=True, idc=idc)
        self.processes.start(f"probe-{idc}", netns, [self.programs["spillway-probe"], "--config", probe],
                             unprivileged=True, caps=("net_bind_service", "sys_nice"), idc=idc)

    def own_fleet(self):
        """A copy of the fleet file that belongs to root: the route helper trusts no other."""
        path = os.path.join(self.processes.run_dir, "fleet.yaml")
        if path != self.fleet_path and not os.path.exists(path):
            shutil.copyfile(self.fleet_path, path)
        return path

    def own_drills(self):
        """A copy of the runbooks' drills, as installed: the tree may lie where only its owner can read."""
        path = os.path.join(self.processes.run_dir, "drills")
        shutil.copytree(os.path.join(TREE, "runbooks", "drills"), path, dirs_exist_ok=True)
        return path

    def init(self):
        idc = next(i["name"] for i in self.fleet.idcs if i.get("candidate"))
        done = self.cli(idc, "init", self.own_fleet(), "--yes", *(["--development"] if self.bus.development else []),
                        "--brokers", ",".join(self.bus.brokers), "--reason", "the lab begins")
        if done.returncode != 0:
            raise LabError(f"spillway init: {done.stderr.strip()}")

    def cli(self, idc, *args):
        """Runs the `spillway` command on the host of an IDC, as the daemon's user."""
        return subprocess.run(self.command(idc, *args), capture_output=True, text=True,
                              env={**os.environ, "NO_COLOR": "1"}, timeout=60)

    def begin(self, idc, *args):
        """The same, not waited for."""
        return subprocess.Popen(self.command(idc, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "NO_COLOR": "1"})

    def command(self, idc, *args):
        config = os.path.join(idc_dir(self.processes, idc), "spillwayd.yaml")
        argv = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups", "--",
                self.programs["spillway"], *args, "--config", config]
        return enter(self.fleet.idc_netns(idc), argv)

    def status(self, idc):
        """`spillway status --json`, or None while it gives none."""
        done = self.cli(idc, "status", "--json")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None

    def leader(self, seconds=20.0):
        """The IDC that leads, by the daemons' word: only for choosing whom to break, never for a verdict."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for idc in self.fleet.idcs:
                found = find_key(self.status(idc["name"]), "leader") if idc.get("candidate") else None
                if found:
                    return found
            time.sleep(0.1)
        return None


def find_key(thing, key):
    """First value of a key anywhere in nested JSON."""
    if isinstance(thing, dict):
        if thing.get(key):
            return thing[key]
        thing = list(thing.values())
    if isinstance(thing, list):
        for item in thing:
            found = find_key(item, key)
            if found:
                return found
    return None


def find_incident(thing, idc):
    """Id of the open incident on an IDC, anywhere in `spillway status --json`; None when there is none."""
    if isinstance(thing, dict):
        if str(thing.get("kind", "")).startswith("idc-") and isinstance(thing.get("id"), int) \
                and idc in json.dumps(thing):
            return thing["id"]
        thing = list(thing.values())
    for item in thing if isinstance(thing, list) else ():
        found = find_incident(item, idc)
        if found is not None:
            return found
    return None
