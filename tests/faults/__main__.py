"""Bad days by the thousand: kills, damaged files, hostile input, full disks; how each of them ended.

    python -m tests.faults [PART ...] [--minutes M] [--seed N]

Two parts run at a time, each in a process of its own.  A part whose time is over ends with what it
has tried; what does not end at all is ended.  Each row goes into docs/reliability.md as its part
ends.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

from tests import sections
from tests.faults import report
from tests.faults.part import Outcome, Part, Tally
from tests.faults.parts import PARTS

WHOLE = 20  # minutes of a whole run on two cores
AT_ONCE = 2
PATIENCE = 3  # times as long as it should take
BEGINNING = 90  # seconds that a part has besides, to load and to make what it damages
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_running: set[subprocess.Popen[bytes]] = set()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 if every try ended well, 1 if not, 2 for a wrong argument."""
    asked = _asked(arguments)
    parts = [part for part in PARTS if not asked.parts or part.name in asked.parts]
    bad = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        run = partial(found_by, minutes=asked.minutes, seed=asked.seed)
        futures = {pool.submit(run, part): part for part in parts}
        try:
            for future in as_completed(futures):
                bad += _told(futures[future], future.result(), asked)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in [*_running]:
                _end(process)
            raise
    return int(bad > 0)


def _told(part: Part, found: Tally, asked: argparse.Namespace) -> int:
    """Print a part's row and keep it; how many ends were bad."""
    again = f"python -m tests.faults {part.name} --minutes {asked.minutes:g} --seed {asked.seed}"
    line = report.row(part, found, again)
    print(line, *found.examples, sep="\n", flush=True)
    report.update(sections.RELIABILITY, PARTS, {part.name: line})
    return found.bad


def found_by(part: Part, minutes: float, seed: int) -> Tally:
    """How the tries of a part ended, as many as belong to a run of so many minutes."""
    share = minutes / WHOLE
    count, limit = max(1, round(part.count * share)), PATIENCE * part.seconds * share + BEGINNING
    words = ["-m", "tests.faults.alone", part.name, str(count), str(seed), str(limit)]
    process = subprocess.Popen(
        [sys.executable, *words], env={**os.environ, **THREADS}, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    _running.add(process)
    try:
        out, _ = process.communicate(timeout=limit + BEGINNING)
        return Tally(**json.loads(out.splitlines()[-1]))
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        found = Tally(part.name)
        found.add(Outcome("no end", f"{' '.join(words)}: exit code {process.poll()}"))
        return found
    finally:
        _end(process)
        _running.discard(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
        process.wait()


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all without")
    parser.add_argument("--minutes", type=float, default=WHOLE, help="what all parts may take on two quiet cores")
    parser.add_argument("--seed", type=int, default=0, help="of what is tried")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.parts if name not in names]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(names)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
