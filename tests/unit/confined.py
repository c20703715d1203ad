#!/usr/bin/env python3
"""confined.py: which privileges the daemons keep, by the kernel's word on each of their threads. Prints TAP.

usage: confined.py SPILLWAYD SPILLWAY_PROBE

Started by root they have all of them to give up; started by another, none to begin with.
"""
import pathlib
import subprocess
import sys
import tempfile
import time

SPILLWAYD, PROBE = sys.argv[1:3]
NET_BIND_SERVICE = 1 << 10
results = []


def check(what, good, detail=''):
    results.append(bool(good))
    print(f'{"ok" if good else "not ok"} {len(results)} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[:30]:
            print('#', line)


def threads(pid):
    """Of each thread, what matters of its status."""
    found = []
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        fields = dict(line.split(':\t', 1) for line in (task / 'status').read_text().splitlines() if ':\t' in line)
        found.append({key: int(fields[key], 16) for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs')})
    return found


def look(what, argv, keeps):
    mine = {key: value for key, value in threads('self')[0].items()}
    child = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and len(threads(child.pid)) < 3:
            time.sleep(0.05)  # the bus brings threads of its own
        seen = threads(child.pid)
    finally:
        child.kill()
        _, said = child.communicate()
    keeps &= mine['CapPrm']
    check(f'{what} runs, with threads', len(seen) >= 3, f'{seen} {said}')
    check('... which keep what they need and no more', all(t['CapPrm'] == t['CapEff'] == keeps for t in seen), seen)
    check('... hand nothing on', all(t['CapInh'] == t['CapAmb'] == 0 for t in seen), seen)
    check('... and get nothing new', all(t['NoNewPrivs'] == 1 for t in seen), seen)
    check('... nor could a child', mine['CapPrm'] == 0 or all(t['CapBnd'] & ~NET_BIND_SERVICE == 0 for t in seen), seen)


with tempfile.TemporaryDirectory() as folder:
    where = pathlib.Path(folder)
    common = f'idc: beijing\nbrokers: ["127.0.0.1:9"]\nkeys_dir: {where}\nprobe_socket: {where}/probe.sock\n'
    (where / 'spillwayd.yaml').write_text(f'{common}journal: {where}/journal\ncontrol_socket: {where}/control.sock\n')
    (where / 'probe.yaml').write_text(f'{common}state_dir: {where}\n')
    look('spillwayd', [SPILLWAYD, '--config', where / 'spillwayd.yaml'], 0)
    look('spillway-probe', [PROBE, '--config', where / 'probe.yaml'], NET_BIND_SERVICE)
print(f'1..{len(results)}')
sys.exit(0 if all(results) else 1)
