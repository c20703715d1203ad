"""fleet.py: the fleet as the lab needs it, from `spillway fleet show --json`, and the lab's own names and addresses."""

import ipaddress
import json
import os
import subprocess

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = "swlab-"
BUS_NETNS = PREFIX + "bus"
GEO_NETNS = PREFIX + "geo"
GEO_ADDRESS = "100.65.255.53"
USERS_NETWORK = "100.64"  # view i lives in 100.64.<i>.0/24 (RFC 6598: shared address space)
GEO_NETWORK = "100.65"    # the geo layer is attached to carrier i by 100.65.<i>.0/24
PEERING_NETWORK = "100.66"  # between two carriers
BUS_NETWORK = "172.30"    # the management network


class LabError(Exception):
    """Something that a person has to know; printed without a traceback."""


def number(thing, key, unit):
    """The integer that JSON shows under key_unit, or an error that names it."""
    name = f"{key}_{unit}"
    if name not in thing:
        raise LabError(f"the fleet's JSON has no {name} where one is expected: {sorted(thing)}")
    return thing[name]


def host(prefix):
    """First address of a prefix: where the lab puts the IDC's own hosts."""
    return str(ipaddress.ip_network(prefix)[1])


def without_nulls(thing):
    """The same without the keys that JSON shows as null: absent is absent."""
    if isinstance(thing, dict):
        return {key: without_nulls(value) for key, value in thing.items() if value is not None}
    return [without_nulls(item) for item in thing] if isinstance(thing, list) else thing


class Fleet:
    def __init__(self, data):
        data = without_nulls(data)
        self.data = data
        self.carriers = data["carriers"]
        self.idcs = data["idcs"]
        self.links = data["links"]
        self.conduits = data.get("conduits", [])
        self.views = data["views"]
        self.services = data["services"]
        self.entrances = data["entrances"]
        self.references = data.get("references", [])
        self.dns_servers = data["dns"]["servers"]
        self.zone = data["dns"]["zone"]
        self.geo_ttl_s = self.seconds(data["dns"], "geo_ttl")
        self.policy = data["policy"]
        self.parent = self.zone.split(".", 1)[1] or "."
        self._check()

    @classmethod
    def load(cls, spillway, path):
        """Reads a fleet file by the product's own parser."""
        shown = subprocess.run([spillway, "fleet", "show", "--json", path], capture_output=True, text=True)
        if shown.returncode != 0:
            raise LabError(f"spillway fleet show --json {path}:\n{shown.stderr.rstrip()}")
        return cls(json.loads(shown.stdout))

    def _check(self):
        addresses = [a for e in self.entrances for a in e["addresses"]]
        addresses += [e["address"] for link in self.links for e in link["ends"]]
        addresses += [s["address"] for s in self.dns_servers] + [r["address"] for r in self.references]
        for address in addresses:
            if ":" in address:
                raise LabError(f"{address}: the lab speaks IPv4 only")
        if len(self.views) > 256 or len(self.carriers) > 256:
            raise LabError("the lab's address plan ends at 256 views and 256 carriers")

    @staticmethod
    def seconds(thing, key):
        """A duration in seconds."""
        return number(thing, key, "s") if f"{key}_s" in thing else number(thing, key, "us") / 1e6

    def policy_s(self, key):
        return self.seconds(self.policy, key)

    # Names and addresses of the lab.

    @staticmethod
    def idc_netns(name):
        return f"{PREFIX}i-{name}"

    @staticmethod
    def carrier_netns(name):
        return f"{PREFIX}c-{name}"

    @staticmethod
    def view_netns(name):
        return f"{PREFIX}u-{name}"

    def netnses(self):
        """Every namespace of this fleet's lab."""
        return ([self.idc_netns(i["name"]) for i in self.idcs] + [self.carrier_netns(c) for c in self.carriers] +
                [self.view_netns(v["name"]) for v in self.views] + [GEO_NETNS, BUS_NETNS])

    def idc(self, name):
        return next(i for i in self.idcs if i["name"] == name)

    def link(self, name):
        for link in self.links:
            if link["name"] == name:
                return link
        raise LabError(f"no link {name}; there are: {', '.join(l['name'] for l in self.links)}")

    def spans(self):
        """Links between two IDCs."""
        return [l for l in self.links if all("idc" in e for e in l["ends"])]

    def uplinks(self, carrier=None, idc=None):
        """(link, IDC's end, carrier's end) of uplinks, the IDC's end first."""
        found = []
        for link in self.links:
            ends = link["ends"]
            if all("idc" in e for e in ends):
                continue
            ours, theirs = (ends[0], ends[1]) if "idc" in ends[0] else (ends[1], ends[0])
            if carrier in (None, theirs["carrier"]) and idc in (None, ours["idc"]):
                found.append((link, ours, theirs))
        return found

    def end_netns(self, end):
        return self.idc_netns(end["idc"]) if "idc" in end else self.carrier_netns(end["carrier"])

    def end_interface(self, link, end):
        """The interface of a link's end; the carrier's ends are named by the lab."""
        if "idc" in end:
            return end["interface"]
        return f"up{self.links.index(link)}"

    def idc_address(self, name):
        """The source address of the IDC's own hosts, or None for a site without prefixes."""
        prefixes = self.idc(name).get("prefixes", [])
        return host(prefixes[0]) if prefixes else None

    def bus_address(self, name):
        index = [i["name"] for i in self.idcs].index(name) + 2
        return f"{BUS_NETWORK}.{index >> 8}.{index & 255}"

    def view_index(self, name):
        return [v["name"] for v in self.views].index(name)

    def front_names(self, service):
        """The customer's names of a service: www for the first one, and its own."""
        names = [f"{service['name']}.{self.parent}"]
        return [f"www.{self.parent}"] + names if service is self.services[0] else names

    def answer_name(self, view, service):
        return f"{view['name']}.{service['dns_name']}"

    def demand_rps(self, service, view):
        return number(service, "demand", "rps").get(view["name"], 0)

    def entrances_of(self, service=None, idc=None):
        return [e for e in self.entrances
                if service in (None, e["service"]) and idc in (None, e["idc"])]

    def address_owner(self, address):
        """The IDC whose entrance has the address."""
        return next((e["idc"] for e in self.entrances if address in e["addresses"]), None)

    def keys(self):
        """Every key id that the fleet names."""
        ids = set()
        for thing, names in ((self.idcs, ("probe_key", "probe_key_next")), (self.links, ("key",)),
                             (self.dns_servers, ("tsig_key", "tsig_key_next"))):
            ids |= {item[name] for item in thing for name in names if item.get(name)}
        return sorted(ids)
