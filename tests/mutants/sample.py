"""Try a few mutants of areas whose tests are quick, and tell which survive.

    python -m tests.mutants.sample SEED

Nothing is written.  Returns 1 if one survives on which there is no judgement; whatever is not done in time is left.
"""

import sys
import tempfile
from pathlib import Path

from tests.mutants.areas import Area
from tests.mutants.child import warm_up
from tests.mutants.running import in_fair_order, jobs_of, run
from tests.mutants.slot import Slot
from tests.mutants.verdicts import judged
from tests.planted.running import copy_tree

ROOT = Path(__file__).parents[2]
SECONDS = 15
SIZE = 3
QUICK = (
    Area("optim", ("tinygrad_lab/optim/*m*.py",), ("tests/optim",)),
    Area("trace", ("tinygrad_lab/trace/[anr]*.py",), ("tests/trace",)),
    Area("lenet", ("papers/lenet/model.py",), ("tests/papers/test_lenet.py",)),
)


def survivors(seed: int) -> list[str]:
    """The mutants of a seed that survive and are not known to."""
    jobs = in_fair_order(jobs_of(ROOT, QUICK), seed, QUICK)[:SIZE]
    warm_up()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        slots = [Slot(copy_tree(ROOT, Path(folder) / f"tree{number}")) for number in range(2)]
        verdicts = list(run(jobs, slots, lambda area, slot: {}, SECONDS))
    print(f"seed {seed}: {len(verdicts)} of {len(jobs)} mutants tried")
    return [v.mutant for v in verdicts if v.verdict == "survived" and v.mutant not in judged()]


def main() -> int:
    """Run the command."""
    found = survivors(int(sys.argv[1]))
    for name in found:
        print(f"no test notices this change: {name}\n  to try it again: python -m tests.mutants --only {name!r}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
