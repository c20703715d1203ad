"""judging.py: the verdict per service: who is judged outside of which spans, and that all were there to be judged."""

from users import LOGIN_GOAL, verdict


class Rate:
    """Core requests of one view at one service, outside of the service's spans."""

    def __init__(self, view, service, feature, good, bad):
        self.view, self.service, self.feature, self.good, self.bad = view, service, feature, good, bad

    @property
    def holds(self):
        """A view of which nothing was seen proves nothing."""
        return self.good > 0 and self.good >= LOGIN_GOAL * (self.good + self.bad)

    def as_json(self):
        return {"view": self.view, "service": self.service, "feature": self.feature, "good": self.good, "bad": self.bad}

    def __str__(self):
        percent = 100 * self.good / max(1, self.good + self.bad)
        return (f"{self.view}: {self.service}.{self.feature} outside the windows: {self.good} of "
                f"{self.good + self.bad} ({percent:.2f} %)")


def rates(fleet, seen, judged, begin, end):
    """judged: pairs of services and the Windows in which their users may fail. One Rate per service, view that asks for
    it, and core feature; in the order of `judged`."""
    found = []
    for services, windows in judged:
        outside = verdict(seen, windows, begin, end)["outside"]
        for service in services:
            core = [f["name"] for f in service["features"] if f["tier"] == 0]
            asking = [v["name"] for v in fleet.views if fleet.demand_rps(service, v) > 0]
            found += [Rate(view, service["name"], feature, *outside.get((view, service["name"], feature), (0, 0)))
                      for view in asking for feature in core]
    return found
