"""How much memory this process holds, or it and the engine's workers together.

Memory that several processes see is shared out among them: the kernel's proportional set size.
"""

import resource
import sys
import threading
from pathlib import Path

from tinygrad_lab.workers.nursery import processes

STATUS = Path("/proc/self/status")


def resident_mb(peak: bool) -> float:
    """The resident set of this process, now or at its largest.

    Linux hands a parent's ru_maxrss on to its children, so the kernel's own record is read where there is one.
    """
    if STATUS.exists():
        fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
        return int(fields["VmHWM" if peak else "VmRSS"].split()[0]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Watch(threading.Thread):
    """Looks at the memory of all processes again and again, and remembers the most."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = proportional_mb()
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.002):
            self.peak = max(self.peak, proportional_mb())

    def stop(self) -> float:
        self._end.set()
        self.join()
        return max(self.peak, proportional_mb())


def proportional_mb() -> float:
    """What this process and the workers hold now; where that is not known, the most that this one ever held."""
    if not _shares_of("self").exists():
        return resident_mb(peak=True)
    everybody: list[int | str] = ["self", *processes()]
    return sum(_share(pid) for pid in everybody)


def _shares_of(pid: int | str) -> Path:
    return Path(f"/proc/{pid}/smaps_rollup")


def _share(pid: int | str) -> float:
    try:
        lines = _shares_of(pid).read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # a worker that has ended since
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**10
