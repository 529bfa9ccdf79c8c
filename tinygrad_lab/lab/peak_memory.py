"""Print the peak memory of three training steps, in megabytes, over the footprint after import.

python -m tinygrad_lab.lab.peak_memory SLUG VARIANT SIZE SIDE
"""

import json
import resource
import sys

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.bench import training_step
from tinygrad_lab.lab.sides import NumpySide, TorchSide

UNIT = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss counts bytes on macOS, KiB elsewhere


def peak_mb() -> float:
    """The largest resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT


def main(slug: str, variant: str, size: str, side: str) -> None:
    """Measure one side."""
    paper = registry.find(slug)
    bench = NumpySide(paper) if side == "numpy" else TorchSide(paper)
    before = peak_mb()
    step = training_step(bench, paper, registry.configuration(paper, variant, size))
    for _ in range(3):
        step()
    print(json.dumps(peak_mb() - before))


if __name__ == "__main__":
    main(*sys.argv[1:])
