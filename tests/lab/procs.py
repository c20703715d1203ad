"""procs.py: the lab's processes and its state file: started in namespaces, ended by process id and nothing else."""

import json
import os
import signal
import subprocess
import time

from fleet import LabError
from net import enter, existing, run

TERM_WAIT_S = 3.0
UNPRIVILEGED = 65534  # nobody: the daemons need no user of their own in the lab


def unprivileged_command(argv, caps=()):
    """The command line that runs argv as nobody. caps: ambient capabilities that are left to it."""
    drop = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
    if caps:
        drop += [f"--inh-caps={','.join('+' + c for c in caps)}", f"--ambient-caps={','.join('+' + c for c in caps)}"]
    return [*drop, "--", *argv]


def start_ticks(pid):
    """When a process started, in clock ticks after boot; None when it is gone. Tells a reused id from the process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def reap():
    """Collects ended children of this very program."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def end(pids):
    """Ends processes, given as (pid, start ticks): politely, then surely."""
    def alive():
        reap()
        return [(pid, ticks) for pid, ticks in pids if ticks is not None and start_ticks(pid) == ticks]

    for wait_s, signals in ((TERM_WAIT_S, (signal.SIGTERM, signal.SIGCONT)), (TERM_WAIT_S, (signal.SIGKILL,))):
        for pid, _ in alive():
            for number in signals:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
        deadline = time.monotonic() + wait_s
        while alive() and time.monotonic() < deadline:
            time.sleep(0.01)


class Processes:
    """What runs, by name. Everything that is needed to end or restart it is in RUN/state.json."""

    def __init__(self, run_dir):
        self.run_dir = run_dir
        self.path = os.path.join(run_dir, "state.json")
        self.state = {"processes": {}, "faults": {}}

    def load(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                self.state = json.load(file)
        except FileNotFoundError:
            raise LabError(f"no lab is up ({self.path} is not there)") from None
        return self

    def save(self):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.state, file, indent=1)
        os.rename(self.path + ".new", self.path)

    def log_path(self, name):
        return os.path.join(self.run_dir, "log", name + ".log")

    def start(self, name, netns, argv, *, unprivileged=False, caps=(), idc=None, pidfile=None):
        """Starts a process and notes it. caps: ambient capabilities of an unprivileged one. pidfile: one that it writes
        and that would keep it from starting again after a kill."""
        if unprivileged:
            argv = unprivileged_command(argv, caps)
        self.state["processes"][name] = {"netns": netns, "argv": argv, "idc": idc, "pidfile": pidfile}
        self.restart(name)

    def restart(self, name):
        """Starts a noted process again, exactly as it was started first."""
        process = self.state["processes"][name]
        if process["pidfile"] and os.path.exists(process["pidfile"]):
            os.unlink(process["pidfile"])
        with open(self.log_path(name), "ab") as log:
            child = subprocess.Popen(enter(process["netns"], process["argv"]), stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=log, cwd=self.run_dir, start_new_session=True)
        process["pid"], process["ticks"] = child.pid, start_ticks(child.pid)
        self.save()

    def get(self, name):
        if name not in self.state["processes"]:
            raise LabError(f"no process {name}; there are: {', '.join(sorted(self.state['processes']))}")
        return self.state["processes"][name]

    def alive(self, name):
        process = self.get(name)
        reap()
        return process["ticks"] is not None and start_ticks(process["pid"]) == process["ticks"]

    def of_idc(self, idc):
        return [name for name, p in self.state["processes"].items() if p["idc"] == idc]

    def signal(self, name, number):
        if self.alive(name):
            os.kill(self.get(name)["pid"], number)

    def stop(self, name):
        process = self.get(name)
        end([(process["pid"], process["ticks"])])

    def forget(self, name):
        """Ends a process that is not to be started again."""
        self.stop(name)
        del self.state["processes"][name]
        self.save()

    def usage(self, name):
        """(seconds of CPU so far, resident MiB) of a process that is alive."""
        pid = self.get(name)["pid"]
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident / 1024

    def wait_log(self, name, text, seconds=10.0):
        """Waits until a process has written a text to its log."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with open(self.log_path(name), encoding="utf-8", errors="replace") as log:
                if text in log.read():
                    return
            if not self.alive(name):
                break
            time.sleep(0.02)
        raise LabError(f"{name} did not say \"{text}\"; the end of {self.log_path(name)}:\n{self.log_tail(name)}")

    def log_tail(self, name, lines=12):
        with open(self.log_path(name), encoding="utf-8", errors="replace") as log:
            return "".join("  " + line for line in log.readlines()[-lines:]).rstrip()


def remove_everything(run_dir):
    """Ends and removes what any lab left here: by the state file, and by the names of namespaces. Safe to repeat."""
    pids = []
    try:
        with open(os.path.join(run_dir, "state.json"), encoding="utf-8") as file:
            pids = [(p["pid"], p["ticks"]) for p in json.load(file)["processes"].values() if "pid" in p]
    except (OSError, ValueError):
        pass
    for netns in existing():
        inside = [int(pid) for pid in run(["ip", "netns", "pids", netns], check=False).split()]
        pids += [(pid, start_ticks(pid)) for pid in inside if pid != os.getpid()]
    end(list(dict.fromkeys(pids)))
    for netns in existing():
        run(["ip", "netns", "del", netns], check=False)
