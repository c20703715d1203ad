#!/usr/bin/env python3
"""kafka.py: Apache Kafka for tests: a cluster of one or three brokers in KRaft mode, on loopback or in namespaces.

Each broker is a controller too. The settings are those that we ship, runbooks/kafka/server.properties, but for the keys
of the host. By itself it runs a command beside a cluster on loopback addresses of its own:

    python3 tests/lab/kafka.py [--secure] with COMMAND ... [';' COMMAND ...]

COMMAND finds the brokers in KAFKA_BROKERS, and strikes them by number:
`python3 "$KAFKA_LAB" --run "$KAFKA_RUN" kill 2`, then `start 2`, or `pause 2` and `resume 2`, or `mend`.
"""

import argparse
import base64
import dataclasses
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

sys.dont_write_bytecode = True

import kafka_jars
from fleet import TREE, LabError
from net import enter, run
from procs import UNPRIVILEGED, Processes, unprivileged_command

SETTINGS = os.path.join(TREE, "runbooks", "kafka", "server.properties")
SECURE = os.path.join(TREE, "runbooks", "kafka", "secure.properties")
PORT, CONTROLLER_PORT = 9092, 9093
NAMES = ("broker", "admin", "spillwayd", "spillway-probe")  # whom the certificate authority signs for
READY = "Kafka Server started"
READY_WITHIN_S = 120.0
SKIPPED = 77  # meson's status for a test that cannot run here
# For a start that costs little: this is no place to find out how fast Kafka can be.
JAVA = ("java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.logFile=System.out", "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS", "-Dorg.slf4j.simpleLogger.showThreadName=false",
        "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn")


@dataclasses.dataclass
class Place:
    """Where a broker stands."""
    name: str
    address: str
    netns: str | None = None
    idc: str | None = None


def loopback(count):
    """Places on loopback addresses that nobody has: 127.X.Y.1 and so on, so that the ports may be Kafka's own."""
    while True:
        network = f"127.{random.randint(16, 254)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            try:
                probe.bind((f"{network}.1", PORT))
            except OSError:
                continue
        return [Place(str(i), f"{network}.{i}") for i in range(1, count + 1)]


def write_settings(path, shipped, ours):
    """The shipped files one behind the other, with our values in place of theirs."""
    missing = set(ours)
    with open(path, "w", encoding="utf-8") as file:
        for name in shipped:
            with open(name, encoding="utf-8") as lines:
                for line in lines:
                    key = line.partition("=")[0]
                    missing.discard(key)
                    file.write(f"{key}={ours[key]}\n" if key in ours else line)
    if missing:
        raise LabError(f"{', '.join(shipped)}: no {', '.join(sorted(missing))}")


def certify(folder, addresses):
    """NAME.key, NAME.crt and both in NAME.pem for every name, signed by ca.crt, good for all addresses; and other.crt,
    which signed nothing."""
    path = lambda name: os.path.join(folder, name)
    fresh_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for name in ("ca", "other"):
        run(["openssl", "req", "-x509", *fresh_key, "-days", "2", "-subj", f"/CN={name}", "-keyout", path(name + ".key"),
             "-out", path(name + ".crt")])
    with open(path("addresses"), "w", encoding="ascii") as file:
        file.write("subjectAltName=" + ",".join(f"IP:{address}" for address in addresses) + "\n")
    for name in NAMES:
        run(["openssl", "req", *fresh_key, "-subj", f"/CN={name}", "-keyout", path(name + ".key"), "-out", path(name + ".csr")])
        run(["openssl", "x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-days",
             "2", "-extfile", path("addresses"), "-out", path(name + ".crt")])
        with open(path(name + ".pem"), "w", encoding="ascii") as both:
            for end in (".key", ".crt"):
                with open(path(name + end), encoding="ascii") as one:
                    both.write(one.read())


class Kafka:
    """The brokers of one cluster. Their processes are named kafka-PLACE, their files lie under RUN/kafka."""

    development = False

    def __init__(self, processes, places, unprivileged=False, secure=False):
        self.processes, self.places, self.unprivileged, self.secure = processes, places, unprivileged, secure
        self.home = os.path.join(processes.run_dir, "kafka")

    @property
    def brokers(self):
        return [f"{place.address}:{PORT}" for place in self.places]

    def start(self):
        kafka_jars.place(os.path.join(self.home, "jars"))
        cluster = "S" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # no option begins so
        formats = []
        if self.secure:
            certify(self.home, [place.address for place in self.places])
        for number, place in enumerate(self.places, 1):
            settings = self._settings(number, place)
            formats.append(subprocess.Popen(
                self._command(place, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", settings),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        for job in formats:
            said = job.communicate()[0]
            if job.returncode != 0:
                raise LabError(f"Kafka's storage was not formatted:\n{said.strip()}")
        for place in self.places:
            self.processes.start(self.process(place), place.netns, self._broker(place), idc=place.idc)
        self.wait()

    def wait(self, places=None):
        """Until every broker says that it serves, which is after the controllers let it."""
        for place in places or self.places:
            self.processes.wait_log(self.process(place), READY, READY_WITHIN_S)

    def again(self, place):
        """Starts one that was killed; what it said before does not count."""
        with open(self.processes.log_path(self.process(place)), "ab") as log:
            log.truncate(0)
        self.processes.restart(self.process(place))
        self.wait([place])

    @staticmethod
    def process(place):
        return f"kafka-{place.name}"

    def _dir(self, place):
        return os.path.join(self.home, place.name)

    def _settings_path(self, place):
        return os.path.join(self._dir(place), "server.properties")

    def _settings(self, number, place):
        """What we ship, for this host."""
        data = os.path.join(self._dir(place), "data")
        os.makedirs(data)
        if self.unprivileged:
            os.chown(data, UNPRIVILEGED, UNPRIVILEGED)
        voters = ",".join(f"{n}@{p.address}:{CONTROLLER_PORT}" for n, p in enumerate(self.places, 1))
        ours = {"node.id": number, "broker.rack": place.name, "log.dirs": data, "controller.quorum.voters": voters,
                "listeners": f"CLIENTS://{place.address}:{PORT},CONTROLLER://{place.address}:{CONTROLLER_PORT}"}
        if len(self.places) < 3:
            ours |= {"default.replication.factor": 1, "min.insync.replicas": 1, "offsets.topic.replication.factor": 1}
        if self.secure:
            ours |= {"ssl.keystore.location": os.path.join(self.home, "broker.pem"),
                     "ssl.truststore.location": os.path.join(self.home, "ca.crt")}
        path = self._settings_path(place)
        write_settings(path, [SETTINGS, SECURE] if self.secure else [SETTINGS], ours)
        return path

    def _command(self, place, *main):
        argv = [*JAVA, "-cp", os.path.join(self.home, "jars", "*"), *main]
        return enter(place.netns, unprivileged_command(argv) if self.unprivileged else argv)

    def _broker(self, place):
        argv = [*JAVA, "-cp", os.path.join(self.home, "jars", "*"), "kafka.Kafka", self._settings_path(place)]
        return unprivileged_command(argv) if self.unprivileged else argv


def stands_in(run_dir):
    """The cluster of `with` whose run directory this is."""
    processes = Processes(run_dir).load()
    return Kafka(processes, [Place(*p) for p in processes.state["places"]])


def mend(run_dir):
    """Every broker serves again, whatever was done to it."""
    kafka = stands_in(run_dir)
    for place in kafka.places:
        if kafka.processes.alive(kafka.process(place)):
            kafka.processes.signal(kafka.process(place), signal.SIGCONT)
        else:
            kafka.again(place)


def strike(args):
    kafka = stands_in(args.run)
    place = next((p for p in kafka.places if p.name == args.broker), None)
    if place is None:
        raise LabError(f"no broker {args.broker}; there are: {', '.join(p.name for p in kafka.places)}")
    name = kafka.process(place)
    if args.verb == "start":
        kafka.again(place)
    else:
        kafka.processes.signal(name, {"kill": signal.SIGKILL, "pause": signal.SIGSTOP, "resume": signal.SIGCONT}[args.verb])
    while args.verb == "kill" and kafka.processes.alive(name):
        time.sleep(0.01)


def commands(words):
    """The commands that stand there, separated by words of one semicolon."""
    found = [[]]
    for word in words:
        if word == ";":
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in found if command]


def beside(args):
    """Runs the commands beside a fresh cluster, one after the other; the first exit status that is not 0."""
    run_dir = tempfile.mkdtemp(prefix="spillway-kafka-")
    processes = Processes(run_dir)
    os.makedirs(os.path.join(run_dir, "log"))
    try:
        kafka = Kafka(processes, loopback(args.brokers), secure=args.secure)
        processes.state["places"] = [(p.name, p.address) for p in kafka.places]
        began = time.monotonic()
        kafka.start()
        print(f"kafka: {args.brokers} brokers, ready after {time.monotonic() - began:.1f} s", flush=True)
        environ = {**os.environ, "KAFKA_BROKERS": ",".join(kafka.brokers), "KAFKA_RUN": run_dir,
                   "KAFKA_LAB": os.path.abspath(__file__)}
        codes = [subprocess.call(command, env=environ) for command in commands(args.command)]
        code = next((code for code in codes if code != 0), 0)
        if code != 0:
            processes.load()
            for place in kafka.places:
                print(f"the end of the log of broker {place.name}:\n{processes.log_tail(kafka.process(place))}")
        return code
    finally:
        if os.path.exists(processes.path):
            processes.load()
        for name in list(processes.state["processes"]):
            processes.signal(name, signal.SIGKILL)  # nobody needs what it would still write
            processes.stop(name)
        shutil.rmtree(run_dir)


def parser():
    p = argparse.ArgumentParser(prog="kafka.py", description=__doc__.split("\n\n")[0].split(": ", 1)[1])
    p.add_argument("--run", metavar="DIR", help="of the cluster that is struck")
    p.add_argument("--brokers", type=int, choices=(1, 3), default=3, help="of the cluster of `with` (default 3)")
    p.add_argument("--secure", action="store_true",
                   help="with certificates on both sides and ACLs (runbooks/kafka/secure.properties)")
    p.add_argument("--test", action="store_true", help="as a test: status 77 (skipped) when Kafka cannot be had")
    verbs = p.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("fetch", help="bring it into the cache, and say where that is")
    run = verbs.add_parser("with", help="run a command beside a cluster")
    run.add_argument("command", nargs=argparse.REMAINDER)
    for verb, text in (("kill", "end a broker, as a power loss would"), ("start", "start it again, and wait for it"),
                       ("pause", "stop it for a while"), ("resume", "let it go on")):
        verbs.add_parser(verb, help=text).add_argument("broker")
    verbs.add_parser("mend", help="start or resume every broker that does not run")
    return p


def main():
    args = parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the brokers are ended
    try:
        if args.verb == "fetch":
            print(kafka_jars.jars())
            return 0
        if args.verb == "mend":
            mend(args.run)
            return 0
        if args.verb != "with":
            strike(args)
            return 0
        if not args.command:
            raise LabError("with: which command?")
        kafka_jars.jars()
        return beside(args)
    except LabError as error:
        if args.test and isinstance(error, kafka_jars.Absent) and not kafka_jars.required():
            print(f"skipped: {error}")
            return SKIPPED
        print(f"kafka.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
