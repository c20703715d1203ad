"""lab_up.py: a lab as a whole: brought up, found again by its state file, taken down."""

import base64
import os
import shutil

from bus import DevelopmentBus, kafka_bus
from dnsconf import Dns
from faults import Faults
from fleet import BUS_NETNS, GEO_NETNS, TREE, Fleet, LabError
from net import Network, enter, existing
from procs import UNPRIVILEGED, Processes, remove_everything
from programs import Programs
from spill import Spillway
from world import World, idc_dir

DEFAULT_FLEET = os.path.join(TREE, "runbooks", "fleets", "three-idc.yaml")
DEFAULT_RUN = "/var/lib/swlab"
MARK = "made-by-spillway-lab"  # only a directory with this file in it is ever removed


class Lab:
    """fleet, processes, programs, faults, world, spillway: the parts of one lab that is up."""

    def __init__(self, run_dir):
        self.processes = Processes(run_dir)
        self.fleet = self.programs = self.faults = self.world = self.spillway = None

    def _assemble(self, fleet_path, build, scale, kafka):
        self.programs = Programs(build)
        self.fleet = Fleet.load(self.programs["spillway"], fleet_path)
        self.faults = Faults(self.fleet, self.processes)
        self.world = World(self.fleet, self.processes, self.programs, scale)
        bus = kafka_bus(self.fleet, self.processes) if kafka else DevelopmentBus(self.fleet, self.processes, self.programs)
        self.spillway = Spillway(self.fleet, self.processes, self.programs, fleet_path, bus)

    @classmethod
    def up(cls, run_dir, fleet_path, build, scale, software, with_spillway, bus_at=None, kafka=False):
        """Brings a lab up; takes down what it brought up when that fails."""
        if existing() or os.path.exists(os.path.join(run_dir, MARK)):
            raise LabError(f"there is a lab already ({', '.join(existing()) or run_dir});\n"
                           "`sh runbooks/quickstart --down` removes it")
        if kafka and bus_at:
            raise LabError("Kafka stands in three IDCs, not in one: --kafka or --bus-at")
        lab = cls(run_dir)
        lab._assemble(os.path.abspath(fleet_path), build, scale, kafka)
        lab._make_run_dir()
        lab.processes.state["lab"] = {"fleet": lab.spillway.own_fleet(), "build": lab.programs.build_dir,
                                      "scale": scale, "bus_at": bus_at, "kafka": kafka}
        lab.processes.save()
        try:
            Network(lab.fleet, bus_at).up()
            secrets = lab._make_keys()
            Dns(lab.fleet, lab.processes, software, secrets).start()
            lab.world.start_references()
            lab.world.start_services()
            lab.world.start_watch()
            if with_spillway:
                lab.spillway.start()
        except BaseException:
            cls._keep_logs(run_dir)
            cls.down(run_dir)
            raise
        return lab

    @classmethod
    def load(cls, run_dir):
        lab = cls(run_dir)
        made = lab.processes.load().state["lab"]
        lab._assemble(made["fleet"], made["build"], made["scale"], made["kafka"])
        return lab

    @staticmethod
    def down(run_dir):
        remove_everything(run_dir)
        if os.path.exists(os.path.join(run_dir, MARK)):
            shutil.rmtree(run_dir)

    @staticmethod
    def _keep_logs(run_dir):
        """After a failed start the logs are all there is to look at."""
        kept = run_dir.rstrip("/") + "-failed-logs"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(os.path.join(run_dir, "log"), kept, dirs_exist_ok=True)

    def _make_run_dir(self):
        run_dir = self.processes.run_dir
        os.makedirs(run_dir, mode=0o755)
        with open(os.path.join(run_dir, MARK), "w", encoding="ascii"):
            pass
        os.makedirs(os.path.join(run_dir, "log"))
        for idc in self.fleet.idcs:
            for folder in ("", "features", "keys", "journal", "probe", "run"):
                path = os.path.join(idc_dir(self.processes, idc["name"]), folder)
                os.makedirs(path, mode=0o755, exist_ok=True)
                os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
            os.makedirs(os.path.join(idc_dir(self.processes, idc["name"]), "helper"), mode=0o755)

    def _make_keys(self):
        """A fresh secret per key id, on every host's keys directory, as an operator would place them."""
        secrets = {key: base64.b64encode(os.urandom(32)).decode() for key in self.fleet.keys()}
        for idc in self.fleet.idcs:
            for key, secret in secrets.items():
                path = os.path.join(idc_dir(self.processes, idc["name"]), "keys", key + ".key")
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                    file.write(secret + "\n")
                os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
        return secrets

    def status(self):
        return {"processes": {name: "up" if self.processes.alive(name) else "down"
                              for name in sorted(self.processes.state["processes"])},
                "broken": sorted(self.faults.active)}

    def netns(self, place):
        known = {"bus": BUS_NETNS, "geo": GEO_NETNS}
        known |= {v["name"]: self.fleet.view_netns(v["name"]) for v in self.fleet.views}
        known |= {c: self.fleet.carrier_netns(c) for c in self.fleet.carriers}
        known |= {i["name"]: self.fleet.idc_netns(i["name"]) for i in self.fleet.idcs}
        if place not in known:
            raise LabError(f"no place {place}; there are: {', '.join(sorted(known))}")
        return known[place]

    def command_in(self, place, command):
        return enter(self.netns(place), command)
