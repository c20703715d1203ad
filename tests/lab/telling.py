"""telling.py: how the story is told: a line when something happens, a line per second of users, tables at the end."""

import json
import os
import statistics
import sys
import time

from loss import row_text
from users import second_line

PLAIN, BOLD, GREEN, RED, DIM = "\033[0m", "\033[1m", "\033[32m", "\033[31m", "\033[2m"
THIRTY = "`meson test -C build/quickstart --benchmark --verbose disaster` (as root)"
SETTLED_S = 3.2  # a second's requests are all decided and printed by then


class Telling:
    def __init__(self, json_path=None, out=sys.stdout):
        self.out, self.json_path = out, json_path
        self.colour = out.isatty() and "NO_COLOR" not in os.environ
        self.zero = time.monotonic()
        self.timeline = []
        self.told_second = None

    def _line(self, kind, t, mark, text, colour=PLAIN):
        self.timeline.append({"t": round(t, 6), "at_s": round(t - self.zero, 3), "kind": kind, "text": text})
        body = f"{t - self.zero:8.3f}  {mark} {text}"
        print(f"{colour}{body}{PLAIN}" if self.colour else body, file=self.out, flush=True)

    def phase(self, text):
        print(file=self.out)
        self._line("phase", time.monotonic(), "==", text, BOLD)

    def say(self, text):
        self._line("say", time.monotonic(), "  ", text)

    def good(self, text):
        self._line("seen", time.monotonic(), "ok", text, GREEN)

    def change(self, change, text):
        if not change["first"]:
            self._line("change", change["t"], "->", text)

    def quote(self, command, text):
        self._line("quote", time.monotonic(), "  ", f"$ {command}")
        self.timeline[-1]["output"] = text
        for line in text.rstrip().splitlines():
            print(f"             | {line}", file=self.out, flush=True)

    def users(self, seconds, fleet):
        """One line per finished second: each view's success in percent and p95, by tier."""
        newest = int(time.monotonic() - SETTLED_S)
        if not seconds:
            return
        first = int(seconds[0]["t"]) if self.told_second is None else self.told_second + 1
        for second in range(first, newest + 1):
            lines = [l for l in seconds[-4000:] if int(l["t"]) == second]
            if lines:
                self._line("users", second, "u ", second_line(
                    lines, [v["name"] for v in fleet.views], fleet.services[0]["name"]), DIM)
            self.told_second = second

    def table(self, rows):
        print(f"\nUsers by phase (percent of success by tier 0/1/..., d: demoted; p95: of the worst second):\n"
              f"  {'phase':15} {'view':15} {'service':8} {'tiers':22} requests    p50      p95  max", file=self.out)
        for r in rows:
            print(f"  {r['phase']:15} {r['view']:15} {r['service']:8} {r['tiers']:22} {r['requests']:8} "
                  f"{r['p50_us'] / 1000:4.1f}ms {r['p95_us'] / 1000:6.1f}ms {r['max_us'] / 1000:.0f}ms", file=self.out)
        self.timeline.append({"kind": "table", "rows": rows})

    def losses(self, rows, waiting, login, least):
        """rows: of loss.losses for what Spillway moves; waiting: for what waits for a person."""
        print(f"\nWhat the users lost, per tier. A share-second is everything that all users ask of a tier in one second.\n"
              f"Least possible: the dead IDC's part of the users x ({least}).", file=self.out)
        for row in rows:
            print(f"  {row_text(row)}", file=self.out)
        for row in waiting:
            print(f"  stateful, waits for a person: {row_text(row)}", file=self.out)
        print(f"  {login}", file=self.out)
        self.timeline.append({"kind": "losses", "rows": rows, "waiting": waiting, "login": login,
                              "least": least})

    def figures(self, figures, idle):
        print(f"\nFigures of this one run; {THIRTY} prints 30 samples of each:", file=self.out)
        for name, samples in figures.items():
            ms = sorted(1000 * s for s in samples)
            if len(ms) == 1:
                text = f"{ms[0]:.0f} ms"
            else:
                p95 = ms[min(len(ms) - 1, len(ms) * 95 // 100)]
                text = (f"median {statistics.median(ms):.0f} ms, p95 {p95:.0f} ms, max {ms[-1]:.0f} ms "
                        f"({len(ms)} samples)")
            print(f"  {name}: {text}", file=self.out)
        for name, (percent, resident) in idle.items():
            print(f"  {name} in the quiet: {percent:.1f} % of a core, {resident:.1f} MiB", file=self.out)
        print(file=self.out, flush=True)

    def logs(self, lab):
        """After a failure: the end of each of Spillway's logs."""
        for name in sorted(lab.processes.state["processes"]):
            if name.startswith(("spillway", "probe", "routed", "broker", "kafka")):
                print(f"\n--- {lab.processes.log_path(name)}\n{lab.processes.log_tail(name, 6)}", file=self.out)

    def end(self, good, text):
        print(file=self.out)
        self._line("end", time.monotonic(), "OK" if good else "FAILED:", text, GREEN if good else RED)

    def write(self, more):
        if self.json_path:
            with open(self.json_path, "w", encoding="utf-8") as file:
                json.dump({"timeline": self.timeline, **more}, file, indent=1, default=list)
