"""Freed memory is kept: a second large array of the same size costs no new pages."""

import subprocess
import sys

CODE = """
import resource
import numpy as np
from tinygrad_lab.lab.allocator import keep_freed_memory

known = keep_freed_memory()
np.ones(2**21, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    np.ones(2**21, np.float32)
print(int(known), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_pages_are_paid_for_once() -> None:
    result = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    known, faults = map(int, result.stdout.split())
    assert not known or faults < 50  # hundreds without; where the C library has no such setting nothing is promised
