"""kafka_jars.py: Apache Kafka as the tests use it: fetched once by Maven, checked against pinned digests, cached.

What is fetched stands in kafka.pom.xml, and the SHA-256 of every file in kafka.sha256. It is kept in the user's cache
directory; when it is there, nothing goes over the network.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile

from fleet import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
POM = os.path.join(HERE, "kafka.pom.xml")
DIGESTS = os.path.join(HERE, "kafka.sha256")
LEAST_JAVA = 17
FETCH_WITHIN_S = 300


class Absent(LabError):
    """Kafka cannot be had on this machine: the reason."""


def required():
    """A run in which tests on Kafka must not be skipped (.ci/run)."""
    return os.environ.get("SPILLWAY_KAFKA") == "required"


def pinned():
    """File name -> SHA-256."""
    with open(DIGESTS, encoding="ascii") as file:
        return {name: digest for digest, name in (line.split() for line in file)}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache():
    """Where this very set of files is kept."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "spillway", "kafka-" + digest(DIGESTS)[:16])


def check_java():
    try:
        shown = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    except FileNotFoundError:
        raise Absent("there is no Java: `sh runbooks/setup --kafka` installs it") from None
    version = re.search(r'version "(\d+)', shown)
    if not version or int(version[1]) < LEAST_JAVA:
        raise Absent(f"Kafka needs Java {LEAST_JAVA}; found {shown.splitlines()[0] if shown else 'none that answers'}")


def fetch(to):
    """Maven brings the files, by its user's settings."""
    if shutil.which("mvn") is None:
        raise Absent("Kafka is not in the cache, and there is no Maven: `sh runbooks/setup --kafka` installs it")
    try:
        done = subprocess.run(["mvn", "-B", "-q", "-f", POM, "dependency:copy-dependencies", "-DincludeScope=runtime",
                               f"-DoutputDirectory={to}"], capture_output=True, text=True, timeout=FETCH_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise Absent(f"Maven did not bring Kafka within {FETCH_WITHIN_S} s") from None
    if done.returncode != 0:
        errors = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise Absent("Maven did not bring Kafka: " + (errors[0].strip() if errors else f"status {done.returncode}"))


def check(folder):
    """Every file that is pinned, and no other. What is wrong here is no reason to skip a test."""
    found = {name: digest(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}
    wrong = sorted(name for name in found.keys() | pinned().keys() if found.get(name) != pinned().get(name))
    if wrong:
        raise LabError(f"what Maven brought is not what {os.path.basename(DIGESTS)} pins: {', '.join(wrong)}")


def jars():
    """The folder with the files, fetched if it is not there. Absent when it cannot be had."""
    check_java()
    folder = cache()
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        fresh = tempfile.mkdtemp(prefix="kafka-new-", dir=os.path.dirname(folder))
        try:
            fetch(fresh)
            check(fresh)
            os.chmod(fresh, 0o755)
            os.rename(fresh, folder)
        except OSError:
            if not os.path.isdir(folder):  # else another was as quick
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def place(folder):
    """The same files in a folder that everybody may read: the user's cache may be closed to who runs the brokers."""
    source = jars()
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(source):
        try:
            os.link(os.path.join(source, name), os.path.join(folder, name))
        except OSError:
            shutil.copyfile(os.path.join(source, name), os.path.join(folder, name))
    return folder
