"""programs.py: where the built programs are."""

import os

from fleet import LabError

NAMES = ("spillway", "spillwayd", "spillway-probe", "spillway-routed", "spillway-broker",
         "lab-service", "lab-client", "lab-watch")


class Programs:
    def __init__(self, build_dir):
        self.build_dir = os.path.abspath(build_dir)
        self.paths = {}
        for folder, _, files in os.walk(self.build_dir):
            for name in set(files) & set(NAMES):
                path = os.path.join(folder, name)
                if os.access(path, os.X_OK) and os.path.isfile(path):
                    self.paths[name] = path

    def has(self, name):
        return name in self.paths

    def __getitem__(self, name):
        if name not in self.paths:
            raise LabError(f"{name} is not built in {self.build_dir}: ninja -C {self.build_dir}")
        return self.paths[name]
