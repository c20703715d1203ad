"""spill.py: Spillway's own processes in the lab: broker, and in every IDC route helper, daemon and probe."""


class Spillway:
    def __init__(self, fleet, processes, programs, fleet_path):
        self.fleet, self.processes, self.programs, self.fleet_path = fleet, processes, programs, fleet_path

    def start(self):
        pass
