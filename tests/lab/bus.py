"""bus.py: the bus of the lab: spillway-broker on the management network, or Apache Kafka with a broker in three IDCs."""

import kafka
from fleet import BUS_NETNS, BUS_NETWORK, LabError

BROKERS = 3


class DevelopmentBus:
    """One spillway-broker in the bus' own namespace: proof of nothing about Kafka."""

    development = True
    brokers = [f"{BUS_NETWORK}.0.1:{kafka.PORT}"]

    def __init__(self, fleet, processes, programs):
        self.fleet, self.processes, self.programs = fleet, processes, programs

    def start(self):
        partitions = max(i["partition"] for i in self.fleet.idcs) + 1
        self.processes.start("broker", BUS_NETNS, [self.programs["spillway-broker"], "--listen", self.brokers[0],
                                                   "--partitions", str(partitions)], unprivileged=True)
        self.processes.wait_log("broker", "ready")


def kafka_bus(fleet, processes):
    """A broker that is a controller too in each of the first three candidates, reached over the management network; it
    dies and comes back with its IDC."""
    idcs = [i["name"] for i in fleet.idcs if i.get("candidate")][:BROKERS]
    if len(idcs) < BROKERS:
        raise LabError(f"Kafka wants {BROKERS} candidates to stand in; this fleet has {len(idcs)}")
    return kafka.Kafka(processes, [kafka.Place(idc, fleet.bus_address(idc), fleet.idc_netns(idc), idc) for idc in idcs],
                       unprivileged=True)
