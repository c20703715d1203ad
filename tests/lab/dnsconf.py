"""dnsconf.py: real name servers: the fleet's primaries, the customer's geo layer, a caching resolver per view."""

import os
import shutil

from fleet import GEO_ADDRESS, GEO_NETNS, USERS_NETWORK, LabError

KNOT_SERVER = """\
server:
    rundir: "{dir}"
    pidfile: "{dir}/knotd.pid"
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{dir}"
    journal-db-max-size: 256M
    kasp-db-max-size: 16M
    timer-db-max-size: 16M
    catalog-db-max-size: 16M
"""
BIND_OPTIONS = """\
options {{
    directory "{dir}";
    pid-file "{dir}/named.pid";
    session-keyfile "{dir}/session.key";
    managed-keys-directory "{dir}";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    notify no;
    dnssec-validation no;
    minimal-responses yes;
    allow-query {{ any; }};
}};
controls {{ }};
"""
UNBOUND = """\
server:
    username: ""
    chroot: ""
    directory: "{dir}"
    pidfile: "{dir}/unbound.pid"
    use-syslog: no
    logfile: ""
    do-daemonize: no
    num-threads: 1
    interface: 127.0.0.1
    access-control: 127.0.0.0/8 allow
    do-ip6: no
    do-not-query-localhost: no
    module-config: "iterator"
    msg-cache-size: 256k
    rrset-cache-size: 256k
    infra-cache-numhosts: 64
    outgoing-range: 64
    num-queries-per-thread: 64
    cache-max-negative-ttl: 1
    qname-minimisation: no
    target-fetch-policy: "0 0 0 0 0"
    rrset-roundrobin: yes
    # A primary dies with its IDC. Short timeouts, and knowing how quick the other one is, keep that
    # from costing users a second, as the defaults do.
    infra-cache-min-rtt: 50
    infra-cache-max-rtt: 500
    infra-keep-probing: yes
    infra-host-ttl: 900
    fast-server-permil: 750
    fast-server-num: 1
remote-control:
    control-enable: no
stub-zone:
    name: "{parent}"
    stub-addr: {geo}
stub-zone:
    name: "{zone}"
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Dns:
    """Writes the configurations and starts the servers through the lab's processes."""

    def __init__(self, fleet, processes, software, secrets):
        """software: server name (or "geo") -> "knot" or "bind"; secrets: key id -> base64."""
        self.fleet, self.processes, self.secrets = fleet, processes, secrets
        self.software = software
        self.dir = os.path.join(processes.run_dir, "dns")

    def software_of(self, name, index):
        return self.software.get(name, ("knot", "bind")[index % 2])

    def start(self):
        for index, server in enumerate(self.fleet.dns_servers):
            if not server.get("idc"):
                raise LabError(f"{server['name']}: a DNS server outside all IDCs has no place in the lab")
            self._primary(server, self.software_of(server["name"], index))
        self._geo(self.software_of("geo", 0))
        for view in self.fleet.views:
            self._resolver(view)

    def _binary(self, name):
        """A copy of a server in the run directory: Debian's AppArmor profiles are tied to the path of the original
        and would forbid our files."""
        to = os.path.join(self.processes.run_dir, "bin", name)
        if not os.path.exists(to):
            os.makedirs(os.path.dirname(to), exist_ok=True)
            found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
            if found is None:
                raise LabError(f"{name} is not installed; sh runbooks/setup installs what the lab needs")
            shutil.copy2(found, to)
        return to

    def _run(self, name, netns, software, where, idc=None):
        conf = os.path.join(where, "knot.conf" if software == "knot" else "named.conf")
        if software == "knot":
            argv = [self._binary("knotd"), "-c", conf]
        else:
            argv = [self._binary("named"), "-f", "-g", "-n", "1", "-c", conf]
        pidfile = os.path.join(where, "knotd.pid" if software == "knot" else "named.pid")
        self.processes.start(name, netns, argv, idc=idc, pidfile=pidfile)

    def _zone(self, servers):
        """The fleet's zone before Spillway has written anything: SOA and name servers."""
        lines = ["$TTL 1", f"@ IN SOA {servers[0]['name']}.ns.{self.fleet.zone} hostmaster.{self.fleet.zone} "
                           "1 3600 600 86400 1"]
        for server in servers:
            lines += [f"@ IN NS {server['name']}.ns.{self.fleet.zone}",
                      f"{server['name']}.ns.{self.fleet.zone} IN A {server['address']}"]
        return "\n".join(lines) + "\n"

    def _primary(self, server, software):
        where = os.path.join(self.dir, server["name"])
        write(os.path.join(where, "zone"), self._zone(self.fleet.dns_servers))
        keys = [server[k] for k in ("tsig_key", "tsig_key_next") if server.get(k)]
        values = {"dir": where, "address": server["address"], "port": server["port"]}
        if software == "knot":
            text = KNOT_SERVER.format(**values) + "key:\n"
            for key in keys:
                text += f"  - id: {key}\n    algorithm: hmac-sha256\n    secret: {self.secrets[key]}\n"
            text += f"acl:\n  - id: spillway\n    key: [{', '.join(keys)}]\n    action: [update, transfer]\n"
            text += (f"zone:\n  - domain: {self.fleet.zone}\n    file: \"{where}/zone\"\n    acl: spillway\n"
                     "    zonefile-sync: -1\n    journal-max-usage: 64M\n")
            write(os.path.join(where, "knot.conf"), text)
        else:
            text = BIND_OPTIONS.format(**values)
            for key in keys:
                text += f"key \"{key}\" {{ algorithm hmac-sha256; secret \"{self.secrets[key]}\"; }};\n"
            allowed = " ".join(f'key "{key}";' for key in keys)
            text += (f"zone \"{self.fleet.zone}\" {{\n    type primary;\n    file \"{where}/zone\";\n"
                     f"    journal \"{where}/zone.jnl\";\n    allow-update {{ {allowed} }};\n}};\n")
            write(os.path.join(where, "named.conf"), text)
        self._run(server["name"], self.fleet.idc_netns(server["idc"]), software, where, idc=server["idc"])

    def _geo_cnames(self):
        """(front name, view index, target) of the customer's geo layer."""
        for service in self.fleet.services:
            for front in self.fleet.front_names(service):
                for i, view in enumerate(self.fleet.views):
                    yield front, i, self.fleet.answer_name(view, service)

    def _geo_zone(self):
        lines = [f"$TTL {max(1, int(self.fleet.geo_ttl_s))}",
                 f"@ IN SOA geo.{self.fleet.parent} hostmaster.{self.fleet.parent} 1 3600 600 86400 1",
                 f"@ IN NS geo.{self.fleet.parent}", f"geo.{self.fleet.parent} IN A {GEO_ADDRESS}"]
        for server in self.fleet.dns_servers:
            lines += [f"{self.fleet.zone} IN NS {server['name']}.ns.{self.fleet.zone}",
                      f"{server['name']}.ns.{self.fleet.zone} IN A {server['address']}"]
        return "\n".join(lines) + "\n"

    def _geo(self, software):
        """The customer's own: leads www and the services' names to the view of the asking resolver's subnet."""
        where = os.path.join(self.dir, "geo")
        ttl = max(1, int(self.fleet.geo_ttl_s))
        values = {"dir": where, "address": GEO_ADDRESS, "port": 53}
        if software == "knot":
            write(os.path.join(where, "zone"), self._geo_zone())
            by_front = {}
            for front, view, target in self._geo_cnames():
                by_front.setdefault(front, []).append(
                    f"  - net: {USERS_NETWORK}.{view}.0/24\n    CNAME: {target}\n")
            write(os.path.join(where, "geo.conf"),
                  "".join(f"{front}:\n{''.join(nets)}" for front, nets in by_front.items()))
            write(os.path.join(where, "knot.conf"), KNOT_SERVER.format(**values) +
                  f"mod-geoip:\n  - id: views\n    config-file: \"{where}/geo.conf\"\n    ttl: {ttl}\n"
                  "    mode: subnet\n"
                  f"zone:\n  - domain: {self.fleet.parent}\n    file: \"{where}/zone\"\n    module: mod-geoip/views\n")
        else:
            text = BIND_OPTIONS.format(**values)
            for i, view in enumerate(self.fleet.views):
                zone = self._geo_zone() + "".join(f"{front} IN CNAME {target}\n"
                                                  for front, v, target in self._geo_cnames() if v == i)
                write(os.path.join(where, f"zone-{i}"), zone)
                text += (f"view \"{view['name']}\" {{\n    match-clients {{ {USERS_NETWORK}.{i}.0/24; }};\n"
                         f"    zone \"{self.fleet.parent}\" {{ type primary; file \"{where}/zone-{i}\"; }};\n}};\n")
            write(os.path.join(where, "named.conf"), text)
        self._run("geo", GEO_NETNS, software, where)

    def _resolver(self, view):
        where = os.path.join(self.dir, "resolver-" + view["name"])
        text = UNBOUND.format(dir=where, parent=self.fleet.parent, zone=self.fleet.zone, geo=GEO_ADDRESS)
        text += "".join(f"    stub-addr: {s['address']}@{s['port']}\n" for s in self.fleet.dns_servers)
        write(os.path.join(where, "unbound.conf"), text)
        name = "resolver-" + view["name"]
        self.processes.start(name, self.fleet.view_netns(view["name"]),
                             [self._binary("unbound"), "-d", "-p", "-c", os.path.join(where, "unbound.conf")])

