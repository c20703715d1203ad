"""net.py: the lab's network: one namespace per IDC, carrier, view, the geo layer and the bus, joined by veth pairs."""

import heapq
import itertools
import os
import subprocess

from fleet import (BUS_NETNS, BUS_NETWORK, GEO_ADDRESS, GEO_NETNS, GEO_NETWORK, PEERING_NETWORK, PREFIX,
                   USERS_NETWORK, LabError)

SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.ignore_routes_with_linkdown": "1",
    "net.ipv4.conf.default.ignore_routes_with_linkdown": "1",
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
}
BUS_INTERFACE = "mgmt"  # of an IDC, on the management network
NFT_TABLE = """
table inet swlab {
    set cut { type ifname; }
    set mute { type ifname; }
    set dead { type ipv4_addr; }
    chain arriving { type filter hook prerouting priority -300; iifname @cut drop; ip daddr @dead drop; }
    chain leaving { type filter hook postrouting priority -300; oifname @mute drop; }
    chain peering { type filter hook forward priority 0; ip saddr 100.64.0.0/16 oifname "peer*" drop; }
    chain dark_in { type filter hook prerouting priority -310; }
    chain dark_out { type filter hook postrouting priority -310; }
}
"""


def run(argv, text=None, check=True):
    """Runs a command to its end; its standard error is the reason when it fails."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def nft(netns, text):
    run(enter(netns, ["nft", "-f", "-"]), text)


def enter(netns, argv):
    """The command line that runs argv inside a namespace (nsenter execs it: the process id stays); None: where we are."""
    return argv if netns is None else ["nsenter", f"--net=/run/netns/{netns}", "--", *argv]


def existing():
    """The lab's namespaces on this machine, by name."""
    try:
        return sorted(n for n in os.listdir("/run/netns") if n.startswith(PREFIX))
    except FileNotFoundError:
        return []


class Network:
    """Collects ip(8) commands by namespace, then runs each namespace's as one batch.

    bus_at: the IDC in which the bus stands; the others reach it over the links, and lose it with them. None: everybody
    reaches it over a management network that nothing touches.
    """

    def __init__(self, fleet, bus_at=None):
        self.fleet, self.bus_at = fleet, bus_at
        if bus_at and bus_at not in [i["name"] for i in fleet.idcs]:
            raise LabError(f"no IDC {bus_at}; there are: {', '.join(i['name'] for i in fleet.idcs)}")
        self.batches = {netns: ["link set dev lo up"] for netns in fleet.netnses()}

    def add(self, netns, command):
        self.batches[netns].append(command)

    def up(self):
        # On systems where /run/netns is no shared mount yet, ip-netns makes it one: not our concern.
        for netns in self.batches:
            run(["ip", "netns", "add", netns])
            run(enter(netns, ["sysctl", "-q", "-w", *[f"{k}={v}" for k, v in SYSCTLS.items()]]), check=False)
            run(enter(netns, ["nft", "-f", "-"]), NFT_TABLE)
        self._bus()
        self._links()
        self._peering()
        self._views()
        self._geo()
        self._hosts()
        self.plan_routes()
        for netns, batch in self.batches.items():
            run(["ip", "-n", netns, "-batch", "-"], "\n".join(batch) + "\n")

    def _pair(self, netns, interface, peer_netns, peer):
        run(["ip", "link", "add", "name", interface, "netns", netns, "type", "veth",
             "peer", "name", peer, "netns", peer_netns])
        self.add(netns, f"link set dev {interface} up")
        self.add(peer_netns, f"link set dev {peer} up")

    def _bus(self):
        self.add(BUS_NETNS, "link add br0 type bridge")
        self.add(BUS_NETNS, "link set dev br0 up")
        self.add(BUS_NETNS, f"address add {BUS_NETWORK}.0.1/16 dev br0")
        for i, idc in enumerate(self.fleet.idcs):
            if self.bus_at not in (None, idc["name"]):
                continue
            netns = self.fleet.idc_netns(idc["name"])
            self._pair(netns, BUS_INTERFACE, BUS_NETNS, f"idc{i}")
            self.add(BUS_NETNS, f"link set dev idc{i} master br0")
            self.add(netns, f"address add {self.fleet.bus_address(idc['name'])}/16 dev {BUS_INTERFACE}")

    def _links(self):
        for link in self.fleet.links:
            a, b = link["ends"]
            ends = [(self.fleet.end_netns(e), self.fleet.end_interface(link, e)) for e in (a, b)]
            self._pair(*ends[0], *ends[1])
            for (netns, interface), mine, other in ((ends[0], a, b), (ends[1], b, a)):
                self.add(netns, f"address add {mine['address']} peer {other['address']} dev {interface}")

    def _peering(self):
        """Carriers reach each other, but users stay with theirs: only a probe without a better way goes there."""
        for (i, a), (j, b) in itertools.combinations(enumerate(self.fleet.carriers), 2):
            ends = self.fleet.carrier_netns(a), self.fleet.carrier_netns(b)
            self._pair(ends[0], f"peer{j}", ends[1], f"peer{i}")
            self.add(ends[0], f"address add {self._peer(i, j)}/31 dev peer{j}")
            self.add(ends[1], f"address add {self._peer(j, i)}/31 dev peer{i}")

    @staticmethod
    def _peer(mine, other):
        """Address of a carrier's end of the peering with another; the two differ in the last bit."""
        low, high = sorted((mine, other))
        return f"{PEERING_NETWORK}.{low}.{2 * high + (mine > other)}"

    def _views(self):
        for i, view in enumerate(self.fleet.views):
            users, carrier = self.fleet.view_netns(view["name"]), self.fleet.carrier_netns(view["carrier"])
            self._pair(users, "carrier", carrier, f"view{i}")
            self.add(users, f"address add {USERS_NETWORK}.{i}.2/24 dev carrier")
            self.add(users, f"route add default via {USERS_NETWORK}.{i}.1 dev carrier")
            self.add(carrier, f"address add {USERS_NETWORK}.{i}.1/24 dev view{i}")

    def _geo(self):
        self.add(GEO_NETNS, f"address add {GEO_ADDRESS}/32 dev lo")
        for c, name in enumerate(self.fleet.carriers):
            carrier = self.fleet.carrier_netns(name)
            self._pair(GEO_NETNS, f"c{c}", carrier, "geo")
            self.add(GEO_NETNS, f"address add {GEO_NETWORK}.{c}.2/24 dev c{c}")
            self.add(carrier, f"address add {GEO_NETWORK}.{c}.1/24 dev geo")
            self.add(carrier, f"route add {GEO_ADDRESS} via {GEO_NETWORK}.{c}.2 dev geo")
            for i, view in enumerate(self.fleet.views):
                if view["carrier"] == name:
                    self.add(GEO_NETNS, f"route add {USERS_NETWORK}.{i}.0/24 via {GEO_NETWORK}.{c}.1")

    def _hosts(self):
        """Addresses that live inside: of entrances, of each IDC's own network, DNS servers, reference targets."""
        for idc in self.fleet.idcs:
            netns = self.fleet.idc_netns(idc["name"])
            own = [self.fleet.idc_address(idc["name"])] if self.fleet.idc_address(idc["name"]) else []
            own += [a for e in self.fleet.entrances_of(idc=idc["name"]) for a in e["addresses"]]
            own += [s["address"] for s in self.fleet.dns_servers if s.get("idc") == idc["name"]]
            for address in dict.fromkeys(own):
                self.add(netns, f"address add {address}/32 dev lo")
        for reference in self.fleet.references:
            for carrier in reference["carriers"]:
                self.add(self.fleet.carrier_netns(carrier), f"address add {reference['address']}/32 dev lo")

    def plan_routes(self):
        """Adds the static routes to the batches."""
        for carrier in self.fleet.carriers:
            self._carrier_routes(carrier)
        for idc in self.fleet.idcs:
            self._idc_routes(idc["name"])
            self._underlay_routes(idc["name"])
        if self.bus_at:
            self._bus_routes()

    def _bus_routes(self):
        """To the bus by the shortest way over the links, and nothing else when that dies. A site without spans goes over
        a carrier that it has in common with the bus' IDC."""
        broker = f"{BUS_NETWORK}.0.1"
        self.add(BUS_NETNS, f"route add default via {self.fleet.bus_address(self.bus_at)}")
        for carrier in self.fleet.carriers:
            for link, ours, theirs in self.fleet.uplinks(carrier=carrier, idc=self.bus_at)[:1]:
                self.add(self.fleet.carrier_netns(carrier), f"route add {broker} via {ours['address']} "
                                                            f"dev {self.fleet.end_interface(link, theirs)}")
        served = {theirs["carrier"] for _, _, theirs in self.fleet.uplinks(idc=self.bus_at)}
        for idc in (i["name"] for i in self.fleet.idcs if i["name"] != self.bus_at):
            hop = self._first_hops(idc).get(self.bus_at)
            common = [(ours, theirs) for _, ours, theirs in self.fleet.uplinks(idc=idc) if theirs["carrier"] in served]
            for ours, theirs in ([hop] if hop else common)[:1]:
                self.add(self.fleet.idc_netns(idc), f"route add {broker} via {theirs['address']} dev {ours['interface']}")

    def _carrier_routes(self, carrier):
        """What a carrier can reach: the entrances that name it, and the DNS servers, over the IDCs' uplinks."""
        netns = self.fleet.carrier_netns(carrier)
        for rank, (link, ours, theirs) in enumerate(self.fleet.uplinks(carrier=carrier)):
            addresses = [a for e in self.fleet.entrances_of(idc=ours["idc"])
                         if carrier in e["carriers"] for a in e["addresses"]]
            addresses += [s["address"] for s in self.fleet.dns_servers if s.get("idc") == ours["idc"]]
            device = self.fleet.end_interface(link, theirs)
            for address in dict.fromkeys(addresses):
                self.add(netns, f"route add {address} via {ours['address']} dev {device} metric {rank + 1}")

        self._peering_routes(carrier)

    def _peering_routes(self, carrier):
        """To what only other carriers reach: their entrances, references and uplinks."""
        me = self.fleet.carriers.index(carrier)
        for other, name in enumerate(self.fleet.carriers):
            if other == me:
                continue
            to = [a for e in self.fleet.entrances if name in e["carriers"] and carrier not in e["carriers"]
                  for a in e["addresses"]]
            to += [r["address"] for r in self.fleet.references
                   if name in r["carriers"] and carrier not in r["carriers"]]
            to += [ours["address"] for _, ours, _ in self.fleet.uplinks(carrier=name)]
            for address in dict.fromkeys(to):
                self.add(self.fleet.carrier_netns(carrier),
                         f"route add {address} via {self._peer(other, me)} dev peer{other} metric {200 + other}")

    def _idc_routes(self, idc):
        """An IDC's way to users, to the other IDCs' entrances and uplinks, and to the reference targets."""
        netns = self.fleet.idc_netns(idc)
        for rank, (_, ours, theirs) in enumerate(self.fleet.uplinks(idc=idc)):
            carrier = theirs["carrier"]
            to = [f"{USERS_NETWORK}.{i}.0/24" for i, v in enumerate(self.fleet.views) if v["carrier"] == carrier]
            to += [end["address"] for _, end, _ in self.fleet.uplinks(carrier=carrier) if end["idc"] != idc]
            to += [r["address"] for r in self.fleet.references if carrier in r["carriers"]]
            to += [a for e in self.fleet.entrances
                   if e["idc"] != idc and carrier in e["carriers"] for a in e["addresses"]]
            for address in dict.fromkeys(to):
                self.add(netns, f"route add {address} via {theirs['address']} dev {ours['interface']} "
                                f"metric {rank + 1}")
        self._foreign_routes(idc)

    def _foreign_routes(self, idc):
        """To what no carrier of this IDC reaches: by its first uplink, and then the carriers' peering."""
        uplinks = self.fleet.uplinks(idc=idc)
        mine = {theirs["carrier"] for _, _, theirs in uplinks}
        to = [a for e in self.fleet.entrances if e["idc"] != idc and mine.isdisjoint(e["carriers"])
              for a in e["addresses"]]
        to += [r["address"] for r in self.fleet.references if mine.isdisjoint(r["carriers"])]
        for _, ours, theirs in uplinks[:1]:
            for address in dict.fromkeys(to):
                self.add(self.fleet.idc_netns(idc), f"route add {address} via {theirs['address']} "
                                                    f"dev {ours['interface']} metric 200")

    def _underlay_routes(self, idc):
        """The link addresses of spans that do not touch this IDC, by the shortest way: a host that sends over its own
        span has that span's address as its source, and wants an answer."""
        first = self._first_hops(idc)
        netns = self.fleet.idc_netns(idc)
        for span in self.fleet.spans():
            ends = span["ends"]
            if idc in (ends[0]["idc"], ends[1]["idc"]):
                continue
            for end, near in ((ends[0], ends[1]), (ends[1], ends[0])):
                if near["idc"] in first:
                    ours, theirs = first[near["idc"]]
                    self.add(netns, f"route add {end['address']} via {theirs['address']} dev {ours['interface']}")

    def _first_hops(self, source):
        """IDC -> (our end, their end) of the first span on the shortest way there (Dijkstra by latency)."""
        best, queue = {}, [(0, source, None)]
        while queue:
            distance, at, first = heapq.heappop(queue)
            if at in best:
                continue
            best[at] = first
            for span in self.fleet.spans():
                for ours, theirs in (span["ends"], span["ends"][::-1]):
                    if ours["idc"] == at and theirs["idc"] not in best:
                        step = distance + self.fleet.seconds(span, "latency")
                        heapq.heappush(queue, (step, theirs["idc"], first or (ours, theirs)))
        del best[source]
        return best
