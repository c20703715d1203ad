#!/usr/bin/env python3
"""test_figures.py: the promises of figures.py can be broken: each is judged on what made-up simulators print."""

import contextlib
import io
import os
import stat
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import swarms
from promises import Promises

FOUND = "ok {n} - {name}, law {law}: what is broken: found with seed 7, the {k}. one\n# seed 7: what an oracle said\n"
LOST = "not ok {n} - {name}, law {law}: what is broken: not found\n"


class Figures(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.binaries = swarms.Binaries(self.dir.name, self.dir.name)
        os.makedirs(self.binaries.corpus)
        for name in ("one", "two"):
            with open(os.path.join(self.binaries.corpus, name + ".scenario"), "w", encoding="ascii"):
                pass
        self.promises = Promises()

    def program(self, path, out, code=0):
        """A program that prints that."""
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\ncat <<'END'\n{out}END\nexit {code}\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def broken(self, measure, *args):
        with contextlib.redirect_stdout(io.StringIO()) as self.printed:
            measure(self.promises, self.binaries, *args)
            status = self.promises.end()
        self.assertEqual(status, 1 if self.promises.broken else 0)
        return len(self.promises.broken)

    def bugs(self, lines, scenarios=""):
        self.program(self.binaries.sim_bugs, "".join(lines))
        self.program(self.binaries.scenario_bugs, scenarios + "1..1\n")
        return self.broken(swarms.bugs, 1, 2, 2)

    def laws(self, **others):
        """A line for each law; others: law_N=text."""
        return [others.get(f"law_{law}", FOUND).format(n=law, name=f"BUG_{law}", law=law, k=law) for law in swarms.LAWS]

    def test_corpus(self):
        self.program(self.binaries.scenario, "ok 1 - one\nok 2 - two\n1..2\n")
        self.assertEqual(self.broken(swarms.corpus), 0)
        self.assertIn("2 of 2: expected verdicts all seen, 0 forbidden actions", self.printed.getvalue())

    def test_corpus_with_a_forbidden_action(self):
        self.program(self.binaries.scenario, 'ok 1 - one\nnot ok 2 - two\n'
                     '# line 9, "never: traffic moved": happened at 12.040 s\n1..2\n', 1)
        self.assertEqual(self.broken(swarms.corpus), 1)
        self.assertIn("1 of 2: expected verdicts all seen, 1 forbidden actions", self.printed.getvalue())

    def test_corpus_of_which_a_case_was_not_run(self):
        self.program(self.binaries.scenario, "ok 1 - one\n1..1\n")
        self.assertEqual(self.broken(swarms.corpus), 1)

    def test_swarm(self):
        self.program(self.binaries.sim, "150 seeds in 9 s: fast\n0 violations, 0 false drains: well\n")
        self.assertEqual(self.broken(swarms.swarm, 1, 9, 2), 0)
        self.assertIn("N = 300 seeds, 0 violations, 0 false drains; with 95 % confidence fewer than 3/N = 0.01000",
                      self.printed.getvalue())

    def test_swarm_with_a_violation(self):
        self.program(self.binaries.sim, "FAILED: law 1\n5 seeds in 9 s: fast\n1 violations, 1 false drains\n", 1)
        self.assertEqual(self.broken(swarms.swarm, 100, 9, 1), 1)
        self.assertIn("again: sim --seed 104 --seeds 1 --trace", self.printed.getvalue())
        self.assertNotIn("3/N", self.printed.getvalue())

    def test_swarm_that_died(self):
        self.program(self.binaries.sim, "Assertion failed\n", 134)
        self.assertEqual(self.broken(swarms.swarm, 1, 9, 1), 1)

    def test_bugs(self):
        self.assertEqual(self.bugs(self.laws()), 0)

    def test_bug_that_nothing_finds(self):
        self.assertEqual(self.bugs(self.laws(law_4=LOST)), 1)

    def test_bug_that_only_a_scenario_finds(self):
        self.assertEqual(self.bugs(self.laws(law_4=LOST), "ok 1 - gate stuck finds BUG_4\n"), 0)
        self.assertIn('only scenario "gate stuck"', self.printed.getvalue())

    def test_law_without_a_bug(self):
        self.assertEqual(self.bugs(self.laws()[:-1]), 1)

    def test_scenario_that_lost_its_bug(self):
        self.assertEqual(self.bugs(self.laws(), "not ok 1 - gate stuck finds BUG_4\n"), 1)

    def test_what_is_wrong_without_a_bug_too(self):
        lines = ["# also without the bug: law 1\n", *self.laws(law_4=LOST)]
        self.assertEqual(self.bugs(lines, "ok 1 - gate stuck finds BUG_4\n"), 1)


if __name__ == "__main__":
    unittest.main()
