"""samples.py: samples of figures: kept, or left out with the reason said; printed as median, p95 and max."""

import math
import statistics


def p95(ordered):
    """Nearest rank: the smallest sample that at least 95 of 100 do not exceed."""
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


class Samples:
    def __init__(self):
        self.figures = {}   # name -> {"unit": text, "samples": [...]}, in the order of their first sample
        self.left_out = {}  # name -> {reason: how many}
        self.zero = {}      # name -> how many are closer together than can be seen, and count as 0
        self.counts = {}    # name -> [how many, of how many]

    def keep(self, name, value, unit):
        self.figures.setdefault(name, {"unit": unit, "samples": []})["samples"].append(value)

    def keep_s(self, name, seconds):
        """A time, told in milliseconds."""
        self.keep(name, 1000 * seconds, "ms")

    def keep_between(self, name, begin, end, step_s=0.0):
        """The time between two instants that were seen. Seen in the wrong order, by no more than a step of who looks, they
        were closer together than can be seen: 0. By more, it was measured badly; and what was not seen is no sample."""
        if begin is None or end is None:
            self.leave_out(name, "one of its ends was not seen")
        elif end - begin < -step_s:
            self.leave_out(name, "its ends were seen in the wrong order")
        else:
            if end < begin:
                self.zero[name] = self.zero.get(name, 0) + 1
            self.keep_s(name, max(0.0, end - begin))

    def leave_out(self, name, reason):
        reasons = self.left_out.setdefault(name, {})
        reasons[reason] = reasons.get(reason, 0) + 1

    def count(self, name, how_many, of):
        self.counts[name] = [how_many, of]

    def print(self):
        for name, figure in self.figures.items():
            s = sorted(figure["samples"])
            print(f"{name:66} n {len(s):3}  median {statistics.median(s):8.2f}  p95 {p95(s):8.2f}  max {s[-1]:8.2f} "
                  f"{figure['unit']}{self._remark(name)}")
        for name in self.left_out.keys() - self.figures.keys():
            print(f"{name:66} n   0 {self._remark(name)}")
        for name, (how_many, of) in self.counts.items():
            print(f"{name:66} {how_many} of {of}")

    def _remark(self, name):
        reasons = self.left_out.get(name, {})
        text = f"; {self.zero[name]} too short to be seen: 0" if name in self.zero else ""
        return text + "".join(f"; {n} left out: {reason}" for reason, n in reasons.items())

    def as_json(self):
        return {"figures": self.figures, "left_out": self.left_out, "counted_as_zero": self.zero, "counts": self.counts}
