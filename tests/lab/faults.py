"""faults.py: disasters as verbs, each with its repair; what is broken stands in the state file until it is repaired."""

import os
import shutil
import signal
import time

from carrier_faults import CARRIER_VERBS, CarrierFaults
from fleet import LabError
from load_faults import LOAD_VERBS, LoadFaults
from net import BUS_INTERFACE, Network, nft, run
from procs import UNPRIVILEGED
from world import idc_dir

VERBS = """\
blackhole LINK          packets vanish both ways, the carrier signal stays
oneway LINK IDC         packets that arrive at IDC's (or carrier's) end vanish, the other direction works
carrier LINK IDC        the other end goes down: IDC's end loses its carrier signal
idc-dead IDC            power loss: every network of the IDC is cut, its processes are killed, its memory is lost
idc-isolated IDC        every network of the IDC but the management one is cut, its processes live
bus-away [IDC]          the bus is out of reach for IDC, or for all
service-dead IDC        the IDC's services are killed
kill PROCESS            a process is killed (SIGKILL); the repair starts it again
pause PROCESS           a process is stopped (SIGSTOP); the repair lets it go on
""" + CARRIER_VERBS + "\n" + LOAD_VERBS


class Faults(CarrierFaults, LoadFaults):
    def __init__(self, fleet, processes):
        self.fleet, self.processes = fleet, processes
        self.active = processes.state["faults"]

    def fault(self, verb, args):
        """Breaks it; returns the instants (CLOCK_MONOTONIC, seconds) just before and just after."""
        key = " ".join([verb, *args])
        if key in self.active:
            raise LabError(f"{key}: is broken already")
        break_it, _ = self._verb(verb)
        before = time.monotonic()
        break_it(*args)
        after = time.monotonic()
        self.active[key] = {"verb": verb, "args": list(args)}
        self.processes.save()
        return before, after

    def repair(self, verb, args):
        key = " ".join([verb, *args])
        if key not in self.active:
            raise LabError(f"{key}: is not broken; broken are: {', '.join(self.active) or 'none'}")
        _, mend = self._verb(verb)
        before = time.monotonic()
        mend(*args)
        after = time.monotonic()
        del self.active[key]
        self.processes.save()
        return before, after

    def _verb(self, verb):
        name = verb.replace("-", "_")
        if verb not in [line.split()[0] for line in VERBS.splitlines()]:
            raise LabError(f"no fault {verb}; there are:\n{VERBS}")
        return getattr(self, "_" + name), getattr(self, "_mend_" + name)

    # Links. A packet is dropped where it arrives, so that its sender gets no error: a real fibre gives none.

    def _end(self, link, place):
        for end in link["ends"]:
            if place in (end.get("idc"), end.get("carrier")):
                return end
        raise LabError(f"{link['name']} has no end at {place}")

    def _cut(self, link, ends, verb):
        for end in ends:
            nft(self.fleet.end_netns(end),
                f"{verb} element inet swlab cut {{ \"{self.fleet.end_interface(link, end)}\" }}\n")

    def _blackhole(self, name):
        link = self.fleet.link(name)
        self._cut(link, link["ends"], "add")

    def _mend_blackhole(self, name):
        link = self.fleet.link(name)
        self._cut(link, link["ends"], "delete")

    def _oneway(self, name, place):
        link = self.fleet.link(name)
        self._cut(link, [self._end(link, place)], "add")

    def _mend_oneway(self, name, place):
        link = self.fleet.link(name)
        self._cut(link, [self._end(link, place)], "delete")

    def _far(self, name, place):
        link = self.fleet.link(name)
        near = self._end(link, place)
        far = link["ends"][1] if near is link["ends"][0] else link["ends"][0]
        return self.fleet.end_netns(far), self.fleet.end_interface(link, far)

    def _carrier(self, name, place):
        netns, interface = self._far(name, place)
        run(["ip", "-n", netns, "link", "set", "dev", interface, "down"])

    def _mend_carrier(self, name, place):
        netns, interface = self._far(name, place)
        # The kernel forgets the routes of an interface that is taken down; a router's own configuration brings them
        # back with it, and so do we.
        routes = self._routes_by(netns, interface)
        run(["ip", "-n", netns, "link", "set", "dev", interface, "up"])
        run(["ip", "-n", netns, "-batch", "-"], "".join(f"route replace {r}\n" for r in routes))

    def _routes_by(self, netns, interface):
        network = Network(self.fleet, self._bus_at())
        network.plan_routes()
        return [c.removeprefix("route add ") for c in network.batches[netns]
                if c.startswith("route add ") and f" dev {interface} " in c + " "]

    # Whole IDCs.

    def _idc(self, name):
        if name not in [i["name"] for i in self.fleet.idcs]:
            raise LabError(f"no IDC {name}; there are: {', '.join(i['name'] for i in self.fleet.idcs)}")
        return self.fleet.idc_netns(name)

    def _idc_dead(self, name):
        netns = self._idc(name)
        nft(netns, 'add rule inet swlab dark_in iifname != "lo" drop\n'
                   'add rule inet swlab dark_out oifname != "lo" drop\n')
        for process in self.processes.of_idc(name):
            self.processes.signal(process, signal.SIGKILL)
        self._lose_memory(netns, name)

    def _lose_memory(self, netns, name):
        """What a power loss takes: kernel routes and rules of ours, files on tmpfs."""
        for process in self.processes.of_idc(name):
            self.processes.stop(process)
        shown = run(["ip", "-n", netns, "rule", "show"])
        for table in {line.split("lookup ")[1].split()[0] for line in shown.splitlines() if "lookup" in line}:
            if table not in ("local", "main", "default"):
                run(["ip", "-n", netns, "route", "flush", "table", table], check=False)
                run(["ip", "-n", netns, "rule", "del", "lookup", table], check=False)
        run(["ip", "-n", netns, "route", "flush", "table", "all", "proto",
             str(self.fleet.data["routes"]["protocol"])], check=False)  # no rule leads to the table of announcements
        for folder, owner in (("run", UNPRIVILEGED), ("helper", 0)):  # what a host keeps on tmpfs
            path = os.path.join(idc_dir(self.processes, name), folder)
            shutil.rmtree(path, ignore_errors=True)
            os.makedirs(path, mode=0o755)
            os.chown(path, owner, owner)

    def _mend_idc_dead(self, name):
        netns = self._idc(name)
        for process in self.processes.of_idc(name):
            self.processes.restart(process)
        nft(netns, "flush chain inet swlab dark_in\nflush chain inet swlab dark_out\n")

    def _idc_isolated(self, name):
        nft(self._idc(name),
            f'add rule inet swlab dark_in iifname != {{ "lo", "{BUS_INTERFACE}" }} drop\n'
            f'add rule inet swlab dark_out oifname != {{ "lo", "{BUS_INTERFACE}" }} drop\n')

    def _mend_idc_isolated(self, name):
        nft(self._idc(name), "flush chain inet swlab dark_in\nflush chain inet swlab dark_out\n")

    # The bus, and processes.

    def _bus_at(self):
        return self.processes.state.get("lab", {}).get("bus_at")

    def _bus_places(self, args):
        home = self._bus_at()
        if home:  # everybody else loses it with the links
            if args not in ((), (home,)):
                raise LabError(f"the bus runs over the links: cut those of {args[0]}, or take it from {home} or all")
            return [self._idc(home)]
        return [self._idc(args[0])] if args else [self.fleet.idc_netns(i["name"]) for i in self.fleet.idcs]

    def _bus_away(self, *args):
        """Both ways: what only loses its answers still lands in the log."""
        for netns in self._bus_places(args):
            nft(netns, "".join(f'add element inet swlab {way} {{ "{BUS_INTERFACE}" }}\n' for way in ("cut", "mute")))

    def _mend_bus_away(self, *args):
        for netns in self._bus_places(args):
            nft(netns, "".join(f'delete element inet swlab {way} {{ "{BUS_INTERFACE}" }}\n' for way in ("cut", "mute")))

    def _service_dead(self, idc):
        self._kill(f"service-{idc}")

    def _mend_service_dead(self, idc):
        self._mend_kill(f"service-{idc}")

    def _kill(self, process):
        self.processes.signal(process, signal.SIGKILL)

    def _mend_kill(self, process):
        self.processes.stop(process)
        self.processes.restart(process)

    def _pause(self, process):
        self.processes.signal(process, signal.SIGSTOP)

    def _mend_pause(self, process):
        self.processes.signal(process, signal.SIGCONT)
