#!/usr/bin/env python3
"""count.py: adds up the results of meson test runs, names what was skipped and why, and prints the
closing line `N passed, N failed, N skipped`. Tests that count for themselves (TAP, Check) count each.

usage: count.py TESTLOG.JSON ...               (one that is not there was not asked for)
"""
import json
import os
import re
import sys


def counts(test):
    """(passed, failed, skipped, reasons) of one test program."""
    out = test.get('stdout', '') + test.get('stderr', '')
    good = test['result'] in ('OK', 'EXPECTEDFAIL')
    if test['result'] == 'SKIP':
        reason = (out.strip().splitlines() or ['it did not say why'])[-1]
        reason = re.sub(r'^(skipped: |1\.\.0 # SKIP )', '', reason)
        return 0, 0, 1, [f'{test["name"]}: {reason}']
    tap = re.findall(r'^(ok|not ok)\b(.*)$', out, re.M)
    if tap:
        skipped = [rest for word, rest in tap if word == 'ok' and '# SKIP' in rest]
        failed = sum(word == 'not ok' for word, _ in tap)
        passed = len(tap) - failed - len(skipped)
        failed += not good and failed == 0  # it died after its last line
        return passed, failed, len(skipped), [f'{test["name"]}:{s}' for s in skipped]
    passed = failed = 0
    for checks, failures, errors in re.findall(r'Checks: (\d+), Failures: (\d+), Errors: (\d+)', out):
        failed += int(failures) + int(errors)
        passed += int(checks) - int(failures) - int(errors)
    if passed + failed == 0:
        return int(good), int(not good), 0, []
    return passed, failed + (not good and failed == 0), 0, []


def main():
    totals, reasons = [0, 0, 0], []
    for path in filter(os.path.exists, sys.argv[1:]):
        with open(path, encoding='utf-8') as log:
            for line in log:
                *numbers, why = counts(json.loads(line))
                totals = [a + b for a, b in zip(totals, numbers)]
                reasons += why
    for reason in reasons:
        print(f'skipped: {reason}')
    print('{} passed, {} failed, {} skipped'.format(*totals))
    return 0 if totals[1] == 0 and totals[0] > 0 else 1


sys.exit(main())
