"""How far two implementations agree: the measure, the tolerances and the row of a report.

The error of an array is max|a - b| / max(max|b|, s), with b the PyTorch side.  The floor s keeps quantities that are
zero in exact arithmetic (the gradient of a key's bias, say) from being judged by their rounding noise: it is 1e-3 of
the largest entry of the kind in the whole model, of any module's output or of any gradient.
"""

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

TRAJECTORY_STEPS = 20  # the longest trajectory that is judged by the bounds below
EXACT_DIGITS = 17.0  # what is reported for bitwise equal: the decimals that identify any float64
STOPPED = "stopped"  # the name in the row of a job that an error stopped


def trajectory_steps(size: str) -> int:
    """How many optimiser steps are compared unless asked for: a larger model's step takes long and shows the same."""
    return TRAJECTORY_STEPS if size == "tiny" else 2


@dataclass(frozen=True)
class Row:
    """One comparison of one named quantity."""

    paper: str
    variant: str
    check: str  # forward | loss | gradient | trajectory | weights | generation
    dtype: str
    size: str
    name: str  # the quantity: a module's output, a parameter, "loss"
    max_abs: float
    max_rel: float
    digits: float
    tolerance: float
    passed: bool
    seconds: float
    worst: str = ""  # on failure: index of the worst element and both values

    def as_json(self) -> dict[str, Any]:
        """The public schema: without the explanation of a failure; JSON has no infinity, so the largest float."""
        row = {key: value for key, value in asdict(self).items() if key != "worst"}
        return {k: min(v, sys.float_info.max) if isinstance(v, float) else v for k, v in row.items()}


def compare(ours: np.ndarray, theirs: np.ndarray, floor: float = 0.0) -> tuple[float, float, str]:
    """Measure the largest absolute error, the relative one after the measure above, and say where the worst element is.

    Another shape or dtype, an array without elements, and a NaN or an infinity, be it on both sides, count as an
    infinite error: nothing can be said to agree then.
    """
    if ours.shape != theirs.shape:
        return math.inf, math.inf, f"numpy has shape {ours.shape}, torch {theirs.shape}"
    if ours.dtype != theirs.dtype:
        return math.inf, math.inf, f"numpy has dtype {ours.dtype}, torch {theirs.dtype}"
    if ours.size == 0:
        return math.inf, math.inf, "both sides are empty"
    finite = np.isfinite(ours) & np.isfinite(theirs)
    if np.array_equal(ours, theirs) and finite.all():
        return 0.0, 0.0, ""
    with np.errstate(invalid="ignore"):
        error = np.asarray(np.abs(ours.astype(np.float64) - theirs))  # of a 0-d array too, a scalar cannot be set
    error[~finite] = math.inf
    index = np.unravel_index(int(error.argmax()), error.shape)
    worst = float(error[index])
    place = ", ".join(str(int(i)) for i in index)
    where = f"worst element [{place}]: numpy {float(ours[index]):.9g}, torch {float(theirs[index]):.9g}"
    size = max(_largest(theirs), floor)
    return worst, worst / size if size else math.inf, where


def floor(arrays: dict[str, np.ndarray]) -> float:
    """Return 1e-3 of the largest finite entry: what an error is compared with at least."""
    return 1e-3 * max(map(_largest, arrays.values()), default=0.0)


def _largest(array: np.ndarray) -> float:
    """The largest finite absolute value: beside an infinity every error would be small."""
    return float(np.abs(array).max(where=np.isfinite(array), initial=0))


def digits(relative: float) -> float:
    """Agreeing decimal digits."""
    return EXACT_DIGITS if relative == 0 else max(0.0, min(EXACT_DIGITS, -math.log10(relative)))


def tolerance(check: str, dtype: str, reduction: int) -> float:
    """The largest relative error that rounding explains.

    float64: 1e-10 forward, 1e-9 gradients, 1e-7 after 20 optimiser steps.  float32: a sum of n rounded terms is off by
    about sqrt(n) eps; 50 of those for the depth of a network, and as much again for each step of a trajectory.
    ``weights`` is a round trip through a file, ``generation`` is whole numbers: bit for bit.
    """
    if check in ("weights", "generation"):
        return 0.0
    if dtype == "float64":
        return {"forward": 1e-10, "loss": 1e-10, "gradient": 1e-9, "trajectory": 1e-7}[check]
    single = 50 * float(np.finfo(np.float32).eps) * math.sqrt(reduction)
    return single * TRAJECTORY_STEPS if check == "trajectory" else single


def longest_reduction(outputs: dict[str, np.ndarray], parameters: dict[str, np.ndarray]) -> int:
    """Length of the longest sum in a forward and backward pass.

    A forward product sums over a unit's inputs (a parameter's size per row); a weight's gradient sums over every place
    the weight is used (the elements of an output per channel); the loss sums the network's whole output.
    """
    inputs = [p.size // p.shape[0] for p in parameters.values() if p.ndim > 1]
    places = [a.size // a.shape[1 if a.ndim == 4 else -1] for a in outputs.values() if a.ndim]
    outcomes = [a.size for name, a in outputs.items() if name.split("[")[0] == "output"]
    return int(max([1, *inputs, *places, *outcomes]))
