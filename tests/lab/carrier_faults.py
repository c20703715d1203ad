"""carrier_faults.py: faults of carriers, entrances, conduits and of links that do not die cleanly."""

from fleet import LabError
from net import nft

CARRIER_VERBS = """\
carrier-off IDC CARRIER the IDC's uplinks to the carrier lose every packet both ways, the carrier signal stays
carrier-off-everywhere CARRIER  the carrier is out: between users, IDCs and whatever is in it
entrance-dead ENTRANCE  packets to the entrance's addresses vanish where they arrive, inside its IDC too
conduit-cut CONDUIT     every link of the conduit loses every packet both ways
loss LINK PERCENT [one-way]  that share of packets is lost at random, both ways or towards the link's second end only
flap LINK SECONDS       the link is cut and mended over and over, once in that many seconds"""


def flap_script(interface, seconds):
    """Cuts and mends an interface both ways, from one namespace."""
    both = " ".join(f"{{}} element inet swlab {way} {{{{ \"{interface}\" }}}};" for way in ("cut", "mute"))
    half = float(seconds) / 2
    return (f"while :; do nft '{both.format('add', 'add')}'; sleep {half}; "
            f"nft '{both.format('delete', 'delete')}'; sleep {half}; done")


def number_between(text, low, high):
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise LabError(f"found {text}, expected a number from {low:g} to {high:g}")
    return value


class CarrierFaults:
    """Needs self.fleet, self.processes, and self._cut of Faults."""

    def _uplinks(self, idc, carrier):
        self._idc(idc)
        found = [link for link, _, _ in self.fleet.uplinks(carrier=carrier, idc=idc)]
        if not found:
            raise LabError(f"{idc} has no uplink to {carrier}; carriers are: {', '.join(self.fleet.carriers)}")
        return found

    def _carrier_off(self, idc, carrier):
        for link in self._uplinks(idc, carrier):
            self._cut(link, link["ends"], "add")

    def _mend_carrier_off(self, idc, carrier):
        for link in self._uplinks(idc, carrier):
            self._cut(link, link["ends"], "delete")

    def _carrier_place(self, name):
        if name not in self.fleet.carriers:
            raise LabError(f"no carrier {name}; there are: {', '.join(self.fleet.carriers)}")
        return self.fleet.carrier_netns(name)

    def _carrier_off_everywhere(self, name):
        nft(self._carrier_place(name), 'add rule inet swlab dark_in iifname != "lo" drop\n'
                                 'add rule inet swlab dark_out oifname != "lo" drop\n')

    def _mend_carrier_off_everywhere(self, name):
        nft(self._carrier_place(name), "flush chain inet swlab dark_in\nflush chain inet swlab dark_out\n")

    def _dead_entrance(self, name, verb):
        entrance = next((e for e in self.fleet.entrances if e["name"] == name), None)
        if entrance is None:
            raise LabError(f"no entrance {name}; there are: {', '.join(e['name'] for e in self.fleet.entrances)}")
        nft(self.fleet.idc_netns(entrance["idc"]),
            f"{verb} element inet swlab dead {{ {', '.join(entrance['addresses'])} }}\n")

    def _entrance_dead(self, name):
        self._dead_entrance(name, "add")

    def _mend_entrance_dead(self, name):
        self._dead_entrance(name, "delete")

    def _conduit(self, name):
        for conduit in self.fleet.conduits:
            if conduit["name"] == name:
                return [self.fleet.link(link) for link in conduit["links"]]
        raise LabError(f"no conduit {name}; there are: {', '.join(c['name'] for c in self.fleet.conduits) or 'none'}")

    def _conduit_cut(self, name):
        for link in self._conduit(name):
            self._cut(link, link["ends"], "add")

    def _mend_conduit_cut(self, name):
        for link in self._conduit(name):
            self._cut(link, link["ends"], "delete")

    def _lossy_ends(self, name, one_way):
        """(namespace, interface, chain) of each end at which packets are lost."""
        if one_way not in ((), ("one-way",)):
            raise LabError(f"found {' '.join(one_way)}, expected one-way or nothing")
        link = self.fleet.link(name)
        chain = f"loss_{self.fleet.links.index(link)}"
        return [(self.fleet.end_netns(e), self.fleet.end_interface(link, e), chain)
                for e in (link["ends"][1:] if one_way else link["ends"])]

    def _loss(self, name, percent, *one_way):
        share = round(number_between(percent, 0.01, 100) * 100)
        for netns, interface, chain in self._lossy_ends(name, one_way):
            # Each end of a link inside one namespace would be a chain of its own; a carrier has many ends.
            nft(netns, f"add chain inet swlab {chain} {{ type filter hook prerouting priority -305; }}\n"
                       f"add rule inet swlab {chain} iifname \"{interface}\" numgen random mod 10000 < {share} drop\n")

    def _mend_loss(self, name, percent, *one_way):
        for netns, _, chain in self._lossy_ends(name, one_way):
            nft(netns, f"flush chain inet swlab {chain}\ndelete chain inet swlab {chain}\n")

    def _flap_end(self, name):
        link = self.fleet.link(name)
        end = next(e for e in link["ends"] if "idc" in e)
        return self.fleet.end_netns(end), self.fleet.end_interface(link, end)

    def _flap(self, name, seconds):
        netns, interface = self._flap_end(name)
        number_between(seconds, 0.05, 3600)
        self.processes.start(f"flap-{name}", netns, ["sh", "-c", flap_script(interface, seconds)])

    def _mend_flap(self, name, _seconds):
        netns, interface = self._flap_end(name)
        self.processes.forget(f"flap-{name}")
        for way in ("cut", "mute"):  # it may have been ended in either half
            nft(netns, f'add element inet swlab {way} {{ "{interface}" }}\n'
                       f'delete element inet swlab {way} {{ "{interface}" }}\n')
