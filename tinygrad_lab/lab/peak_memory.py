"""Print the peak memory of three training steps, in megabytes, over the footprint of a process that is warm.

Warm: everything is imported and a step at ``tiny`` size has made both libraries load what they load at first use.

    python -m tinygrad_lab.lab.peak_memory SLUG VARIANT SIZE SIDE [configuration fields]
"""

import json
import resource
import sys
from pathlib import Path

from tinygrad_lab.lab import overrides, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.bench import training_step
from tinygrad_lab.lab.sides import one_side

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


def main(slug: str, variant: str, size: str, side: str, *fields: str) -> None:
    """Measure one side."""
    keep_freed_memory()
    paper = registry.find(slug)
    bench = one_side(paper, side)
    training_step(bench, paper, registry.configuration(paper, variant, "tiny"))()
    before = resident_mb(peak=False)
    config = overrides.apply(registry.configuration(paper, variant, size), fields)
    step = training_step(bench, paper, config)
    for _ in range(3):
        step()
    print(json.dumps(resident_mb(peak=True) - before))


if __name__ == "__main__":
    main(*sys.argv[1:])
