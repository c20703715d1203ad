"""load_faults.py: faults of load: users that multiply, services that err, a probe that gets no processor."""

import json
import os

from carrier_faults import number_between
from fleet import LabError
from world import controls_file

LOAD_VERBS = """\
load-times VIEW FACTOR  the view's users multiply their rate
service-errors IDC SERVICE PERCENT  that share of the service's requests fails there
probe-starve IDC        the IDC's probe runs 100 ms of every half second"""

STARVE = "while kill -STOP {pid}; do sleep 0.4; kill -CONT {pid}; sleep 0.1; done"


class LoadFaults:
    """Needs self.fleet and self.processes of Faults."""

    def _control(self, process, change):
        """Changes what a program is told while it runs."""
        self.processes.get(process)
        path = controls_file(self.processes, process)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        try:
            with open(path, encoding="utf-8") as file:
                told = json.load(file)
        except FileNotFoundError:
            told = {}
        change(told)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def _load_times(self, view, factor):
        if view not in [v["name"] for v in self.fleet.views]:
            raise LabError(f"no view {view}; there are: {', '.join(v['name'] for v in self.fleet.views)}")
        value = number_between(factor, 0.01, 100)
        self._control(f"users-{view}", lambda told: told.update(factor=value))

    def _mend_load_times(self, view, _factor):
        self._control(f"users-{view}", lambda told: told.pop("factor", None))

    def _service_errors(self, idc, service, percent):
        self._idc(idc)
        if not self.fleet.entrances_of(service, idc):
            raise LabError(f"{service} does not run at {idc}")
        value = number_between(percent, 0.01, 100)
        self._control(f"service-{idc}", lambda told: told.setdefault("errors_percent", {}).update({service: value}))

    def _mend_service_errors(self, idc, service, _percent):
        self._control(f"service-{idc}", lambda told: told.get("errors_percent", {}).pop(service, None))

    def _probe_starve(self, idc):
        netns, probe = self._idc(idc), self.processes.get(f"probe-{idc}")
        self.processes.start(f"starve-{idc}", netns, ["sh", "-c", STARVE.format(pid=probe["pid"])])

    def _mend_probe_starve(self, idc):
        self.processes.forget(f"starve-{idc}")
        self._mend_pause(f"probe-{idc}")
