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


def cells(lines):
    """Success of each tier in percent, from tier 0 up: "-" is not asked for, "d" answered as demoted."""
    tiers = {}
    for line in lines:
        tier = tiers.setdefault(line["tier"], {"ok": 0, "failed": 0, "demoted": 0})
        for key in tier:
            tier[key] += line[key]
    out = []
    for tier in range(max(tiers, default=-1) + 1):
        t = tiers.get(tier, {"ok": 0, "failed": 0, "demoted": 0})
        good = share(t["ok"], t["failed"])
        if good is None:
            out.append("d" if t["demoted"] else "-")
        else:
            out.append("100" if good == 1 else f"{100 * good:.1f}" if good > 0.99 else f"{100 * good:.0f}")
    return "/".join(out) or "nobody"


def latencies(lines):
    """The slowest p95 of each tier, from tier 0 up: "-" where nothing was answered."""
    slowest = {}
    for line in lines:
        if line["ok"] + line["demoted"] > 0:
            slowest[line["tier"]] = max(slowest.get(line["tier"], 0), line["p95_us"] / 1000)
    tiers = range(max((l["tier"] for l in lines), default=-1) + 1)
    text = "/".join(f"{slowest[t]:.{1 if slowest[t] < 9.95 else 0}f}" if t in slowest else "-" for t in tiers)
    return text + "ms" if slowest else text


def second_line(lines, views, first):
    """One line of text on one second: per view and tier of the first service success in percent and p95 in ms; the
    other services only where not everything was well."""
    parts = []
    for view in views:
        mine = [l for l in lines if l["view"] == view]
        of_first = [l for l in mine if l["service"] == first]
        text = f"{view} {cells(of_first)}"
        text += f" {latencies(of_first)}" if of_first else ""
        for service in sorted({l["service"] for l in mine} - {first}):
            of_it = [l for l in mine if l["service"] == service]
            good = set(cells(of_it)) <= set("10/d")
            text += "" if good else f" ({service} {cells(of_it)} {latencies(of_it)})"
        parts.append(text)
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
    """Rows for the closing table: per phase, view and service the tiers' cells, requests and latencies (us)."""
    rows = []
    for name, begin, end in phases:
        groups = {}
        for line in seen.seconds:
            if begin - 1 < line["t"] <= end - 1:  # a second with both belongs to the later phase
                groups.setdefault((line["view"], line["service"]), []).append(line)
        for (view, service), lines in sorted(groups.items()):
            answered = [l for l in lines if l["ok"] + l["demoted"] > 0]
            rows.append({"phase": name, "view": view, "service": service, "tiers": cells(lines),
                         "requests": sum(l["ok"] + l["failed"] + l["demoted"] for l in lines),
                         "p50_us": sorted(l["p50_us"] for l in answered)[len(answered) // 2] if answered else 0,
                         "p95_us": max((l["p95_us"] for l in answered), default=0),
                         "max_us": max((l["max_us"] for l in answered), default=0)})
    return rows
