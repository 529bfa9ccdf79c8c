"""Print the peak memory of a few training steps, in megabytes: all of it, and that over a warm process's footprint.

Warm: everything is imported and a step at ``tiny`` size has made both libraries load what they load at first use.
Counted are all processes of a side, the engine's workers too.  The engine's two further interpreters, 40 MB together,
come on top of what a step needs: those of size ``tiny`` need none.

    python -m tinygrad_lab.lab.peak_memory SLUG VARIANT SIZE SIDE [configuration fields]
"""

import json
import sys

from tinygrad_lab.lab import overrides, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.measuring.memory import Watch, proportional_mb
from tinygrad_lab.lab.measuring.steps import training_step
from tinygrad_lab.lab.sides import one_side

STEPS = 5  # enough for the watch to meet the worst moment of one


def main(slug: str, variant: str, size: str, side: str, *fields: str) -> None:
    """Measure one side."""
    keep_freed_memory()
    paper = registry.find(slug)
    measured = one_side(paper, side)
    training_step(measured, paper, registry.configuration(paper, variant, "tiny"))()
    before = proportional_mb()
    config = overrides.apply(registry.configuration(paper, variant, size), fields)
    step = training_step(measured, paper, config)
    watch = Watch()
    watch.start()
    for _ in range(STEPS):
        step()
    peak = watch.stop()
    print(json.dumps({"peak_mb": peak - before, "whole_mb": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
