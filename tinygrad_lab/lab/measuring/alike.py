"""Both sides on the processor as it is.

OPENBLAS_CORETYPE holds NumPy's products to the instructions of an older processor, ATEN_CPU_CAPABILITY
and its like do so to PyTorch.  With both sides held, or none, times can be compared; with one, their
ratio is that of the settings.  Each library reads its settings once, while it is loaded.  So where
they hold one side only, a measuring command begins anew without them, and its report says so.
"""

import os
import sys
from collections.abc import Mapping

NUMPY = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NPY_DISABLE_CPU_FEATURES")
TORCH = ("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA")
SET_ASIDE = "TINYGRAD_LAB_SET_ASIDE"  # from the process before the measuring one to that one


def one_sided(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that hold one side's arithmetic, if none holds the other's."""
    held = [{n: environment[n] for n in names if n in environment} for names in (NUMPY, TORCH)]
    return {} if all(held) else held[0] | held[1]


def on_equal_terms() -> None:
    """Start this process anew without one-sided settings; return at once where there are none."""
    found = one_sided(os.environ)
    if not found:
        return
    others = {name: value for name, value in os.environ.items() if name not in found}
    others[SET_ASIDE] = ", ".join(f"{name}={value}" for name, value in found.items())
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], others)


def set_aside() -> str:
    """Return what this process was started anew without, for its report."""
    return os.environ.get(SET_ASIDE, "")
