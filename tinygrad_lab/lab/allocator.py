"""Memory that is freed is kept for the next array.

Every step of training frees what it made and makes arrays of the same sizes again.  The C library hands large blocks
back to the system at once, and the next step pays for every page anew: about a quarter of the time of a Transformer's
step, more where two threads work in one address space.  Both sides of a comparison run with the same setting.
"""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of glibc's mallopt
LARGEST = 32 * 2**20  # bytes; glibc takes no more, and gives larger blocks back in any case


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed blocks, from now on, in this process; False where it does not know how (glibc
    does)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST)) and bool(mallopt(TRIM_THRESHOLD, 2**30))
