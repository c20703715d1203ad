"""promises.py: figures with a promise: what was promised, what was measured, and whether it was kept."""


class Promises:
    def __init__(self):
        self.kept, self.broken = [], []
        self.figures = {}  # section -> whatever it measured, for --json

    def title(self, section, text):
        print(f"\n== {section}: {text}", flush=True)
        self.figures[section] = {}

    def say(self, text):
        print(f"   {text}", flush=True)

    def judge(self, what, holds, why=""):
        """A promise; why: what was seen when it does not hold."""
        (self.kept if holds else self.broken).append(what)
        print(f"{'ok' if holds else 'BROKEN':6} {what}", flush=True)
        for line in (why.splitlines() if not holds else ()):
            self.say(line)
        return holds

    def end(self):
        """The last line; the exit status."""
        print(f"\n{len(self.kept)} promises kept, {len(self.broken)} broken", flush=True)
        for what in self.broken:
            print(f"  broken: {what.strip()}", flush=True)
        return 1 if self.broken else 0
