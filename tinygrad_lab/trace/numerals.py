"""Numbers as a reader sees them, in LaTeX and in characters: four digits, small matrices in full."""

from __future__ import annotations

import math

import numpy as np

DIGITS = 4
SHOWN = 9  # elements of a tensor that still stand in a formula
RAISED = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")


def fits(array: np.ndarray) -> bool:
    """Tell whether a tensor's numbers can stand in a formula."""
    return 0 < array.size <= SHOWN and array.ndim <= 2


def latex(array: np.ndarray) -> str:
    """Write a number, a small matrix, or the shape of a larger tensor."""
    if array.size == 1:
        return latex_digits(float(array.reshape(())))
    if not fits(array):
        return r"\;".join(["[", r" \times ".join(map(str, array.shape)), "]"])
    body = r" \\ ".join(" & ".join(latex_digits(float(v)) for v in row) for row in np.atleast_2d(array))
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


def characters(array: np.ndarray) -> str:
    """Write the same in one line of characters: [1 2; 3 4]."""
    if array.size == 1:
        return digits(float(array.reshape(())))
    if not fits(array):
        return f"[{' × '.join(map(str, array.shape))}]"
    return "[" + "; ".join(" ".join(digits(float(v)) for v in row) for row in np.atleast_2d(array)) + "]"


def latex_digits(value: float, most: int = DIGITS) -> str:
    """Write a number's first significant digits in LaTeX."""
    if not math.isfinite(value):
        return r"\text{NaN}" if math.isnan(value) else r"\infty" if value > 0 else r"-\infty"
    mantissa, exponent = _parts(value, most)
    return mantissa if exponent is None else rf"{mantissa} \times 10^{{{exponent}}}"


def digits(value: float, most: int = DIGITS) -> str:
    """Write a number's first significant digits in characters."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    mantissa, exponent = _parts(value, most)
    return mantissa if exponent is None else f"{mantissa} × 10{str(exponent).translate(RAISED)}"


def _parts(value: float, most: int) -> tuple[str, int | None]:
    mantissa, _, exponent = f"{value + 0.0:.{most}g}".partition("e")  # no negative zero
    return mantissa, int(exponent) if exponent else None
