"""What a call costs: processor time, and memory that arrays take.

Times are the processor's, so that they mean something on a machine that does other work too.
"""

import time
import tracemalloc
from collections.abc import Callable


def milliseconds(run: Callable[[], object], times: int = 1) -> float:
    """Call ``run`` so many times; the fastest counts."""
    return min(_once(run) for _ in range(times))


def _once(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return 1e3 * (time.process_time() - start)


def megabytes(run: Callable[[], object]) -> float:
    """The most memory that arrays take at any time during a call, beyond what they took before it."""
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6
