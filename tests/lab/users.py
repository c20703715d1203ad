"""users.py: the verdict on what users saw: per second, view and tier; outside of the stated windows, strictly."""

LOGIN_GOAL = 0.999


class Windows:
    """Spans of time in which logins may fail, each with its reason and the bound that was stated beforehand."""

    def __init__(self):
        self.spans = []

    def add(self, begin, length, why):
        self.spans.append((begin, begin + length, why))

    def cover(self, t):
        return any(begin <= t < end for begin, end, _ in self.spans)

    def touch_second(self, second):
        return any(begin < second + 1 and second < end for begin, end, _ in self.spans)


def share(ok, failed):
    return None if ok + failed == 0 else ok / (ok + failed)


def second_line(lines, views):
    """One line of text on one second: per view the success of each tier in percent, and the slowest p95.

    "-" is: not asked for; "d": answered as demoted.
    """
    parts = []
    for view in views:
        tiers, slowest = {}, 0
        for line in lines:
            if line["view"] == view:
                tier = tiers.setdefault(line["tier"], {"ok": 0, "failed": 0, "demoted": 0})
                for key in tier:
                    tier[key] += line[key]
                slowest = max(slowest, line["p95_us"])
        cells = []
        for tier in range(max(tiers, default=-1) + 1):
            t = tiers.get(tier)
            if t is None or sum(t.values()) == 0:
                cells.append("-")
            elif t["ok"] + t["failed"] == 0:
                cells.append("d")
            else:
                good = share(t["ok"], t["failed"])
                cells.append("100" if good == 1 else f"{100 * good:.1f}" if good > 0.99 else f"{100 * good:.0f}")
        parts.append(f"{view} {'/'.join(cells) or 'nobody'} {slowest / 1000:.1f}ms")
    return "  ".join(parts)


def verdict(seen, windows, begin, end):
    """Counts over [begin, end): core requests outside the windows, refusals of core requests that name capacity.

    Single failures carry their own instant, so a window's edge is exact; only successes are known by the second.
    """
    core = [l for l in seen.seconds if l["tier"] == 0 and begin <= l["t"] and l["t"] + 1 <= end]
    outside = {}
    for line in core:
        if not windows.touch_second(line["t"]):
            key = (line["view"], line["service"], line["feature"])
            good, bad = outside.get(key, (0, 0))
            outside[key] = (good + line["ok"], bad)
    failures = [f for f in seen.failures if f["tier"] == 0 and begin <= f["t"] < end]
    for f in failures:
        if not windows.cover(f["t"]):
            key = (f["view"], f["service"], f["feature"])
            good, bad = outside.get(key, (0, 0))
            outside[key] = (good, bad + 1)
    return {
        "outside": outside,
        "capacity": [f for f in failures if f["failure"] == "capacity"],
        "late": [f for f in failures if not windows.cover(f["t"])],
        "inside": [f for f in failures if windows.cover(f["t"])],
    }


def by_phase(seen, phases):
    """Rows (phase, view, tier, share of success or None, demoted, p50, p95, max in us) for the closing table."""
    rows = []
    for name, begin, end in phases:
        cells = {}
        for line in seen.seconds:
            if begin <= line["t"] < end:
                cells.setdefault((line["view"], line["service"], line["tier"]), []).append(line)
        for (view, service, tier), lines in sorted(cells.items()):
            ok, failed = sum(l["ok"] for l in lines), sum(l["failed"] for l in lines)
            p50 = sorted(l["p50_us"] for l in lines)[len(lines) // 2]
            rows.append({"phase": name, "view": view, "service": service, "tier": tier, "requests": ok + failed,
                         "success": share(ok, failed), "demoted": sum(l["demoted"] for l in lines),
                         "p50_us": p50, "p95_us": max(l["p95_us"] for l in lines),
                         "max_us": max(l["max_us"] for l in lines)})
    return rows
