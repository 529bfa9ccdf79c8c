"""Change the sources a little in thousands of places, and tell which changes no test notices.

    python -m tests.mutants [--minutes N] [--seed N] [--area NAME] [--only TEXT] [--survivors]

Each verdict is written as it comes: the next run goes on with the mutants that have none.  Ctrl-C ends it early.
What is named by --only is tried to its end, however long that takes.
"""

import argparse
import contextlib
import math
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutants import verdicts
from tests.mutants.areas import AREAS
from tests.mutants.child import warm_up
from tests.mutants.report import write_report
from tests.mutants.running import Job, Records, in_fair_order, jobs_of, run
from tests.mutants.slot import Slot, Verdict
from tests.planted.running import copy_tree

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / ".build" / "mutants"  # remove it to have the tests' calls recorded anew
CHILDREN = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 1 if a mutant has survived that nobody has judged, 2 if none was tried."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does, its children too
    everything = jobs_of(ROOT)
    jobs = _wanted(in_fair_order(everything, options.seed), options)
    print(f"{len(jobs)} mutants to try, of {sum(map(len, everything.values()))}, seed {options.seed}", flush=True)
    tried = _tried(jobs, math.inf if options.only else 60 * options.minutes, options.seed)
    if not tried:
        print(f"0 of {len(jobs)} tried")
        return 2
    verdicts.tidy(mutant.name for mutants in everything.values() for mutant in mutants)
    write_report(ROOT, everything)
    return _told(tried)


def _told(tried: Sequence[Verdict]) -> int:
    """Print which mutants survived that nobody has judged; returns 1 if there are any."""
    judged = verdicts.judged()
    new = [v.mutant for v in tried if v.verdict == "survived" and v.mutant not in judged]
    for name in new:
        print(f"survived: {name}")
    return int(bool(new))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="when to stop (60); not for --only")
    parser.add_argument("--seed", type=int, default=0, help="of the order (0)")
    parser.add_argument("--area", choices=[area.name for area in AREAS], help="only this area")
    parser.add_argument("--only", metavar="TEXT", help="only mutants with this in their name, tried before or not")
    parser.add_argument("--survivors", action="store_true", help="once more those that survived and differ")
    return parser.parse_args(arguments)


def _wanted(jobs: Sequence[Job], options: argparse.Namespace) -> list[Job]:
    known = verdicts.verdicts()
    if options.area:
        jobs = [job for job in jobs if job[0].name == options.area]
    if options.only:
        return [job for job in jobs if options.only in job[1].name]
    if options.survivors:
        same = {name for name, (kind, _) in verdicts.judged().items() if kind == "equivalent"}
        survived = {name for name, verdict in known.items() if verdict.verdict == "survived"}
        return [job for job in jobs if job[1].name in survived - same]
    return [job for job in jobs if job[1].name not in known]


def _tried(jobs: Sequence[Job], seconds: float, seed: int) -> list[Verdict]:
    """Try mutants in copies of the tree, write their verdicts, and return them."""
    warm_up()
    RECORDS.mkdir(parents=True, exist_ok=True)
    tried = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        slots = [Slot(copy_tree(ROOT, Path(folder) / f"tree{number}")) for number in range(CHILDREN)]
        with contextlib.suppress(KeyboardInterrupt):
            for verdict in run(jobs, slots, Records(RECORDS).of, seconds):
                verdicts.add(verdict, seed)
                print(f"{verdict.seconds:6.1f} s  {verdict.verdict}  {verdict.mutant}  {verdict.test}", flush=True)
                tried.append(verdict)
    return tried


if __name__ == "__main__":
    sys.exit(main())
