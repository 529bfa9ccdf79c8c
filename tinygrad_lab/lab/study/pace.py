"""How far a study is, and about how long it will take: by the log of the last one, else by the runs beside a run."""

import re

from tinygrad_lab.cores import cores

FINISHED = re.compile(r"\d  (?P<title>.+ seed \d+ \(\w+\)): .*, (?P<seconds>\d+) s$")  # a line of log.txt


class Pace:
    """Runs that are expected, with their seconds at the last time, and those that are made."""

    def __init__(self, log: str) -> None:
        self.waiting: dict[str, list[float]] = {}
        for line in log.splitlines():
            if found := FINISHED.search(line):
                self.waiting.setdefault(found["title"], []).append(float(found["seconds"]))
        self.made, self.known, self.now, self.then = 0, 0, 0.0, 0.0
        self.side_by_side(0)

    def side_by_side(self, runs: int) -> None:
        """So many runs begin, one on each core."""
        self.runs, self.seconds = runs, list[float]()

    def after(self, title: str, seconds: float) -> str:
        """Say which run this was, and how long those that are left will take at this machine's pace."""
        self.made += 1
        self.seconds.append(seconds)
        if expected := self.waiting.get(title):
            self.known += 1
            self.now += seconds
            self.then += expected.pop(0)
        if 2 * self.known >= self.made:
            return self._by_the_last_log()
        return self._by_the_others()

    def _by_the_last_log(self) -> str:
        left = [wait for waits in self.waiting.values() for wait in waits]
        minutes = sum(left) * (self.now / self.then if self.then else 1.0) / 60
        return f"run {self.made} of {self.made + len(left)}, about {minutes:.0f} min of training left"

    def _by_the_others(self) -> str:
        """Of a study that the last log does not know; what comes after this group of runs is not known either."""
        done = len(self.seconds)
        if done > self.runs:
            return f"run {self.made}"
        minutes = (self.runs - done) * sum(self.seconds) / done / cores() / 60
        return f"run {self.made}, {done} of {self.runs} of these, which take about {minutes:.0f} min more"
