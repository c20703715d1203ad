"""world.py: the world around Spillway: services, reference targets, users, and the watcher that sees all of it."""

import json
import os

from fleet import LabError, number

CLIENT_PERIOD_S = 2.0     # between two visits of one user
CLIENT_TIMEOUT_MS = 1000  # of one request, resolving included
BURST_S = 0.5             # of capacity that a service can save up: what a short queue would carry


def settings_file(processes, name, settings):
    path = os.path.join(processes.run_dir, "settings", name + ".json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(settings, file, indent=1)
    return path


def idc_dir(processes, idc):
    return os.path.join(processes.run_dir, "idc", idc)


def controls_file(processes, name):
    """What faults.py tells a program while it runs."""
    return os.path.join(processes.run_dir, "controls", name + ".json")


def features_file(processes, idc):
    return os.path.join(idc_dir(processes, idc), "features", "features.json")


class World:
    def __init__(self, fleet, processes, programs, scale):
        self.fleet, self.processes, self.programs, self.scale = fleet, processes, programs, scale

    @staticmethod
    def _port(service):
        """Where users reach it: the port of its first check that is one of a service."""
        for check in service["checks"]:
            if check["kind"] in ("http", "tcp"):
                return check["port"]
        raise LabError(f"{service['name']}: the lab's service answers http and tcp checks only")

    def start_services(self):
        for idc in self.fleet.idcs:
            if self.fleet.entrances_of(idc=idc["name"]):
                self._service(idc["name"])

    def _service(self, idc):
        services = []
        for service in self.fleet.services:
            addresses = [a for e in self.fleet.entrances_of(service["name"], idc) for a in e["addresses"]]
            if not addresses:
                continue
            capacity = number(service, "capacity", "ups").get(idc, 0) * self.scale
            ports = dict.fromkeys(c["port"] for c in service["checks"] if c["kind"] in ("http", "tcp"))
            core = next(f for f in service["features"] if f["tier"] == 0)
            load = self._load(service)
            if load:
                ports[service["load"]["port"]] = None
            services.append({
                **({"load": load} if load else {}),
                "name": service["name"], "capacity": capacity, "burst": capacity * BURST_S,
                "health": next((c["path"] for c in service["checks"] if c["kind"] == "http"), "/health"),
                "features": [{"name": f["name"], "cost": number(f, "cost", "ppm") / 1e6, "counts": f is core}
                             for f in service["features"]],
                "listen": [{"address": a, "port": p} for a in addresses for p in ports]})
        path = features_file(self.processes, idc)
        settings = {"idc": idc, "features_file": path, "features_folder": os.path.dirname(path),
                    "controls_file": controls_file(self.processes, f"service-{idc}"), "services": services}
        self.processes.start(f"service-{idc}", self.fleet.idc_netns(idc),
                             [self.programs["lab-service"], settings_file(self.processes, f"service-{idc}", settings)],
                             unprivileged=True, idc=idc)

    def _load(self, service):
        """The page on which it tells its load, or None."""
        if "load" not in service:
            return None
        return {"path": service["load"]["path"], "format": service["load"]["format"], "scale": self.scale,
                "views": [v["name"] for v in self.fleet.views]}

    def start_references(self):
        """Small TCP listeners in the carriers: what is practically always up."""
        for reference in self.fleet.references:
            for carrier in reference["carriers"]:
                name = f"reference-{reference['name']}-{carrier}"
                settings = {"idc": carrier, "features_file": "/nonexistent", "features_folder": self.processes.run_dir,
                            "controls_file": "/nonexistent",
                            "services": [{"name": reference["name"], "capacity": 0, "burst": 0, "features": [],
                                          "health": reference.get("path") or "/",
                                          "listen": [{"address": reference["address"], "port": reference["port"]}]}]}
                self.processes.start(name, self.fleet.carrier_netns(carrier),
                                     [self.programs["lab-service"], settings_file(self.processes, name, settings)])

    def start_clients(self):
        for view in self.fleet.views:
            services = []
            for service in self.fleet.services:
                rate = self.fleet.demand_rps(service, view) * self.scale
                if rate == 0:
                    continue
                users = max(1, round(rate * CLIENT_PERIOD_S))
                services.append({"name": service["name"], "front": self.fleet.front_names(service)[0],
                                 "port": self._port(service), "users": users, "period_us": int(users / rate * 1e6),
                                 "features": [{"name": f["name"], "tier": f["tier"]}
                                              for f in sorted(service["features"], key=lambda f: f["tier"])]})
            name = f"users-{view['name']}"
            settings = {"view": view["name"], "resolver": "127.0.0.1", "timeout_ms": CLIENT_TIMEOUT_MS,
                        "controls_file": controls_file(self.processes, name), "services": services}
            self.processes.start(name, self.fleet.view_netns(view["name"]),
                                 [self.programs["lab-client"], settings_file(self.processes, name, settings)],
                                 unprivileged=True)

    def watch_settings(self, interval_us, with_dns=True):
        names = [self.fleet.answer_name(v, s) for s in self.fleet.services for v in self.fleet.views]
        dns = []
        for server in self.fleet.dns_servers:
            uplinks = self.fleet.uplinks(idc=server["idc"])
            if not uplinks:
                raise LabError(f"{server['name']} is in an IDC without uplink: nobody can ask it")
            dns.append({"server": server["name"], "netns": self.fleet.carrier_netns(uplinks[0][2]["carrier"]),
                        "address": server["address"], "port": server["port"], "names": names})
        sited = [i["name"] for i in self.fleet.idcs if self.fleet.idc_address(i["name"])]
        routes = [{"idc": a, "netns": self.fleet.idc_netns(a), "source": self.fleet.idc_address(a),
                   "to": [{"idc": b, "address": self.fleet.idc_address(b)} for b in sited if b != a]} for a in sited]
        links = [{"idc": i["name"], "netns": self.fleet.idc_netns(i["name"])} for i in self.fleet.idcs]
        features = [{"idc": i["name"], "file": features_file(self.processes, i["name"])} for i in self.fleet.idcs]
        return {"interval_us": interval_us, "dns": dns if with_dns else [], "routes": routes, "links": links,
                "features": features}

    def start_watch(self, interval_us=5000, with_dns=True):
        """Starts the watcher, or starts it again with another interval."""
        if "watch" in self.processes.state["processes"]:
            self.processes.stop("watch")
        self.processes.start("watch", self.fleet.netnses()[0],
                             [self.programs["lab-watch"],
                              settings_file(self.processes, "watch", self.watch_settings(interval_us, with_dns))])
