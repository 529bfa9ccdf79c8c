"""How far a study is, and about how long it will take: by the runs that the log of the last one names."""

import re

FINISHED = re.compile(r"\d  (?P<title>.+ seed \d+ \(\w+\)): .*, (?P<seconds>\d+) s$")  # a line of log.txt


class Pace:
    """Runs that are expected, with their seconds at the last time, and those that are made."""

    def __init__(self, log: str) -> None:
        self.waiting: dict[str, list[float]] = {}
        for line in log.splitlines():
            if found := FINISHED.search(line):
                self.waiting.setdefault(found["title"], []).append(float(found["seconds"]))
        self.made, self.now, self.then = 0, 0.0, 0.0

    def after(self, title: str, seconds: float) -> str:
        """Say which run this was, and how long those that are left will take at this machine's pace."""
        self.made += 1
        if expected := self.waiting.get(title):
            self.now += seconds
            self.then += expected.pop(0)
        left = [wait for waits in self.waiting.values() for wait in waits]
        if not left:
            return f"run {self.made}"
        minutes = sum(left) * (self.now / self.then if self.then else 1.0) / 60
        return f"run {self.made} of {self.made + len(left)}, about {minutes:.0f} min of training left"
