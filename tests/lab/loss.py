"""loss.py: what users lost over a span of time, per tier in share-seconds, against the least that was possible.

A share-second of a tier is everything that all users ask of that tier in one second. Users visit in a closed loop: the
first feature of a service is asked once per visit, and the others only when it was good. So what a tier was asked for
is the number of visits, whether its requests were sent or not, and what it lost is what was neither served nor answered
as demoted. Demotion is the plan's own price and is told apart.

The least possible for a death is what can be promised at best: the part of the users that was led to the dead IDC, for
detection, confirmation and the TTL. One death may cost less, because detection runs beside the confirmation and a
cached answer may be about to expire; or more, because every cache on the way counts a TTL in whole seconds.
"""

import math
from typing import NamedTuple


class Death(NamedTuple):
    """An IDC's death as its users meet it."""
    at: float
    shares: dict  # (view, service) -> part of its users that were led to the IDC


def death(fleet, answers, victim, at):
    """answers: what the servers that live on answered before it, (server, name) -> addresses."""
    shares = {}
    for service in fleet.services:
        for view in fleet.views:
            name = fleet.answer_name(view, service)
            of = [[fleet.address_owner(address) for address in answer]
                  for (_, asked), answer in answers.items() if asked == name and answer]
            if of:
                shares[(view["name"], service["name"])] = sum(o.count(victim) / len(o) for o in of) / len(of)
    return Death(at, shares)


def least_parts(fleet, service):
    """(detection, confirmation, TTL) in seconds, as the fleet file states them."""
    return (fleet.policy_s("probe_interval") * fleet.policy["probe_losses"], fleet.policy_s("confirmation"),
            fleet.seconds(service, "ttl"))


def _visits(lines, services):
    """(view, service) -> visits, which are the requests of the service's first feature."""
    first = {s["name"]: min(s["features"], key=lambda f: f["tier"])["name"] for s in services}
    visits = {}
    for line in lines:
        if line["feature"] == first.get(line["service"]):
            key = (line["view"], line["service"])
            visits[key] = visits.get(key, 0) + line["ok"] + line["failed"] + line["demoted"]
    return visits


def losses(fleet, seconds, span, services, deaths):
    """Rows by tier: asked (requests), failed_s and shed_s (share-seconds), least_s (the least possible of failed_s).

    seconds: the users' lines. Only whole seconds within the span count. deaths: those within it.
    """
    begin, end = math.ceil(span[0]), math.floor(span[1])
    lines = [l for l in seconds if begin <= l["t"] < end]
    visits, rows = _visits(lines, services), []
    for tier in sorted({f["tier"] for s in services for f in s["features"]}):
        mine = {(s["name"], f["name"]): s for s in services for f in s["features"] if f["tier"] == tier}
        asked = sum(n for service, _ in mine for (_, visited), n in visits.items() if visited == service)
        answered = [l for l in lines if (l["service"], l["feature"]) in mine]
        shed = sum(l["demoted"] for l in answered)
        failed = max(0, asked - shed - sum(l["ok"] for l in answered))
        hit = sum(n * d.shares.get((view, visited), 0) * sum(least_parts(fleet, s))
                  for d in deaths for (service, _), s in mine.items()
                  for (view, visited), n in visits.items() if visited == service)
        rate = asked / (end - begin) if end > begin else 0
        rows.append({"tier": tier, "asked": asked, "failed_s": failed / rate if rate else 0.0,
                     "shed_s": shed / rate if rate else 0.0, "least_s": hit / asked if asked else 0.0})
    return rows


def row_text(row):
    least = row["least_s"]
    times = f" ({row['failed_s'] / least:.2f} times that)" if least > 0 else ""
    return (f"tier {row['tier']}: lost {row['failed_s']:.2f} share-seconds, least possible {least:.2f}{times}; "
            f"demoted by plan {row['shed_s']:.2f}")


def least_text(fleet, services):
    """How the least possible is made up."""
    made = {least_parts(fleet, s) for s in services}
    return " or ".join(f"detection {d:g} s + confirmation {c:g} s + TTL {t:g} s" for d, c, t in sorted(made))


def login_text(outside, names):
    """Success of the core requests of some services outside of the stated windows; outside: of users.verdict."""
    good = sum(g for (_, service, _), (g, _) in outside.items() if service in names)
    bad = sum(b for (_, service, _), (_, b) in outside.items() if service in names)
    rate = 100 * good / (good + bad) if good + bad else 0.0
    return f"login success outside the stated windows: {rate:.3f} % ({good} of {good + bad})"
