"""Try a few mutants of areas whose tests are quick, and tell which survive.

    python -m tests.mutants.sample SEED

Nothing is written.  Returns 1 if one survives on which there is no judgement, 2 if none was tried; whatever is not
done in time is left.
"""

import shlex
import sys
import tempfile
from pathlib import Path

from tests.mutants.areas import Area
from tests.mutants.child import warm_up
from tests.mutants.running import in_fair_order, jobs_of, run
from tests.mutants.slot import Slot, Verdict
from tests.mutants.verdicts import judged
from tests.planted.running import copy_tree

ROOT = Path(__file__).parents[2]
SECONDS = 45  # where nothing else runs it takes ten
SIZE = 3
QUICK = (
    Area("optim", ("tinygrad_lab/optim/*m*.py",), ("tests/optim",)),
    Area("trace", ("tinygrad_lab/trace/[anr]*.py",), ("tests/trace",)),
    Area("lenet", ("papers/lenet/model.py",), ("tests/papers/test_lenet.py",)),
)


def tried(seed: int) -> list[Verdict]:
    """The verdicts on the mutants of a seed, as many as the time is enough for."""
    jobs = in_fair_order(jobs_of(ROOT, QUICK), seed, QUICK)[:SIZE]
    warm_up()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        slots = [Slot(copy_tree(ROOT, Path(folder) / f"tree{number}")) for number in range(2)]
        verdicts = list(run(jobs, slots, lambda area, slot: {}, SECONDS))
    print(f"seed {seed}: {len(verdicts)} of {len(jobs)} mutants tried")
    return verdicts


def main() -> int:
    """Run the command."""
    verdicts = tried(int(sys.argv[1]))
    if not verdicts:
        print(f"no mutant was tried to its end within {SECONDS} seconds, so this says nothing")
        return 2
    found = [v.mutant for v in verdicts if v.verdict == "survived" and v.mutant not in judged()]
    for name in found:
        print(f"no test notices this change: {name}")
        print(f"  to try it again: python -m tests.mutants --only {shlex.quote(name)}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
