#!/usr/bin/env python3
"""emergency.py: `spillway emergency` without log, leader or daemon, on this host's features. Prints TAP.

usage: emergency.py SPILLWAY SOURCE_ROOT

DNS servers and routes are tested on real ones in tests/actuate, all together in tests/lab.
"""
import base64
import json
import os
import pathlib
import pty
import re
import socket
import subprocess
import sys
import tempfile

SPILLWAY, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
FENCE = f'v=1 era=3 log={"a" * 32} gen=7 digest={"b" * 64}'
results = []


def check(what, good, detail=''):
    results.append(bool(good))
    print(f'{"ok" if good else "not ok"} {len(results)} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[:30]:
            print('#', line)


class Host:
    """A host whose daemon, helper, DNS servers and journal are all dead; only its feature file is there."""

    def __init__(self, where):
        self.where = where
        self.features = where / 'features.json'
        self.words = where / 'journal.emergency'
        self.fleet = where / 'fleet.yaml'
        with socket.socket() as s:  # a port where nobody listens
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        text = (ROOT / 'runbooks/fleets/three-idc.yaml').read_text()
        head, mark, tail = text.partition('dns_servers:')
        tail = re.sub(r'address: [0-9.]+', f'address: 127.0.0.1, port: {port}', tail)
        self.fleet.write_text(head + mark + tail)
        key = where / 'tsig-spillway.key'
        key.write_text(base64.b64encode(b'k' * 32).decode() + '\n')
        key.chmod(0o600)
        self.config = where / 'spillwayd.yaml'
        self.config.write_text(f'idc: beijing\nbrokers: ["127.0.0.1:{port}"]\njournal: {where}/journal\nkeys_dir: {where}\n'
                               f'feature_file: {self.features}\nroute_helper_socket: {where}/routed.sock\n'
                               f'control_socket: {where}/control.sock\nprobe_socket: {where}/probe.sock\n')
        self.features.write_text(json.dumps({'$schema': 'https://flagd.dev/schema/v0/flags.json', 'metadata': {
            'flagSetId': 'beijing', 'version': '7', 'fence': FENCE}, 'flags': {}}))

    def run(self, *args, stdin=subprocess.DEVNULL):
        return subprocess.run([SPILLWAY, 'emergency', *args, '--config', self.config, '--fleet', self.fleet],
                              stdin=stdin, capture_output=True, text=True, timeout=60)

    def typed(self, text, *args):
        """The same, with a person at a terminal."""
        ours, theirs = pty.openpty()
        os.write(ours, text.encode())
        done = self.run(*args, stdin=theirs)
        os.close(ours)
        os.close(theirs)
        return done

    def hold(self):
        return json.loads(self.features.read_text())['metadata'].get('hold')

    def kept(self):
        return [json.loads(line) for line in self.words.read_text().splitlines()] if self.words.exists() else []


def wrong_use(h):
    for args in ([], ['nonsense'], ['hold', 'features'], ['hold', '--reason', 'x'], ['release', 'x', '--reason', 'x'],
                 ['hold', 'features', '--reason', 'say "no"', '--yes'], ['hold', 'features', '--reason', 'x' * 161, '--yes'],
                 ['set', 'dns-beijing', 'web', 'north-telecom', '--reason', 'x', '--yes'],
                 ['hold', 'features', '--reason', 'not confirmed']):
        done = h.run(*args)
        check(f'wrong use exits 2: {" ".join(args)[:40]}', done.returncode == 2 and done.stderr, done)
    for args in (['hold', 'nowhere', '--reason', 'x', '--yes'], ['release', '5', '--reason', 'x', '--yes'],
                 ['set', 'features', 'web', 'north-telecom', 'web-beijing', '--reason', 'x', '--yes'],
                 ['set', 'dns-beijing', 'web', 'north-telecom', 'nowhere', '--reason', 'x', '--yes']):
        done = h.run(*args)
        check(f'what is not there exits 1: {" ".join(args)[:40]}', done.returncode == 1 and done.stderr, done)
    done = h.typed('another-fleet\n', 'hold', 'features', '--reason', 'x')
    check('another name is no confirmation', done.returncode == 1 and 'not confirmed' in done.stderr, done)
    check('and nothing of this was written or kept', h.hold() is None and h.kept() == [], h.kept())


def hold_and_release(h):
    before = json.loads(h.features.read_text())
    fleet = re.search(r'^(?:name|fleet): *(\S+)', h.fleet.read_text(), re.M).group(1)
    done = h.typed(f'{fleet}\n', 'hold', 'features', '--reason', 'the cache is cold')
    kept = h.kept()
    check('the name of the fleet is', done.returncode == 0 and 'held' in done.stdout, done)
    check('her word is kept first, then the outcome', [k['act'] for k in kept] == ['hold', 'outcome']
          and kept[0]['targets'] == ['features'] and kept[1]['status'] == 0 and kept[0]['uid'] == os.getuid(), kept)
    number, who = kept[0]['id'], kept[0]['who']
    check('the file says who and why', h.hold() == f'hold={number} who={who} why=the cache is cold'
          and who.endswith('@' + socket.gethostname()), h.hold())
    check('how to give it back is said, and that the log does not know', f'release {number}' in done.stdout
          and 'In the log: no' in done.stdout, done.stdout)
    check('the file of words is for its owner alone', (h.words.stat().st_mode & 0o777) == 0o600)
    listed = json.loads(h.run('list', '--json').stdout)
    place = {t['target']: t for t in listed['targets']}
    check('list shows it, and what it did not reach', place['features']['hold']['id'] == number
          and place['dns-beijing']['status'] != 0 and place['routes']['status'] != 0, listed)
    done = h.run('hold', 'features', '--reason', 'me too', '--yes', '--json')
    check('a second hold is refused, and says whose the first is', done.returncode == 1
          and json.loads(done.stdout)['targets'][0]['hold']['who'] == who, done)
    done = h.run('hold', 'all', '--reason', 'everything', '--yes')
    check('of all, what is dead is named', done.returncode == 1 and done.stdout.count('NOT DONE') == len(place), done)
    done = h.run('release', str(number + 1), '--reason', 'x', '--yes')
    check('another number releases nothing', done.returncode == 1 and h.hold() is not None, done)
    done = h.run('release', str(number), '--reason', 'warm again', '--yes')
    check('its own number does', done.returncode == 0 and json.loads(h.features.read_text()) == before, done)
    check('and is kept', [k['act'] for k in h.kept()][-2:] == ['release', 'outcome'], h.kept())
    done = h.run('hold', 'all', '--reason', 'everything', '--yes')
    check('all holds what it reaches', done.returncode == 1 and h.hold() is not None and 'features' in done.stdout, done)


def word_first(h):
    """Law 3: what cannot be kept is not done."""
    before = h.features.read_text()
    h.words.unlink()
    h.words.symlink_to(h.where / 'elsewhere')
    done = h.run('hold', 'features', '--reason', 'no place for my word', '--yes')
    check('a word that cannot be kept is not carried out', done.returncode == 1 and 'nothing was written' in done.stderr
          and h.features.read_text() == before and not (h.where / 'elsewhere').exists(), done)
    h.words.unlink()


with tempfile.TemporaryDirectory() as folder:
    host = Host(pathlib.Path(folder))
    wrong_use(host)
    hold_and_release(host)
    word_first(host)
print(f'1..{len(results)}')
sys.exit(0 if all(results) else 1)
