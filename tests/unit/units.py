#!/usr/bin/env python3
"""units.py: the systemd units of docs/operations.md: systemd reads them, and the processes work within them. Prints TAP.

usage: units.py SPILLWAY SPILLWAYD SPILLWAY_PROBE SPILLWAY_ROUTED SPILLWAY_BROKER SANDBOX SOURCE_ROOT

There is no systemd where tests run. So what the options stand for is done here: users and capabilities by setpriv(1), mounts in a
namespace for each process, system calls by the program sandbox. All in a network and a mount namespace of the test's own, in which
the units' paths (/etc/spillway, /run, /var/lib) are new and empty.
"""
import base64
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = [pathlib.Path(p) for p in sys.argv[1:6]]
SANDBOX, ROOT = sys.argv[6], pathlib.Path(sys.argv[7])
CLI, BROKER = sys.argv[1], sys.argv[5]
FLEET = ROOT / 'runbooks' / 'fleets' / 'three-idc.yaml'
PLACE = pathlib.Path('/opt/spillway')  # of the programs, where no unit hides them
RULES = {'LockPersonality': '--no-personality', 'MemoryDenyWriteExecute': '--no-code', 'RestrictNamespaces': '--no-namespaces',
         'RestrictRealtime': '--no-realtime', 'RestrictSUIDSGID': '--no-suid'}
# What they forbid beside system calls that SystemCallFilter does not allow is not looked at.
BY_CALLS = {'ProtectClock': 'clock_settime', 'ProtectHostname': 'sethostname', 'ProtectKernelLogs': 'syslog',
            'ProtectKernelModules': 'init_module'}
UNSEEN = {'PrivateDevices', 'ProtectControlGroups', 'SystemCallArchitectures'}
MANAGERS = {'Type', 'ExecStart', 'ExecReload', 'Restart', 'WatchdogSec', 'RuntimeDirectoryPreserve'}
DONE = {'User', 'RuntimeDirectory', 'StateDirectory', 'NoNewPrivileges', 'AmbientCapabilities', 'CapabilityBoundingSet',
        'ProtectSystem', 'ProtectHome', 'PrivateTmp', 'ProtectKernelTunables', 'RestrictAddressFamilies', 'SystemCallFilter'}
results = []


def check(what, good, detail=''):
    results.append(bool(good))
    print(f'{"ok" if good else "not ok"} {len(results)} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[:60]:
            print('#', line)


def skip_all(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


def until(seconds, probe):
    """Waits for a state; a bound for failures, not a timing assertion."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.2)
    return None


def units():
    """name -> its text, out of the page."""
    block = re.findall(r'^    # (spillway[\w-]*\.(?:service|socket))\n((?:    .*\n)+)', (ROOT / 'docs/operations.md').read_text(), re.M)
    text = {name: re.sub(r'^    ', '', body, flags=re.M).replace('NAME', 'beijing') for name, body in block}
    return {name: re.sub(r'^(ExecStart=)/usr/s?bin/', rf'\1{PLACE}/', body, flags=re.M) for name, body in text.items()}


def options(text):
    return dict(line.split('=', 1) for line in text.splitlines() if '=' in line)


def calls_of(names):
    """The system calls of sets and names, as systemd has them."""
    found = set()
    for name in names:
        if not name.startswith('@'):
            found.add(name)
            continue
        out = subprocess.run(['systemd-analyze', 'syscall-filter', name], capture_output=True, text=True, check=True).stdout
        found |= calls_of(w for w in (line.strip() for line in out.splitlines()[1:]) if w and not w.startswith('#'))
    return found


def directories(unit):
    return [pathlib.Path(base) / unit[key] for key, base in (('RuntimeDirectory', '/run'), ('StateDirectory', '/var/lib')) if key in unit]


def mounts(unit):
    """The commands that show a process what its unit shows it."""
    own = ' && '.join(f'mount --bind {d} {d}' for d in directories(unit))
    script = [own] if own else []
    if unit.get('ProtectSystem') == 'strict':
        script += [f'mount -o remount,bind,ro {d}' for d in ('/etc', '/opt', '/run', '/var/lib', '/')]
    if unit.get('ProtectHome') == 'yes':
        script += [f'mount -t tmpfs -o mode=000,ro tmpfs {d}' for d in ('/home', '/root')]
    if unit.get('PrivateTmp') == 'yes':
        script += [f'mount -t tmpfs -o mode=1777 tmpfs {d}' for d in ('/tmp', '/var/tmp')]
    if unit.get('ProtectKernelTunables') == 'yes':
        script += ['mount --bind /proc/sys /proc/sys', 'mount -o remount,bind,ro /proc/sys']
    return ' && '.join(script) or 'true'


def within(name, unit, command):
    """argv of the command as the unit has it; the process of the first is the process of the last."""
    calls = pathlib.Path('/run') / f'{name}.calls'
    calls.write_text('\n'.join(sorted(calls_of(unit['SystemCallFilter'].split()))))
    families = ','.join(str(int(getattr(socket, f))) for f in unit['RestrictAddressFamilies'].split())
    caps = lambda key: ''.join(f',+{c.removeprefix("CAP_").lower()}' for c in unit.get(key, '').split())
    rules = [rule for key, rule in RULES.items() if unit.get(key) == 'yes']
    argv = [PLACE / 'sandbox', '--calls', calls, '--families', families, *rules, '--', 'setpriv', '--reuid', unit['User'], '--regid',
            unit['User'], '--clear-groups', '--inh-caps', '-all' + caps('AmbientCapabilities'), '--ambient-caps',
            '-all' + caps('AmbientCapabilities'), '--bounding-set', '-all' + caps('CapabilityBoundingSet'), '--no-new-privs', *command]
    script = f'{mounts(unit)} && export LISTEN_PID=$$ && exec {shlex.join(str(a) for a in argv)}'
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script]


FORBIDDEN = '''
for f in /etc/x /opt/x /run/x /var/lib/x /usr/x; do touch $f 2>/dev/null && echo wrote $f; done
ls /root >/dev/null 2>&1 && echo home
[ -e /tmp/seen ] && echo tmp
for d in %s; do touch $d/x && rm $d/x || echo cannot write $d; done
unshare --user true 2>/dev/null && echo namespace
touch /tmp/suid && chmod u+s /tmp/suid 2>/dev/null && echo suid
chrt --rr 1 true 2>/dev/null && echo realtime
setarch -R true 2>/dev/null && echo personality
hostname x 2>/dev/null && echo hostname
grep -q 'NoNewPrivs:.1' /proc/self/status || echo privileges
exit 0
'''


def look(name, unit):
    """That the sandbox is one; and that the page has no option of which nobody knows whether it is."""
    odd = set(unit) - RULES.keys() - BY_CALLS.keys() - UNSEEN - MANAGERS - DONE
    check(f'{name}: every option is one that this test knows', not odd, odd)
    allowed = calls_of(unit['SystemCallFilter'].split())
    check('... calls that an option forbids are not allowed either', not {c for o, c in BY_CALLS.items() if o in unit} & allowed)
    pathlib.Path('/tmp/seen').touch()
    script = FORBIDDEN % ' '.join(str(d) for d in directories(unit))
    done = subprocess.run(within(name, unit, ['sh', '-c', script]), capture_output=True, text=True)
    expected = '' if 'RestrictRealtime' in unit else 'realtime\n'
    check('... and within it nothing else can be done', done.returncode == 0 and done.stdout == expected, done)


class Notified:
    """The socket of the service manager."""

    def __init__(self, name):
        self.path = f'/run/notify-{name}'
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.settimeout(30)

    def ready(self):
        try:
            while b'READY=1' not in self.socket.recv(256):
                pass
            return True
        except TimeoutError:
            return False


def start(name, unit, listener=None):
    notified, log = Notified(name), open(f'/run/{name}.log', 'wb')
    environment = {**os.environ, 'NOTIFY_SOCKET': notified.path}
    if listener is not None:
        environment['LISTEN_FDS'] = '1'
    child = subprocess.Popen(within(name, unit, shlex.split(unit['ExecStart'])), env=environment, stderr=log, stdout=log,
                             pass_fds=[3] if listener is not None else [],
                             preexec_fn=(lambda: os.dup2(listener.fileno(), 3, True)) if listener is not None else None)
    good = notified.ready()
    check(f'{name} is ready', good and child.poll() is None,
          f'{child.poll()}\n' + pathlib.Path(log.name).read_text())
    return child


def listen(unit):
    """As systemd.socket(5) would for the helper."""
    path = pathlib.Path(unit['ListenSequentialPacket'])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen(4)
    shutil.chown(path, unit['SocketUser'])
    path.chmod(int(unit['SocketMode'], 8))
    return listener


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def furnish():
    """New /etc, /run, /var/lib and /opt, and the interfaces of beijing."""
    with tempfile.TemporaryDirectory() as copy:
        subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', copy], check=True)
        subprocess.run(['cp', '-a', '/etc/.', copy], check=True)
        subprocess.run(['mount', '--move', copy, '/etc'], check=True)
    for place in ('/run', '/var/lib', '/opt'):
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', place], check=True)
    for user, uid in (('spillway', 64101), ('spillway-routed', 64102)):
        for path, line in (('passwd', f'{user}:x:{uid}:{uid}::/:/bin/false\n'), ('group', f'{user}:x:{uid}:\n')):
            with open(f'/etc/{path}', 'a') as f:
                f.write(line)
    PLACE.mkdir()
    for program in [*PROGRAMS, pathlib.Path(SANDBOX)]:
        shutil.copy(program, PLACE / ('sandbox' if str(program) == SANDBOX else program.name))
    subprocess.run(['sh', '-ec', '''ip link set lo up
        for peer in shanghai:10.255.0.1 shenzhen:10.255.0.9; do
            name=${peer%%:*}
            ip link add to-$name type veth peer name far-$name
            ip address add ${peer#*:}/30 dev to-$name
            ip link set to-$name up; ip link set far-$name up
        done'''], check=True)
    keys = pathlib.Path('/etc/spillway/keys')
    keys.mkdir(parents=True)
    for key in ('probe-beijing', 'probe-shanghai', 'probe-shenzhen', 'stamp-backbone', 'tsig-spillway'):
        (keys / f'{key}.key').write_text(base64.b64encode(key.encode().ljust(32, b'.')).decode() + '\n')
        (keys / f'{key}.key').chmod(0o400)
        shutil.chown(keys / f'{key}.key', 'spillway')
    etc = pathlib.Path('/etc/spillway')
    (etc / 'fleet.yaml').write_bytes(FLEET.read_bytes())
    common = 'idc: beijing\nbrokers: ["127.0.0.1:9092"]\n'
    (etc / 'spillwayd.yaml').write_text(f'{common}development_broker: true\nroute_helper_socket: /run/spillway-routed/socket\n')
    (etc / 'probe.yaml').write_text(common)


def work(found):
    """All of them, at their work."""
    service = {name: options(text) for name, text in found.items()}
    for name, unit in service.items():
        for directory in directories(unit):
            directory.mkdir()
            shutil.chown(directory, unit['User'], unit['User'])
    for name in sorted(name for name in service if name.endswith('.service')):
        look(name, service[name])
    children = [subprocess.Popen([BROKER, '--partitions', '3'], stdout=subprocess.PIPE)]
    children[0].stdout.readline()
    try:
        listener = listen(service['spillway-routed.socket'])
        children.append(start('spillway-routed.service', service['spillway-routed.service'], listener))
        children.append(start('spillwayd.service', service['spillwayd.service']))
        children.append(start('spillway-probe.service', service['spillway-probe.service']))
        done = run(CLI, 'init', str(FLEET), '--yes', '--reason', 'a test', '--config', '/etc/spillway/spillwayd.yaml')
        check('a log is begun', done.returncode == 0, done)

        def status():
            done = run(CLI, 'status', '--json', '--config', '/etc/spillway/spillwayd.yaml')
            return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

        led = until(60, lambda: (s := status()) and s.get('leader') == 'beijing' and s)
        check('spillwayd leads', led, status())
        heard = until(60, lambda: (s := status()) and any(o['idc'] == 'beijing' and o.get('conclusive') for o in s['daemon']['observers']))
        check('the probe is heard over the bus', heard, status())
        routes = until(60, lambda: '10.2.0.0/16' in run('ip', 'route', 'show', 'table', '100').stdout)
        check('the helper has set routes', routes, json.dumps(status(), indent=1))
        set_ = pathlib.Path('/proc/sys/net/ipv4/conf/to-shanghai/ignore_routes_with_linkdown').read_text()
        check('... and what makes the kernel step over dead links', set_ == '1\n', set_)
        log = pathlib.Path('/run/spillway-probe.service.log').read_text()
        check('the probe runs ahead of others, and reflects at its port', 'no-real-time' not in log
              and ':035E ' in pathlib.Path('/proc/net/udp').read_text() + pathlib.Path('/proc/net/udp6').read_text(), log)
        wrong = [line for name in service if name.endswith('.service')
                 for line in pathlib.Path(f'/run/{name}.log').read_text().splitlines() if 'level=error' in line]
        check('nothing is told that cannot be done', not wrong, '\n'.join(wrong))
        children[2].send_signal(1)
        children[3].send_signal(1)
        again = until(20, lambda: all('event=reloaded' in pathlib.Path(f'/run/{n}.service.log').read_text()
                                      for n in ('spillwayd', 'spillway-probe')))
        check('keys are read again', again and children[2].poll() is None and children[3].poll() is None)
        for child, name in zip(reversed(children[1:]), ('spillway-probe', 'spillwayd', 'spillway-routed')):
            child.terminate()
            check(f'{name} ends in peace', child.wait(30) == 0, pathlib.Path(f'/run/{name}.service.log').read_text())
    finally:
        for child in children:
            child.kill()
            child.wait()


def verify(found):
    """What systemd says of the units; with the programs where they say."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in found.items():
            (pathlib.Path(folder) / name).write_text(text)
        done = subprocess.run(['systemd-analyze', 'verify', '--man=no', *(f'{folder}/{name}' for name in found)],
                              capture_output=True, text=True)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if 'spillway' in line]
    check('systemd reads the units without a complaint', done.returncode == 0 and not complaints, done)


if shutil.which('systemd-analyze') is None:
    skip_all('systemd-analyze is not installed')
if os.geteuid() != 0:
    skip_all('only root makes the namespaces and becomes the users')
if 'UNITS_INSIDE' not in os.environ:
    inside = ['unshare', '--net', '--mount', '--propagation', 'private']
    if subprocess.run([*inside, 'true'], capture_output=True).returncode != 0:
        skip_all('no namespaces here')
    os.environ['UNITS_INSIDE'] = '1'
    os.execvp(inside[0], [*inside, sys.executable, *sys.argv])
all_units = units()
check('the page has units of the three processes', {'spillwayd.service', 'spillway-probe.service', 'spillway-routed.service',
                                                    'spillway-routed.socket'} == set(all_units), all_units)
furnish()
verify(all_units)
work(all_units)
print(f'1..{len(results)}')
sys.exit(0 if all(results) else 1)
