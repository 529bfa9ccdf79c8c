"""One part of the bad days, in a process of its own, which prints how its tries ended.

python -m tests.faults.alone PART COUNT SEED SECONDS
"""

import json
import sys
import traceback
import warnings
from random import Random

from tests.faults.part import Outcome, Tally, tally
from tests.faults.parts import PARTS
from tinygrad_lab.lab import console


def main() -> None:
    """As the command line says."""
    name, count, seed, seconds = sys.argv[1:]
    part = next(part for part in PARTS if part.name == name)
    console.stderr.quiet = True
    warnings.filterwarnings("ignore")  # torch wonders who wraps its optimiser; forks
    try:
        tries = part.tries(Random(f"{seed} {name}"))
        found = tally(name, tries, int(count), float(seconds))
    except Exception:  # the tries themselves have failed, which is no good end either
        found = Tally(name)
        found.add(Outcome("broken", traceback.format_exc()[-1500:]))
    print(json.dumps(found.as_json()))


if __name__ == "__main__":
    main()
