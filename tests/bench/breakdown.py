"""breakdown.py: the time from an IDC's death to its rescue, cut into detection, confirmation and decision.

Death and effect are seen from outside. The borders between can only be told by those who were inside: documented lines
in the logs of the probes and daemons that live on (spillway-probe(1), spillwayd(8)). They are exact to STEP_S.

    death                    from outside, the fault's own instant
      detection              -> the last live probe says `down` of the last thing that it watches at the IDC
      confirmation           -> the window is over. It counts from the first lost packet or failed check of the last
                                witness, so it runs beside the detection; only what is left of it stands here
      decision               -> the rescue is folded: evidence sent, decided, appended, read back from the log
      DNS                    -> from outside, the server's first correct answer
"""

import re
import time
from typing import NamedTuple

STEP_S = 0.001  # of the logs' times


class Unclear(Exception):
    """The borders cannot be told."""


class Borders(NamedTuple):
    """Instants of CLOCK_MONOTONIC, in seconds."""
    first_word: float  # the first probe says down
    detected: float
    confirmed: float   # detected and the window over
    decided: float


def wall(text):
    """Seconds since 1970 of an ISO 8601 time in UTC."""
    main, _, fraction = text.partition(".")
    return time.mktime(time.strptime(main, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0." + (fraction or "0"))


def lines_after(processes, names, after, pattern):
    """(CLOCK_MONOTONIC, match) of the lines of some processes' logs after an instant that match."""
    offset, found = time.time() - time.monotonic(), []
    for name in names:
        with open(processes.log_path(name), encoding="utf-8", errors="replace") as log:
            for line in log:
                match = re.search(pattern, line)
                if match and line.startswith("ts="):
                    found.append((wall(line[3:line.index("Z")]) - offset, match))
    return [(t, match) for t, match in found if t > after]


def watched_at(fleet, idc, witness):
    """What a witness's probe watches at an IDC: the links between the two, and the entrances."""
    links = [l["name"] for l in fleet.spans() if {idc, witness} == {e["idc"] for e in l["ends"]}]
    return links + [e["name"] for e in fleet.entrances_of(idc=idc)]


def words_of(lab, witness, victim, death, decided):
    """(said, since) of each word of a witness by which the victim is down, up to the decision."""
    names = watched_at(lab.fleet, victim, witness)
    lines = lines_after(lab.processes, [f"probe-{witness}"], death,
                        rf"event=(?:link|target)-changed (?:link|target)=({'|'.join(map(re.escape, names))}) (?:\S+ )*?"
                        r"health=down .*held_us=(\d+)")
    lines = [(t, match) for t, match in lines if t <= decided + STEP_S]
    missing = set(names) - {match[1] for _, match in lines}
    if missing:
        raise Unclear(f"the log of the probe at {witness} lacks {', '.join(sorted(missing))}")
    return [(t, t - int(match[2]) / 1e6) for t, match in lines]


def borders(lab, victim, death):
    """Borders of the rescue from a death at that instant."""
    live = [i["name"] for i in lab.fleet.idcs if i["name"] != victim]
    rescues = lines_after(lab.processes, [f"spillwayd-{i}" for i in live], death, r"event=decision .*purpose=rescue")
    if not rescues:
        raise Unclear("no live daemon's log has the rescue")
    decided = min(t for t, _ in rescues)
    words = [word for i in live for word in words_of(lab, i, victim, death, decided)]
    detected = max(said for said, _ in words)
    window_over = max(since for _, since in words) + lab.fleet.policy_s("confirmation")
    confirmed = max(detected, window_over)
    if decided < confirmed - 2 * STEP_S:
        raise Unclear("decided before the last witness's window was over")
    return Borders(min(said for said, _ in words), detected, confirmed, max(decided, confirmed))
