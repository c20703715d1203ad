#!/usr/bin/env python3
"""cli.py: the `spillway` command as a person meets it: words, JSON, exit codes. Prints TAP.

usage: cli.py SPILLWAY SPILLWAY_BROKER SPILLWAYD SOURCE_ROOT
"""
import base64
import json
import os
import pathlib
import re
import shlex
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SPILLWAY, BROKER, SPILLWAYD = sys.argv[1:4]
ROOT = pathlib.Path(sys.argv[4])
FLEET = str(ROOT / 'runbooks' / 'fleets' / 'three-idc.yaml')
DRILLS = str(ROOT / 'runbooks' / 'drills')
GUESTS = 64001  # a group that exists nowhere: numbers suffice
results = []


def check(what, good, detail=''):
    results.append(bool(good))
    print(f'{"ok" if good else "not ok"} {len(results)} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[:30]:
            print('#', line)


def run(*args, text=''):
    return subprocess.run([SPILLWAY, *args], input=text, capture_output=True, text=True, timeout=90,
                          env={**os.environ, 'NO_COLOR': '1'})


def until(seconds, probe):
    """Waits for a state; a bound for failures, not a timing assertion."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.2)
    return None


def alone(where):
    """What needs neither broker nor daemon."""
    check('help exits 0', run('--help').returncode == 0)
    check('version says which', run('--version').stdout.startswith('spillway '))
    for args in ([], ['nonsense'], ['status', '--yes'], ['fleet', 'check'], ['approve', '1'], ['approve', 'x', '--reason', 'y'],
                 ['drain', 'beijing'], ['drain', '--reason', 'x'], ['demote', 'a', 'b', '--reason', 'x'], ['freeze', 'now', '--reason', 'x'],
                 ['drain', 'beijing', '--reason', 'x', '--ttl', 'soon'], ['undrain', 'beijing', '--reason', 'x', '--ttl', '1h'],
                 ['pin', 'beijing', '--reason', 'x', '--request-id', 'abc'],
                 ['explain', 'x'], ['journal'], ['history', '--limit', '0'], ['--nonsense']):
        done = run(*args)
        check(f'wrong use exits 2: {args}', done.returncode == 2 and done.stderr, done)
    done = run('fleet', 'check', FLEET)
    check('a good fleet passes', done.returncode == 0 and 'max.message.bytes' in done.stdout, done)
    summary = json.loads(run('fleet', 'check', '--json', FLEET).stdout)
    check('its summary as JSON', summary['ok'] and summary['idcs'] == 3 and summary['max_record_bytes'] > 0, summary)
    shown = run('fleet', 'show', FLEET).stdout
    copy = where / 'shown.yaml'
    copy.write_text(shown)
    check('show of show is the same', run('fleet', 'show', str(copy)).stdout == shown)
    check('and the same fleet', json.loads(run('fleet', 'check', '--json', str(copy)).stdout)['digest'] == summary['digest'])
    bad = where / 'bad.yaml'
    bad.write_text(shown.replace('slots: 4', 'slots: four'))
    done = run('fleet', 'check', str(bad))
    check('each mistake by line and column, exit 1', done.returncode == 1 and done.stderr.count('found "four", expected') == 4
          and all(line.startswith(f'{bad}:') for line in done.stderr.splitlines()), done)
    done = run('status', '--journal', str(where / 'none'), '--control', str(where / 'none.sock'))
    check('no journal: exit 1, and says that the daemon is dead', done.returncode == 1 and 'dead' in done.stderr, done)


def wrong_words(where):
    """A mistake is answered with what would have been right."""
    for args, told in ((('undo', 'x', '--reason', 'y'), 'the number of a DECIDE in history'),
                       (('freeze', '--reason', 'x', '--ttl', '10'), '--ttl 10: expected a duration such as'),
                       (('drain', 'beijing'), 'needs --reason')):
        done = run(*args)
        check(f'wrong use says what is right: {args}', done.returncode == 2 and told in done.stderr, done)
    done = run('drill', 'run', 'fiber-cut', '--on', 'x', '--mode', 'live', '--reason', 'y', '--drills', DRILLS)
    check('a misspelt drill: those that are there', done.returncode == 1 and 'there is no drill fiber-cut' in done.stderr
          and 'fibre-cut, idc-outage' in done.stderr, done)
    for args in (('drill', 'list'), ('drill', 'show', 'fibre-cut')):
        done = run(*args, '--drills', str(where / 'nowhere'))
        check(f'no runbooks there: which option names another place: {args}', done.returncode == 1 and '--drills DIR' in done.stderr
              and done.stderr.count('\n') == 1, done)


def commands_of(page):
    """The lines of its indented blocks that a reader types."""
    lines = [line.strip() for line in page.read_text().splitlines() if line.startswith('    spillway ')]
    return [line.removeprefix('spillway ') for line in lines]


def typed_pages(where):
    """What the pages tell people to type is understood, and names drills that there are. Words in capitals stand for numbers."""
    for page in (ROOT / 'docs' / 'first-drill.md', ROOT / 'docs' / 'operations.md'):
        lines = [re.sub(r'\b(N|DECISION|ORDER|INCIDENT|ID|RECORD)\b', '7', line) for line in commands_of(page)]
        lines = [line for line in lines if not re.search(r'\b[A-Z]{2,}\b|\.\.\.|[<>|]', line)]
        wrong = []
        for line in lines:
            args = shlex.split(line, comments=True)
            done = run(*args, '--journal', str(where / 'none'), '--control', str(where / 'none.sock')) if args[0] != 'fleet' else run(*args)
            drill = args[2] if args[:1] == ['drill'] and args[1] in ('show', 'check', 'run') else None
            missing = drill is not None and not (ROOT / 'runbooks' / 'drills' / f'{drill}.yaml').exists()
            if done.returncode == 2 or missing:
                wrong.append(f'{line}: {done.stderr}')
        check(f'what {page.name} says to type is understood ({len(lines)} commands)', lines and not wrong, '\n'.join(wrong))


def route_helper(path, era):
    """Answers each question with a fence of this era, as the route helper does; once."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(1)

    def serve():
        client, _ = listener.accept()
        version, operation, number = struct.unpack('<BBQ', client.recv(1024))
        client.send(struct.pack('<BBQq', version, 2, number, 0) + struct.pack('<Q16sQ32s', era, b'l' * 16, 7, b'd' * 32)
                    + struct.pack('<IIII', 0, 0, 0, 0) if operation == 4 else b'?')
        client.close()
        listener.close()
    threading.Thread(target=serve, daemon=True).start()


def eras(where, port):
    """What init asks before it begins a log, and that it says so; nothing is written without a word."""
    config = where / 'eras.yaml'
    helper, features = where / 'routed.sock', where / 'fenced.json'
    config.write_text(f'idc: beijing\nbrokers: ["127.0.0.1:{port}"]\ndevelopment_broker: true\n'
                      f'journal: {where}/none\nkeys_dir: {where}\nfeature_file: {features}\nroute_helper_socket: {helper}\n'
                      f'control_socket: {where}/none.sock\nprobe_socket: {where}/none2.sock\n')
    done = run('init', FLEET, '--config', str(config))
    check('init names what it did not reach', 'routes here: NOT REACHED' in done.stdout and 'dns-shanghai: ' in done.stdout
          and 'features here: no fence' in done.stdout and 'takes era 1.' in done.stdout, done)
    route_helper(str(helper), 41)
    done = run('init', FLEET, '--config', str(config))
    check('its era is above the route helper\'s', 'routes here: era 41' in done.stdout and 'takes era 42.' in done.stdout, done)
    features.write_text(json.dumps({'flags': {}, 'metadata': {
        'fence': f'v=1 era=57 log={"0" * 32} gen=3 digest={"0" * 64}'}}))
    done = run('init', FLEET, '--config', str(config))
    check('and the feature file\'s', 'features here: era 57' in done.stdout and 'takes era 58.' in done.stdout, done)
    features.write_text('no JSON')
    done = run('init', FLEET, '--config', str(config))
    check('a feature file that cannot be read is not reached', 'features here: NOT REACHED' in done.stdout, done)


def settings(where, port):
    keys = where / 'keys'
    keys.mkdir()
    for name in ('probe-beijing', 'probe-shanghai', 'probe-shenzhen', 'stamp-backbone', 'tsig-spillway'):
        path = keys / f'{name}.key'
        path.write_text(base64.b64encode(name.encode().ljust(32, b'.')).decode() + '\n')
        path.chmod(0o600)
    path = where / 'spillwayd.yaml'
    path.write_text(f'control_group: "{GUESTS}"\nidc: beijing\nbrokers: ["127.0.0.1:{port}"]\ndevelopment_broker: true\n'
                    f'journal: {where}/journal\nkeys_dir: {keys}\n'
                    f'control_socket: {where}/control.sock\nprobe_socket: {where}/probe.sock\n')
    return ['--config', str(path)]


def status_of(config):
    done = run('status', '--json', *config)
    return json.loads(done.stdout) if done.returncode == 0 else None


def with_undo(config, say, served):
    """The newest promotion taken back, and the undo released again."""
    def decisions():
        return [r for r in json.loads(run('history', '--limit', '100', '--json', *config).stdout)['records'] if r['kind'] == 'decide']

    promoted = decisions()[-1]
    check('the newest decision is a promotion', promoted['purpose'] == 'promote' and promoted['changes'] == 1, promoted)
    told = run('explain', str(promoted['offset']), *config).stdout
    check('explain says how to undo', f'spillway undo {promoted["offset"]} --reason' in told, told)
    foreseen = json.loads(run('undo', str(promoted['offset']), '--dry-run', '--json', *config).stdout)
    check('the dry run of an undo shows what goes back', len(foreseen['changes']) == 1 and 'demoted' in foreseen['changes'][0], foreseen)
    done = run('undo', str(promoted['offset']), '--reason', 'a test', '--json', *config)
    undone = json.loads(done.stdout)
    check('an undo says how much it keeps and how much was overtaken', done.returncode == 0 and undone['undone'] == 1
          and undone['overtaken'] == 0, done)
    again = run('undo', str(promoted['offset']), '--reason', 'a test', '--json', '--request-id', undone['request_id'], *config)
    check('asked again, an undo gives the same answer', again.returncode == 0 and json.loads(again.stdout) == undone, again)
    reverted = until(60, lambda: (d := decisions()[-1])['purpose'] == 'revert' and d)
    check('it is a decision of its own', reverted and reverted['order'] == undone['order'] and reverted['concerns'] == promoted['offset'],
          reverted)
    check('what was undone is off again', not served())
    done = say('undo', str(promoted['offset']))
    check('nothing of it is left to undo', done.returncode == 1 and 'nothing of decision' in done.stderr, done)
    check('released, the machine decides anew', say('release', str(undone['order'])).returncode == 0 and until(60, served))


def with_orders(config):
    """People's standing words: given, shown, refused with a sentence, ended."""
    def say(*args, reason='a test'):
        time.sleep(0.25)  # a replica's word counts five times in a second
        return run(*args, '--reason', reason, *config)

    def order_of(kind):
        return next((o for o in status_of(config)['orders'] if o['kind'] == kind), None)

    done = run('drain', 'shenzhen', '--dry-run', *config)
    check('a dry run writes nothing and says what holds it back', done.returncode == 0 and 'Nothing was written' in done.stdout
          and 'guard last-idc' in done.stdout and status_of(config)['orders'] == [], done)
    foreseen = json.loads(run('demote', 'north', 'web', '2', '--dry-run', '--json', *config).stdout)
    check('a dry run as JSON: the plan in the end', foreseen['dry_run'] and len(foreseen['changes']) == 1
          and 'demoted comments and recommend' in foreseen['changes'][0] and status_of(config)['orders'] == [], foreseen)
    done = run('freeze', '--dry-run', '--json', *config)
    check('a freeze leads nowhere', done.returncode == 0 and json.loads(done.stdout)['changes'] == [], done)
    for args in (('release', '7'), ('undrain', 'beijing'), ('undo', '1'), ('drain', 'atlantis')):
        check(f'a dry run is refused as the command would be: {args}', run(*args, '--dry-run', *config).returncode == 1)
    done = run('undo', '1', '--dry-run', *config)
    check('a dry run of an undo of what is no decision says so', 'record 1 is no decision' in done.stderr, done)
    done = run('drain', 'shenzhen', '--ttl', '8h', '--reason', 'new switches', '--json', *config)
    drained = json.loads(done.stdout)
    check('a drain is answered with its order', done.returncode == 0 and drained['ok'] and drained['order'] == 1
          and 'new switches' in drained['text'] and '(uid ' in drained['text'], done)
    again = run('drain', 'shenzhen', '--reason', 'new switches', '--json', '--request-id', drained['request_id'], *config)
    check('asked twice with one id: done once, the same answer', again.returncode == 0 and json.loads(again.stdout) == drained
          and len(status_of(config)['orders']) == 1, again)
    order = order_of('drain')
    check('status has who, why, until when', order and order['subject'] == 'shenzhen' and order['reason'] == 'new switches'
          and order['expires_us'] > order['since_us'] and not order['ended'], order)
    done = say('drain', 'shenzhen')
    check('the same word again is refused with the one in force', done.returncode == 1 and 'order 1' in done.stderr, done)
    for args, told in ((('drain', 'atlantis'), 'expected an IDC'), (('undrain', 'beijing'), 'no drain of IDC beijing'),
                       (('demote', 'north', 'web', '0'), 'tier 0'), (('release', '77'), 'order 77 is not in force'),
                       (('demote', 'north', 'mail', '1'), 'found region'), (('undo', '1'), 'is no decision'),
                       (('demote', 'north', 'web', '9'), 'no feature')):
        done = say(*args)
        check(f'refused, exit 1, and why: {args}', done.returncode == 1 and told in done.stderr, done)
    done = say('freeze', reason='\x07')
    check('a reason with control characters is refused', done.returncode == 1 and 'reason' in done.stderr, done)
    done = run('drill', 'run', 'fibre-cut', '--on', 'beijing-shanghai', '--mode', 'live', '--reason', 'x', '--drills', DRILLS, *config)
    check('a drill beside an order is refused, and what to do', done.returncode == 1 and 'refused for an order in force' in done.stdout
          and 'spillway release' in done.stdout and 'nothing was struck' in done.stdout and 'the stroke' not in done.stdout, done)
    check('a frozen plan is shown loudly', say('freeze').returncode == 0 and 'FROZEN' in run('status', *config).stdout
          and status_of(config)['frozen'])
    check('demote and pin', say('demote', 'north', 'web', '2').returncode == 0 and say('pin', 'web@beijing').returncode == 0
          and say('pin', 'telecom@beijing').returncode == 0 and say('pin', 'region:south').returncode == 0)
    pins = [o['subject'] for o in status_of(config)['orders'] if o['kind'] == 'pin']
    check('subjects come back as they are typed', pins == ['web@beijing', 'telecom@beijing', 'region:south'], pins)
    for order in status_of(config)['orders']:
        if order['kind'] in ('pin', 'freeze'):
            check(f'release ends the {order["kind"]}', say('release', str(order['id'])).returncode == 0)
    check('promote and undrain', say('promote', 'north', 'web').returncode == 0 and say('undrain', 'shenzhen').returncode == 0)
    served = lambda: all(f['served'] for f in json.loads(run('features', '--json', *config).stdout)['features'])
    check('what was demoted comes back tier by tier', until(60, served))
    with_undo(config, say, served)
    check('orders that have ended are gone or on their way home', all(o['ended'] for o in status_of(config)['orders']))
    history = run('history', '--limit', '100', *config).stdout
    check('history says who gave which word, and why', all(w in history for w in ('drains IDC shenzhen for 480 min: new switches',
          'freezes the plan', 'ends the demotion of features of web in region north', 'pins service web at beijing')), history)
    done = run('drain', 'beijing', '--reason', 'x', '--control', '/nonexistent.sock', *config)
    check('no daemon: nothing was sent, exit 1', done.returncode == 1 and 'does not answer' in done.stderr, done)


def with_fleet(where, config):
    """A new fleet for a log that goes on: told, foreseen, given, and the one before given back."""
    def write(name, *changes):
        text = pathlib.Path(FLEET).read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = where / name
        path.write_text(text)
        return str(path)

    def apply(path, *args):
        return run('fleet', 'apply', path, *args, *config)

    # Every index of a region and of an IDC is another one then.
    first = '  - {name: beijing,  region: north'
    new = write('new-fleet.yaml', ('regions: [north, east, south]', 'regions: [south, east, north]'),
                ('cost: 0.3, value: 10', 'cost: 0.25, value: 10'),
                (first, f'  - {{name: lookout, region: east, partition: 3, vantage: true, probe_key: probe-lookout}}\n{first}'))
    history = ['history', '--limit', '100', '--json']
    before = json.loads(run(*history, *config).stdout)['records']
    for what, done, code, told in (
            ('a reason is needed', apply(new, '--yes'), 2, '--reason'),
            ('it has to be confirmed', apply(new, '--reason', 'x'), 2, 'not confirmed'),
            ('the fleet in force is none that is new', apply(FLEET, '--yes', '--reason', 'x'), 1, 'in force already'),
            ('a mistake is told with its line', apply(write('odd.yaml', ('ttl: 1s', 'ttl: soon')), '--yes', '--reason', 'x'), 1,
             'found "soon"'),
            ('another fleet is refused', apply(write('other.yaml', ('fleet: three-idc', 'fleet: other')), '--yes', '--reason', 'x'), 1,
             'keeps its name'),
            ('an IDC keeps its partition', apply(write('swapped.yaml', ('partition: 0', 'partition: 7'), ('partition: 1', 'partition: 0')),
                                                 '--yes', '--reason', 'x'), 1, 'its partition'),
            ('what answers stays', apply(write('slots.yaml', ('carrier: telecom, slots: 4', 'carrier: telecom, slots: 3')), '--yes',
                                         '--reason', 'x'), 1, 'drain it first'),
            ('no such record', apply('@1', '--yes', '--reason', 'x'), 1, 'that gave a fleet')):
        check(f'fleet apply: {what}', done.returncode == code and told in done.stderr, done)
    foreseen = json.loads(apply(new, '--dry-run', '--json').stdout)
    paths = {d['path']: (d['before'], d['after']) for d in foreseen['differences']}
    check('a dry run tells the differences by name, and the way back',
          paths.get('services.web.features.recommend.cost_ppm') == (300000, 250000) and paths['idcs.lookout'][0] is None
          and len(paths) == 2 and foreseen['undo'] == 0, foreseen)
    check('and wrote nothing', json.loads(run(*history, *config).stdout)['records'] == before)
    shown = run('fleet', 'show', '@0', *config).stdout
    check('show @0 is the fleet of the beginning', shown == run('fleet', 'show', FLEET).stdout, shown)
    generation = status_of(config)['generation']
    answers = json.loads(run('features', '--json', *config).stdout)['features']
    done = apply(new, '--yes', '--reason', 'a vantage site')
    check('it is given', done.returncode == 0 and '+ idcs.lookout' in done.stdout and 'Undo: spillway fleet apply @0' in done.stdout
          and 'fleet: done (record ' in done.stdout, done)
    now = status_of(config)
    check('a new generation, all alive', now['generation'] == generation + 1 and now['daemon_alive'] and not now['daemon']['halted'], now)
    by_name = lambda list: sorted((f['region'], f['service'], f['feature'], f['served']) for f in list)
    check('features are what they were, by their names',
          by_name(json.loads(run('features', '--json', *config).stdout)['features']) == by_name(answers))
    after = json.loads(run(*history, *config).stdout)['records']
    # (Steps of a drill have names only while its run is known.)
    told = {r['offset']: r['text'] for r in before if 'the drill' not in r['text']}
    check('records of before are told in the names of their fleet', len(told) > 10 and
          all(r['text'] == told[r['offset']] for r in after if r['offset'] in told), after)
    given = [r for r in after if r['kind'] == 'operator' and r['command'] == 'fleet' and r['counts']]
    check('history says who gave it, and why', len(given) == 1 and 'gives a new fleet: a vantage site' in given[0]['text'], given)
    decision = [r for r in before if r['kind'] == 'decide' and r['changes'] > 0][-1]
    done = run('undo', str(decision['offset']), '--reason', 'x', *config)
    check('a decision about another fleet is not undone', done.returncode == 1, done)
    done = apply('@0', '--yes', '--reason', 'back')
    check('the fleet before comes back by its record', done.returncode == 0 and '- idcs.lookout' in done.stdout
          and f'Undo: spillway fleet apply @{given[0]["offset"]}' in done.stdout, done)
    done = apply(FLEET, '--yes', '--reason', 'x')
    check('it is the same to the byte', done.returncode == 1 and 'in force already' in done.stderr, done)
    last = json.loads(run(*history, *config).stdout)['records']
    check('and all records keep their names', all(r['text'] == told[r['offset']] for r in last if r['offset'] in told), last)


def with_drill(config):
    """A live drill that cannot come to its first step here, since nobody probes: enough to be one under way."""
    def drill(*args):
        return run('drill', *args, '--drills', DRILLS, *config)

    live = ('--on', 'beijing-shanghai', '--mode', 'live', '--reason', 'a test')
    done = drill('check', 'fibre-cut', '--on', 'beijing-shanghi')
    check('a drill on what is not there: what is', done.returncode == 1 and 'it has: beijing-shanghai, shanghai-shenzhen' in done.stderr, done)
    check('no drill yet', 'no drill' in drill('report').stderr and 'no drill' in drill('abort', '--reason', 'x').stderr
          and json.loads(drill('status', '--json').stdout)['run'] == 0)
    first = subprocess.Popen([SPILLWAY, 'drill', 'run', 'fibre-cut', *live, '--drills', DRILLS, *config], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    under_way = until(30, lambda: status_of(config)['drill'])
    check('status tells a drill under way', under_way and under_way['drill'] == 'fibre-cut' and under_way['target'] == 'beijing-shanghai'
          and 'DRILL UNDER WAY\n  drill 1, fibre-cut on beijing-shanghai' in run('status', *config).stdout, under_way)
    for args in (('run', 'fibre-cut', *live), ('run', 'idc-outage', '--on', 'shenzhen', '--mode', 'shadow'),
                 ('check', 'fibre-cut', '--on', 'beijing-shanghai')):
        done = drill(*args)
        check(f'one at a time: {args[:2]}', done.returncode == 1 and 'drill 1, fibre-cut on beijing-shanghai, is under way' in done.stderr
              and 'drill abort' in done.stderr, done)
    done = drill('abort', '--reason', 'enough')
    check('it is aborted', done.returncode == 0 and 'drill 1 is aborted' in done.stdout, done)
    said = first.communicate(timeout=90)[0]
    check('who watched it is told, with the score and not every record again', first.returncode == 1
          and "fibre-cut on beijing-shanghai: aborted for a person's word" in said and 'records, by log time' not in said, said)
    report = drill('report').stdout
    check('the report has its records, and names the steps', 'runs the drill fibre-cut' in report and 'step 1: cut (inject)' in report, report)
    done = drill('report', '9')
    check('a report on a drill that was not', done.returncode == 1 and 'the newest is 1' in done.stderr, done)
    check('it is over', status_of(config)['drill'] is None and 'DRILL UNDER WAY' not in run('status', *config).stdout)


def with_guest(where, config):
    """Somebody of the socket's group: looks through the daemon, and commands nothing."""
    def look(*args):
        return subprocess.run([SPILLWAY, *args, *config], capture_output=True, text=True, timeout=90, user=64012, group=GUESTS,
                              extra_groups=[], env={**os.environ, 'NO_COLOR': '1'})

    where.chmod(0o755)
    try:
        if os.geteuid() != 0 or look('--version').returncode != 0:
            raise PermissionError
    except PermissionError:
        print('# nobody else can be tried here', flush=True)
        return
    done = look('status')
    check('a guest sees the status', done.returncode == 0 and 'fleet three-idc' in done.stdout and 'ORDERS IN FORCE' in done.stdout, done)
    every = ['history', '--limit', '100', '--json']
    check('and the history, record by record', json.loads(look(*every).stdout) == json.loads(run(*every, *config).stdout))
    dump = look('journal', 'dump', '--json')
    check('and every record', dump.returncode == 0 and dump.stdout.splitlines()[:20] ==
          run('journal', 'dump', '--json', *config).stdout.splitlines()[:20], dump)
    check('and explanations', 'GENESIS' in look('explain', '0').stdout and look('explain', '99999999').returncode == 1)
    done = look('freeze', '--reason', 'mischief')
    stranger = subprocess.run([SPILLWAY, 'status', *config], capture_output=True, text=True, timeout=90, user=64013, group=64013,
                              extra_groups=[], env={**os.environ, 'NO_COLOR': '1'})
    check('who is in no group of it is told who may, and not that the daemon is dead', stranger.returncode == 1
          and 'you may not use' in stranger.stderr and 'control_group' in stranger.stderr and 'dead' not in stranger.stderr, stranger)
    check('but commands nothing', done.returncode == 1 and 'may look and give no commands' in done.stderr, done)
    check('and has no file of the journal', look('journal', 'verify').returncode == 1)


def with_daemon(where, config, daemon, broker):
    done = run('init', FLEET, *config)
    check('init without a word does nothing', done.returncode == 2 and 'not confirmed' in done.stderr, done)
    done = run('init', FLEET, '--yes', '--reason', 'a test', *config)
    check('init begins the log', done.returncode == 0 and 'has begun' in done.stdout and 'web-beijing 4/4' in done.stdout, done)
    done = run('init', FLEET, '--yes', '--journal', str(where / 'other'), *config)
    check('a log is begun once', done.returncode == 1 and 'log at' in done.stderr and done.stderr.count('\n') == 1, done)
    status = until(60, lambda: (s := status_of(config)) and s['leader'] and s)
    check('status names the leader', status and status['leader'] == 'beijing' and status['daemon_alive'], status)
    unsafe = until(60, lambda: not (s := status_of(config))['safe'] and s)
    check('it is not called safe while no DNS server has the plan', unsafe and 'DNS server' in unsafe['unsafe_why'], unsafe)
    screen = run('status', *config).stdout
    check('status answers the questions', all(w in screen for w in ('WHAT BROKE', 'WHAT WAS DONE, AND WHY', 'IS IT SAFE',
          'WHAT WAITS FOR A PERSON, AND HOW TO UNDO', 'DNS SERVERS', 'dns-shanghai', 'leads')) and '\033' not in screen, screen)
    done = run('approve', '99', '--reason', 'none such', *config)
    check('what does not wait cannot be approved', done.returncode == 1 and 'incident 99 is not open' in done.stderr, done)
    check('a backup beside the living daemon', run('journal', 'backup', str(where / 'old-backup'), *config).returncode == 0)
    with_drill(config)
    with_orders(config)
    with_fleet(where, config)
    with_guest(where, config)
    done = run('journal', 'restore', str(where / 'old-backup'), '--yes', *config)
    check('no restore over a living one', done.returncode == 1 and 'stop it first' in done.stderr, done)
    broker.terminate()
    broker.wait(timeout=60)
    done = run('freeze', '--reason', 'the bus is away', *config)
    check('no answer of the log: exit 3, and how to ask again', done.returncode == 3 and '--request-id ' in done.stderr, done)
    daemon.terminate()
    check('spillwayd ends well', daemon.wait(timeout=60) == 0)


def copies(where, config):
    """Backup and restore: what must not be lost is not written over."""
    journal, copy, old = where / 'journal', where / 'backup', where / 'old-backup'
    done = run('journal', 'backup', str(copy), *config)
    check('a backup is written and verified', done.returncode == 0 and 'verified' in done.stdout
          and copy.stat().st_mode & 0o077 == 0, done)
    check('but not over a file', (done := run('journal', 'backup', str(copy), *config)).returncode == 1 and 'never' in done.stderr, done)
    done = run('journal', 'restore', str(copy), *config)
    check('nothing without a word', done.returncode == 1 and 'never replaced' in done.stderr, done)
    done = run('journal', 'restore', str(copy), '--yes', *config)
    check('not over one that is as new', done.returncode == 1 and 'never replaced' in done.stderr, done)
    if old.exists():
        done = run('journal', 'restore', str(old), '--yes', *config)
        check('not over a newer one', done.returncode == 1 and 'never replaced' in done.stderr, done)
    journal.rename(where / 'aside')
    done = run('journal', 'restore', str(copy), *config)
    check('restore without a word does nothing', done.returncode == 2 and not journal.exists(), done)
    damaged = bytearray(copy.read_bytes())
    at = damaged.rfind(b'a test')
    damaged[at:at + 6] = b'a lie!'
    (where / 'damaged').write_bytes(damaged)
    done = run('journal', 'restore', str(where / 'damaged'), '--yes', *config)
    check('nor a damaged one', at > 0 and done.returncode == 1 and not journal.exists(), done)
    done = run('journal', 'restore', str(copy), '--yes', *config)
    check('where there is none it is put back', done.returncode == 0 and 'Restored' in done.stdout, done)
    check('and is the same', run('journal', 'dump', '--json', *config).stdout
          == run('journal', 'dump', '--json', '--journal', str(where / 'aside'), *config).stdout)
    if old.exists():
        journal.unlink()
        check('an older one too', run('journal', 'restore', str(old), '--yes', *config).returncode == 0)
        done = run('journal', 'restore', str(copy), '--yes', '--json', *config)
        check('and a newer one over it', done.returncode == 0 and json.loads(done.stdout)['ok']
              and run('journal', 'verify', *config).returncode == 0, done)


def with_dead_daemon(where, config):
    done = run('status', *config)
    check('a dead daemon is said, the journal still read', done.returncode == 0 and 'dead here' in done.stdout
          and 'fleet three-idc' in done.stdout, done)
    history = json.loads(run('history', '--limit', '100', '--json', *config).stdout)['records']
    check('history has the beginning and the refused word', history[0]['kind'] == 'genesis' and 'a test' in history[0]['text']
          and any(r['kind'] == 'operator' and not r['counts'] for r in history), history)
    check('explain tells a record', 'GENESIS' in run('explain', '0', *config).stdout)
    check('explain of nothing is a failure', run('explain', '99999999', *config).returncode == 1)
    done = run('journal', 'verify', *config)
    check('the journal verifies', done.returncode == 0 and 'good' in done.stdout, done)
    dump = [json.loads(line) for line in run('journal', 'dump', '--json', *config).stdout.splitlines()]
    check('the dump goes from the first record to the last', dump[0]['offset'] == 0 and
          [r['offset'] for r in dump] == sorted(r['offset'] for r in dump), dump[:3])
    check('--limit takes the newest', [json.loads(line)['offset'] for line in
          run('journal', 'dump', '--json', '--limit', '2', *config).stdout.splitlines()] == [r['offset'] for r in dump[-2:]])
    copies(where, config)
    features = json.loads(run('features', '--json', *config).stdout)['features']
    check('all features are served', len(features) == 16 and all(f['served'] for f in features), features)
    done = run('init', FLEET, '--yes', *config)
    check('a journal with a log refuses another', done.returncode == 1 and 'already' in done.stderr, done)


def after_loss(where, config, port):
    """The log is gone with its broker: it is begun anew from this host's journal, and the daemon goes over to it."""
    before = json.loads(run('status', '--json', *config).stdout)
    broker = subprocess.Popen([BROKER, '--listen', f'127.0.0.1:{port}', '--partitions', '4'], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    daemon = None
    try:
        at = broker.stdout.readline().split('127.0.0.1:')[1].split()[0].rstrip(',')
        bus = ['--brokers', f'127.0.0.1:{at}']
        check('reseed needs a reason', run('reseed', *bus, *config).returncode == 2)
        done = run('reseed', '--reason', 'the log was lost', *bus, *config)
        check('reseed without a word does nothing', done.returncode == 2 and 'not confirmed' in done.stderr
              and f'generation {before["generation"]}' in done.stdout, done)
        done = run('reseed', '--reason', 'x', '--yes', '--journal', str(where / 'damaged'), *bus, *config)
        check('nor from a damaged journal', done.returncode == 1 and 'has begun' not in done.stdout, done)
        fenced, other = where / 'newer.json', where / 'newer.yaml'
        fenced.write_text(json.dumps({'metadata': {'fence': f'v=1 era={before["era"]} log={"0" * 32} gen=999999 digest={"0" * 64}'}}))
        other.write_text(pathlib.Path(config[1]).read_text() + f'feature_file: {fenced}\n')
        done = run('reseed', '--reason', 'x', '--yes', *bus, '--config', str(other))
        check('nor where a fence is newer than the journal', done.returncode == 1 and "another host's journal is newer" in done.stderr, done)
        done = run('reseed', '--reason', 'the log was lost', '--yes', '--json', *bus, *config)
        seeded = json.loads(done.stdout) if done.returncode == 0 else {}
        check('reseed begins the log anew, in a higher era', seeded.get('era', 0) > before['era']
              and seeded['generation'] == before['generation'], done)
        done = run('reseed', '--reason', 'again', '--yes', *bus, *config)
        check('once', done.returncode == 1 and 'delete the topic' in done.stderr, done)
        settings_file = pathlib.Path(config[1])
        settings_file.write_text(re.sub(r'brokers: .*', f'brokers: ["127.0.0.1:{at}"]', settings_file.read_text()))
        daemon = subprocess.Popen([SPILLWAYD, *config], stderr=subprocess.DEVNULL)
        after = until(60, lambda: (s := status_of(config)) and s['daemon_alive'] and s['era'] == seeded.get('era') and s['leader'] and s)
        check('the daemon goes over to it, with all that was in force', after and after['generation'] >= before['generation']
              and len(after['orders']) == len(before['orders']), after)
        check('and keeps the journal of the log before', (where / f'journal.era-{before["era"]}').exists())
        done = run('journal', 'restore', str(where / 'backup'), '--yes', *config)
        check('no restore over the living', done.returncode == 1, done)
        daemon.terminate()
        daemon.wait(timeout=60)
        done = run('journal', 'restore', str(where / 'backup'), '--yes', *config)
        check('and none of the log before over its successor', done.returncode == 1 and 'follows another log' in done.stderr, done)
    finally:
        for process in (daemon, broker):
            if process and process.poll() is None:
                process.terminate()
                process.wait(timeout=60)


def main():
    with tempfile.TemporaryDirectory(prefix='spillway-cli-') as name:
        where = pathlib.Path(name)
        alone(where)
        wrong_words(where)
        typed_pages(where)
        broker = subprocess.Popen([BROKER, '--listen', '127.0.0.1:0', '--partitions', '4'], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        daemon = None
        try:
            port = broker.stdout.readline().split('127.0.0.1:')[1].split()[0].rstrip(',')
            eras(where, port)
            config = settings(where, port)
            daemon = subprocess.Popen([SPILLWAYD, *config], stderr=subprocess.DEVNULL)
            until(30, (where / 'control.sock').exists)
            with_daemon(where, config, daemon, broker)
            with_dead_daemon(where, config)
            after_loss(where, config, 0)
        finally:
            for process in (daemon, broker):
                if process and process.poll() is None:
                    process.terminate()
                    process.wait(timeout=60)
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


sys.exit(main())
