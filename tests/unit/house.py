#!/usr/bin/env python3
"""house.py: the rules of the house, checked on the tree itself. Prints TAP.

usage: house.py SOURCE_ROOT BUILD_ROOT
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT, BUILD = (pathlib.Path(arg).resolve() for arg in sys.argv[1:3])

# part -> parts whose headers it may include (itself always). Dependency points downward only.
MAY_INCLUDE = {
    'state/base': [],
    'state/model': ['state/base'],
    'state/fold': ['state/base', 'state/model'],
    'state/wire': ['state/base', 'state/model', 'state/fold'],
    'state/config': ['state/base', 'state/model'],
    'state/log': ['state/base', 'state/model', 'state/config'],
    'state/journal': ['state/base', 'state/model', 'state/fold'],
    'controller/core': ['state/base', 'state/model', 'state/fold'],
    'controller/actuate': ['state/base', 'state/model', 'state/config'],
    'controller/daemon': ['state', 'controller/core', 'controller/actuate'],
    'controller/cli': ['state', 'controller/core', 'controller/actuate'],
    'probe/core': ['state/base', 'state/model'],
    'probe/checks': ['state/base', 'state/model', 'probe/core'],
    'probe': ['state', 'probe/core', 'probe/checks'],
}
PURE = ['state/base', 'state/model', 'state/fold', 'controller/core', 'probe/core']
# What a pure archive may import from outside the pure archives. bcmp is clang's memcmp where only
# equality is asked for.
PURE_IMPORTS = re.compile(r'^(mem(cpy|move|set|cmp|chr)|bcmp|__assert_fail|__(asan|ubsan|sanitizer|sancov|stack_chk)_\w+'
                          r'|_GLOBAL_OFFSET_TABLE_|__(start|stop)___\w+)$')
# The programs, by their place in the build folder and the section of their man page.
PROGRAMS = {'probe/spillway-probe': 1, 'controller/daemon/spillwayd': 8, 'controller/cli/spillway': 1,
            'controller/actuate/routed/spillway-routed': 8, 'state/log/spillway-broker': 1}
OPTION = re.compile(r'(?<![\w-])--[a-z][a-z-]*')
TOP = {'meson.build', 'README.md', 'controller', 'probe', 'state', 'tests', 'runbooks', 'docs', 'LICENSE'}
LINES_OF_A_FILE, LINES_OF_A_FUNCTION, COLUMNS = 800, 80, 100


def part_of(path):
    relative = path.relative_to(ROOT).as_posix()
    return max((p for p in MAY_INCLUDE if relative.startswith(p + '/')), key=len, default=None)


def sources(*folders):
    for folder in folders:
        yield from sorted(p for p in (ROOT / folder).rglob('*.[ch]'))


def include_roots(path):
    first = path.relative_to(ROOT).parts[0]
    return [ROOT / first, ROOT / 'state', path.parent]


def includes():
    """Inclusions that point upward or sideways."""
    for path in sources('state', 'controller', 'probe'):
        part = part_of(path)
        allowed = MAY_INCLUDE[part] + [part]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            found = next((r / match[1] for r in include_roots(path) if (r / match[1]).exists()), None)
            if found is None:
                continue  # generated in the build folder
            other = found.resolve().relative_to(ROOT).as_posix()
            if not any(other.startswith(p + '/') for p in allowed):
                yield f'{path.relative_to(ROOT)}:{number}: {part} may not include {other}'


def pure_imports():
    """Symbols that a pure archive takes from the system."""
    archives = {part: sorted((BUILD / part).glob('*.a')) for part in PURE}
    defined = set()
    for found in archives.values():
        for archive in found:
            out = subprocess.run(['nm', '--defined-only', '-g', archive], capture_output=True, text=True)
            defined |= {line.split()[-1] for line in out.stdout.splitlines() if line.strip()}
    for part, found in archives.items():
        if not found:
            yield f'{part}: no archive was built'
        for archive in found:
            out = subprocess.run(['nm', '-u', archive], capture_output=True, text=True, check=True)
            names = {line.split()[-1] for line in out.stdout.splitlines() if line.startswith(' ')}
            for name in sorted(names - defined):
                if not PURE_IMPORTS.match(name):
                    yield f'{part}: imports {name}'


def floats():
    """Floating point in pure parts."""
    for path in sources(*PURE):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r'\b(float|double)\b', re.sub(r'/\*.*|^\s*\*.*|//.*', '', line)):
                yield f'{path.relative_to(ROOT)}:{number}: {line.strip()}'


def formatting():
    """Files that clang-format would change."""
    files = list(sources('state', 'controller', 'probe', 'tests'))
    out = subprocess.run(['clang-format', '--dry-run', '-Werror', *files], cwd=ROOT,
                         capture_output=True, text=True)
    for line in out.stderr.splitlines():
        if 'error:' in line:
            yield line


def shape():
    """Files too long, lines too long, files without a sentence at their top, marks of unfinished work."""
    for path in sources('state', 'controller', 'probe', 'tests'):
        name = path.relative_to(ROOT)
        lines = path.read_text().splitlines()
        if len(lines) > LINES_OF_A_FILE:
            yield f'{name}: {len(lines)} lines'
        if not lines[0].startswith(f'/* {path.name}: '):
            yield f'{name}:1: the file does not say at its top what it is for'
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                yield f'{name}:{number}: {len(line)} columns'
            if re.search(r'\b(TODO|FIXME|XXX)\b', line):
                yield f'{name}:{number}: unfinished: {line.strip()}'


def functions():
    """Functions that do not fit on a screen."""
    for path in sources('state', 'controller', 'probe'):
        start = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line == '{':
                start = number
            elif line == '}' and start is not None:
                if number - start > LINES_OF_A_FUNCTION:
                    yield f'{path.relative_to(ROOT)}:{start}: a function of {number - start} lines'
                start = None


def exits():
    """Calls of exit() or abort() below main, and logging in libraries that must not."""
    for path in sources('state', 'controller', 'probe'):
        text = path.read_text()
        if path.name in ('main.c', 'broker.c') or re.search(r'^int main\(', text, re.M):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r'\b(exit|abort|_exit)\(', re.sub(r'/\*.*|^\s*\*.*', '', line)):
                yield f'{path.relative_to(ROOT)}:{number}: {line.strip()}'


def layout():
    """The fixed top level."""
    out = subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True)
    for top in sorted({line.split('/')[0] for line in out.stdout.splitlines()}):
        if top not in TOP and not top.startswith('.'):
            yield f'{top}: not part of the fixed top level'


def documents():
    yield ROOT / 'README.md'
    for folder in ('docs', 'runbooks', 'tests'):
        yield from sorted((ROOT / folder).rglob('*.md'))


def headings(text):
    """The headings of a page, without its code blocks."""
    return re.findall(r'^#+ (.+)$', re.sub(r'^(?:```.*?^```|    .*?)$', '', text, flags=re.M | re.S), re.M)


def anchors(path):
    """What a link may name of a page: its headings, as forges turn them into anchors."""
    return {re.sub(r'[^\w -]', '', h.lower()).replace(' ', '-') for h in headings(path.read_text())}


def links():
    """Relative links in documents, and paths and man pages that they name, which lead nowhere."""
    for path in documents():
        name, text = path.relative_to(ROOT), path.read_text()
        for target, anchor in re.findall(r'\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)', text):
            there = path.parent / target if target else path
            if not there.exists():
                yield f'{name}: leads to {target}, which is not there'
            elif anchor and anchor not in anchors(there):
                yield f'{name}: leads to {target}#{anchor}, which {there.name} does not have'
        for target in re.findall(r'(?<![\w./-])((?:docs|runbooks|tests|state|probe|controller)/[\w./-]*\w)', text):
            places = [ROOT / target, *(ROOT / (target + end) for end in ('.c', '.h', '.md'))]
            if not any(p.exists() for p in places):
                yield f'{name}: names {target}, which is not there'
        for page, section in re.findall(r'\b(spillway[\w.-]*)\((\d)\)', text):
            if not (ROOT / 'docs/man' / f'{page}.{section}.md').exists():
                yield f'{name}: names {page}({section}), which is not in docs/man'


def options():
    """Options that a program's --help and its man page do not both have."""
    for program, section in PROGRAMS.items():
        out = subprocess.run([BUILD / program, '--help'], capture_output=True, text=True)
        told = set(OPTION.findall(out.stdout))
        if out.returncode != 0 or not told:
            yield f'{program}: --help failed'
        page = ROOT / 'docs/man' / f'{pathlib.Path(program).name}.{section}.md'
        written = set(OPTION.findall(page.read_text()))
        for option in sorted(told - written):
            yield f'{page.relative_to(ROOT)}: lacks {option} of --help'
        for option in sorted(written - told):
            yield f'{program}: --help lacks {option} of {page.relative_to(ROOT)}'


def binding():
    """Programs whose symbols are not bound, and made read-only, at the start (ADR 72)."""
    for program in PROGRAMS:
        out = subprocess.run(['readelf', '-W', '-d', '-l', BUILD / program], capture_output=True, text=True, check=True)
        if not re.search(r'FLAGS_1\).*\bNOW\b', out.stdout) or 'GNU_RELRO' not in out.stdout:
            yield f'{program}: not linked with -z relro -z now'


def events():
    """Log events that a daemon writes and its man page does not have, or the reverse."""
    for folder, page in (('controller/daemon', 'spillwayd.8'), ('probe', 'spillway-probe.1'),
                         ('controller/actuate/routed', 'spillway-routed.8')):
        code = ''.join(p.read_text() for p in sorted((ROOT / folder).rglob('*.c')))
        logged = {name for call in re.findall(r'LOG_CODE\(([^)]*)\)', code) for name in re.findall(r'"([a-z-]+)"', call)}
        name = f'docs/man/{page}.md'
        table = (ROOT / name).read_text().partition('| event |')[2].partition('\n## ')[0]
        written = {event for row in re.findall(r'^\| (`[^|]*)\|', table, re.M) for event in re.findall(r'`([a-z-]+)`', row)}
        for event in sorted(logged - written):
            yield f'{name}: lacks the event {event}'
        for event in sorted(written - logged):
            if f'"{event}"' not in code:  # notices have their codes in a table
                yield f'{name}: has the event {event}, which {folder} does not write'


def logged(folder):
    """The event codes that the code in a folder writes to its log."""
    code = ''.join(p.read_text() for p in sorted((ROOT / folder).rglob('*.c')))
    found = {name for call in re.findall(r'LOG_CODE\(([^;]*?)\)[,;)]', code) for name in re.findall(r'"([a-z-]+)"', call)}
    return found | set(re.findall(r'case NOTICE_\w+: return "([a-z-]+)"', code))


def sections(text, level):
    """Title and text of each section of a page at this level."""
    parts = re.split(rf'^{"#" * level} (.+)$', text, flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


def event_pages():
    """Events of the logs that runbooks/events.md does not explain, or the reverse."""
    page = ROOT / 'runbooks/events.md'
    entries = sections(page.read_text(), 3)
    codes = set().union(*(logged(folder) for folder in ('controller', 'probe', 'state')))
    titles = [title.strip('`') for title, _ in entries]
    for code in sorted(codes - set(titles)):
        yield f'runbooks/events.md: lacks the event {code}'
    for title in sorted(set(titles) - codes):
        yield f'runbooks/events.md: has the event {title}, which nothing writes'
    for title in sorted({t for t in titles if titles.count(t) > 1}):
        yield f'runbooks/events.md: has the event {title} twice'
    for title, text in entries:
        for word in ('Spillway', 'You'):
            if not re.search(rf'^- {word}: \S', text, re.M):
                yield f'runbooks/events.md: {title} does not say "{word}: ..."'


# What a person at 3 a.m. looks for in the page of an incident, in this order.
INCIDENT_PAGE = ['What it looks like', 'What Spillway does by itself', 'What Spillway does not do, and why',
                 'What you do', 'How to undo it', 'How to see that it is over']


def incident_pages():
    """Kinds of incidents without a page of their own, pages of no kind, or without what a person looks for."""
    text = (ROOT / 'state/model/verdict.c').read_text().partition('*incident_kind_name(')[2].partition('\n}')[0]
    kinds = set(re.findall(r'return "([a-z-]+)"', text))
    pages = {p.stem: p for p in (ROOT / 'runbooks/incidents').glob('*.md')}
    for kind in sorted(kinds - set(pages)):
        yield f'runbooks/incidents: lacks a page on {kind}'
    for name in sorted(set(pages) - kinds):
        yield f'runbooks/incidents/{name}.md: no incident is of this kind'
    for name, path in sorted(pages.items()):
        lines = path.read_text().splitlines()
        found = [title for title, _ in sections(path.read_text(), 2)]
        if lines[0] != f'# {name}' or found[:len(INCIDENT_PAGE)] != INCIDENT_PAGE:
            yield f'runbooks/incidents/{name}.md: its sections are {found}, not {INCIDENT_PAGE}'
        summary = [line for line in lines[1:12] if line.startswith('- **')]
        if len(summary) < 4:
            yield f'runbooks/incidents/{name}.md: does not begin with four lines that are enough at 3 a.m.'


def fuzzers():
    """Fuzzers without a row in the table of docs/security.md or without seeds, and rows that name none that is there."""
    targets = set(re.findall(r"^  '([a-z-]+)': \[\[", (ROOT / 'tests/fuzz/meson.build').read_text(), re.M))
    table = (ROOT / 'docs/security.md').read_text().partition('| bytes | from | decoder | fuzzer |\n')[2].partition('\n\n')[0]
    rows = [[cell.strip() for cell in row.split('|')[1:-1]] for row in table.splitlines()[1:]]
    named = set()
    for row in rows:
        found = re.findall(r'`fuzz-([a-z-]+)`', row[-1])
        named |= set(found)
        if len(row) != 4 or not (found or row[-1].startswith('none')) or row[-1] in ('none', 'none:'):
            yield f'docs/security.md: the row on {row[0]} has neither a fuzzer nor "none: why"'
    for name in sorted(targets - named):
        yield f'docs/security.md: lacks a row with fuzz-{name}'
    for name in sorted(named - targets):
        yield f'docs/security.md: names fuzz-{name}, which tests/fuzz/meson.build does not have'
    for name in sorted(targets):
        if not any((ROOT / 'tests/fuzz/seeds' / name).glob('*')):
            yield f'tests/fuzz/seeds/{name}: no kept inputs'


CHECKS = [includes, pure_imports, floats, formatting, shape, functions, exits, layout, links, options, binding, events, event_pages,
          incident_pages, fuzzers]


def main():
    print(f'1..{len(CHECKS)}')
    failed = False
    for number, check in enumerate(CHECKS, 1):
        title = check.__doc__.strip().rstrip('.').split(',')[0]
        if check is formatting and not shutil.which('clang-format'):
            print(f'ok {number} - {title} # SKIP clang-format is not installed')
            continue
        found = list(check())
        failed |= bool(found)
        print(f'{"not ok" if found else "ok"} {number} - none: {title}')
        for line in found:
            print(f'# {line}')
    return 1 if failed else 0


sys.exit(main())
