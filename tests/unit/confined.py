#!/usr/bin/env python3
"""confined.py: which privileges the processes keep, by the kernel's word on each of their threads. Prints TAP.

usage: confined.py SPILLWAYD SPILLWAY_PROBE SPILLWAY_ROUTED SPILLWAY_BROKER SOURCE_ROOT

Started by root they have all of them to give up; started by another, none to begin with. The route helper runs in a
network namespace of its own, and that takes root.
"""
import os
import pathlib
import pwd
import socket
import subprocess
import sys
import tempfile
import time

SPILLWAYD, PROBE, ROUTED, BROKER = sys.argv[1:5]
FLEET = pathlib.Path(sys.argv[5]) / 'runbooks' / 'fleets' / 'three-idc.yaml'
NET_BIND_SERVICE, NET_ADMIN = 1 << 10, 1 << 12
CAPS = ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')
results = []


def check(what, good, detail=''):
    results.append(bool(good))
    print(f'{"ok" if good else "not ok"} {len(results)} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[:30]:
            print('#', line)


def skip(what, why):
    results.append(True)
    print(f'ok {len(results)} - {what} # SKIP {why}', flush=True)


def threads(pid):
    """Of each thread, what matters of its status."""
    found = []
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        try:
            lines = (task / 'status').read_text().splitlines()
        except OSError:
            continue  # a thread that ended meanwhile
        fields = dict(line.split(':\t', 1) for line in lines if ':\t' in line)
        of_thread = {key: int(fields[key], 16) for key in CAPS}
        of_thread |= {key: int(fields.get(key, '0')) for key in ('NoNewPrivs', 'Seccomp', 'Seccomp_filters')}
        found.append(of_thread | {'Uid': fields['Uid'].split(), 'Gid': fields['Gid'].split(), 'Groups': fields['Groups'].split()})
    return found


MINE = threads('self')[0]


def look(what, argv, keeps, ready, **popen):
    """Runs a process until ready(its threads), and judges them. Returns them."""
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **popen)
    seen, owner, good = [], None, False
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and child.poll() is None and not ready(seen):
            time.sleep(0.05)
            seen = threads(child.pid)
        time.sleep(0.2)  # what it does at once when it is ready may be what it may not do
        good = child.poll() is None
        owner = os.stat(f'/proc/{child.pid}/environ').st_uid  # root's for who let itself not be looked into
    finally:
        child.kill()
        _, said = child.communicate()
    keeps &= MINE['CapPrm']
    check(f'{what} runs', good and ready(seen), f'{seen} {said}')
    check('... and keeps what it needs and no more', seen and all(t['CapPrm'] == t['CapEff'] == keeps for t in seen), seen)
    check('... hands nothing on', seen and all(t['CapInh'] == t['CapAmb'] == 0 for t in seen), seen)
    check('... gets nothing new', seen and all(t['NoNewPrivs'] == 1 for t in seen), seen)
    check('... nor could a child', MINE['CapPrm'] == 0 or popen.get('user') or (seen and all(t['CapBnd'] & ~keeps == 0 for t in seen)), seen)
    check('... and nobody but root looks into it', owner == 0, owner)
    return seen


def with_threads(seen):
    return len(seen) >= 3  # librdkafka brings threads of its own


def confined(seen):
    return seen and all(t['NoNewPrivs'] == 1 for t in seen)


def filtered(seen):
    """The filter is installed when all is ready for the first request."""
    return seen and all(t['Seccomp'] == 2 and t['Seccomp_filters'] > MINE['Seccomp_filters'] for t in seen)


def may_unshare():
    return os.geteuid() == 0 and subprocess.run(['unshare', '--net', 'true'], capture_output=True).returncode == 0


def in_namespace(command):
    return ['unshare', '--net', 'sh', '-c', f'ip link set lo up && exec "$0" {command}', BROKER]


def look_at_routed(folder):
    what = 'spillway-routed'
    if not may_unshare():
        skip(f'{what} in a network namespace', 'only root makes one and becomes another user there')
        return
    run = folder / 'routed'
    run.mkdir(mode=0o755)
    os.chown(run, user.pw_uid, user.pw_gid)
    fleet = folder / 'fleet.yaml'
    fleet.write_bytes(FLEET.read_bytes())
    fleet.chmod(0o644)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)  # in the place of systemd's
    manager.bind(str(run / 'notify'))
    os.chmod(run / 'notify', 0o666)
    manager.settimeout(0)
    seen = look(what, ['unshare', '--net', ROUTED, '--fleet', fleet, '--idc', 'beijing', '--socket', run / 'socket',
                       '--state', run / 'fence', '--client', 'nobody', '--user', 'nobody', '--drills'],
                NET_ADMIN, filtered, extra_groups=[4711],
                env={**os.environ, 'NOTIFY_SOCKET': str(run / 'notify')})
    try:
        told = manager.recv(64)
    except BlockingIOError:
        told = b''
    check('... tells the service manager that it is ready, and may do so', told == b'READY=1', told)
    check('... as its user in all respects', seen and all(set(t['Uid']) == {str(user.pw_uid)} and
                                                          set(t['Gid']) == {str(user.pw_gid)} and not t['Groups']
                                                          for t in seen), seen)


def look_at_broker():
    what = 'spillway-broker'
    look(what, [BROKER, '--port', '0'], 0, with_threads)
    if not may_unshare():
        skip(f'{what} at ports of our choice', 'only root makes a network namespace for it')
        return
    look(f'{what} at a privileged port', in_namespace('--port 1023'), NET_BIND_SERVICE, with_threads)
    look(f'{what} at a port for all', in_namespace('--port 1024'), 0, with_threads)
    look('a relay', in_namespace('--relay 127.0.0.1:1024=127.0.0.1:9092'), 0, confined)


def look_at_daemons(folder, who, **popen):
    """Of root they have capabilities to give up; of another user the kernel shows who may look into them."""
    common = f'idc: beijing\nbrokers: ["127.0.0.1:9"]\nkeys_dir: {folder}\nprobe_socket: {folder}/probe.sock\n'
    (folder / 'spillwayd.yaml').write_text(f'{common}journal: {folder}/journal\ncontrol_socket: {folder}/control.sock\n')
    (folder / 'probe.yaml').write_text(f'{common}state_dir: {folder}\n')
    bind = NET_BIND_SERVICE if not popen else 0
    look(f'spillwayd{who}', [SPILLWAYD, '--config', folder / 'spillwayd.yaml'], 0, with_threads, **popen)
    look(f'spillway-probe{who}', [PROBE, '--config', folder / 'probe.yaml'], bind, with_threads, **popen)


user = pwd.getpwnam('nobody')
with tempfile.TemporaryDirectory() as name:
    where = pathlib.Path(name)
    where.chmod(0o755)
    (where / 'own').mkdir()
    look_at_daemons(where / 'own', '')
    if os.geteuid() == 0:
        (where / 'other').mkdir()
        os.chown(where / 'other', user.pw_uid, user.pw_gid)
        another = {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []}
        look_at_daemons(where / 'other', ' of another user', **another)
        look('spillway-broker of another user', [BROKER, '--port', '0'], 0, with_threads, **another)
    look_at_broker()
    look_at_routed(where)
print(f'1..{len(results)}')
sys.exit(0 if all(results) else 1)
