"""Which slip an answer has: the one whose wrong gradient is the answer's, at every case where the answer is wrong.

An exercise has slips of its own, each with a sentence that teaches; those that can be made in any come after them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Answer, Exercise
from tinygrad_lab.tensor import unbroadcast

CLOSE = {"float64": 1e-7, "float32": 1e-3}
Seen = Sequence[tuple[Case, list[np.ndarray], str | None]]  # for each case the answer's gradients, or its fault


def recognised(exercise: Exercise, k: int, seen: Seen) -> str | None:
    """The sentence for the slip in the k-th gradient; None where no slip leads to it."""
    right: list[Any] = [gradients_of(exercise.answer, case) for case, _, _ in seen]
    for slip in exercise.slips:
        wrong = exercise.wrong_answer(slip)
        if _explains([_kth(gradients_of(wrong, case), k) for case, _, _ in seen], right, k, seen):
            return slip.says
    common = [_anywhere(exercise, case, k) for case, _, _ in seen]
    for says in common[0]:
        if _explains([made[says] for made in common], right, k, seen):
            return says
    return _factor(right, k, seen)


def gradients_of(answer: Answer, case: Case) -> list[np.ndarray] | None:
    """The gradients by an answer; None where it raises."""
    try:
        with np.errstate(all="ignore"):
            y, backward = answer(**case.fresh())
            gradients = backward(case.incoming(y))
    except Exception:  # shapes that do not go together: a wrong answer raises there, too
        return None
    return _listed(gradients)


def _listed(gradients: Any) -> list[np.ndarray]:
    """What a backward of ours returned; one gradient stands without a tuple."""
    return [np.asarray(each) for each in (gradients if isinstance(gradients, tuple) else (gradients,))]


def _explains(made: Sequence[np.ndarray | None], right: Sequence[Any], k: int, seen: Seen) -> bool:
    """Whether a slip's gradients are the answer's at every case, and wrong in at least one of them."""
    telling = False
    for wrong, exact, (_, gradients, fault) in zip(made, right, seen, strict=True):
        if fault is not None or wrong is None:
            continue  # one of them raises: nothing to compare
        close = CLOSE[gradients[k].dtype.name]
        if not _same(wrong, gradients[k], close):
            return False
        telling = telling or not _same(wrong, exact[k], close)
    return telling


def _same(one: np.ndarray, other: np.ndarray, close: float) -> bool:
    if one.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        scale = max(float(np.abs(np.nan_to_num(other)).max(initial=0.0)), 1e-3)
        return bool(np.all((np.abs(one - other) <= close * scale) | (np.isnan(one) & np.isnan(other)) | (one == other)))


def _kth(gradients: list[np.ndarray] | None, k: int) -> np.ndarray | None:
    return None if gradients is None or k >= len(gradients) else gradients[k]


# ---- slips that can be made anywhere -------------------------------------------------------------


def _anywhere(exercise: Exercise, case: Case, k: int) -> dict[str, np.ndarray]:
    """By what is said of it, the k-th gradient of each slip that needs no exercise of its own."""
    name, own, order = exercise.gradients[k], exercise.inputs[k], ", ".join(exercise.gradients)
    y, backward = exercise.answer(**case.fresh())
    dy = case.incoming(y)
    right, local = _listed(backward(dy)), _listed(backward(np.ones_like(y)))
    swapped = {
        f"You returned the gradient of {other} in the place of {name}: the order is {order}.": right[j]
        for j, other in enumerate(exercise.inputs)
        if j != k
    }
    made = {
        f"{name} has the wrong sign, everywhere.": -right[k],
        f"You returned what comes in: multiply dy by the local derivative of y by {own}.": dy,
        "You returned the local derivative alone: multiply it by what comes in, dy.": local[k],
        f"You returned zeros: {own} has an influence on y.": np.zeros_like(right[k]),
        f"You have {name} transposed: it has the shape of {own}.": right[k].T,
        **swapped,
    }
    return {says: np.asarray(gradient) for says, gradient in made.items()}


def _factor(right: Sequence[Any], k: int, seen: Seen) -> str | None:
    """A constant factor in each case, or a gradient that was not summed over broadcast axes."""
    factors = []
    for exact, (_, gradients, fault) in zip(right, seen, strict=True):
        if fault is None:
            got, wanted = gradients[k], exact[k]
            if got.ndim > wanted.ndim and _unsummed(got, wanted):
                return "You forgot to sum over the axes that broadcasting added: each copy sends a gradient."
            if got.shape != wanted.shape:
                return None
            size = float((wanted * wanted).sum())
            factor = float((got * wanted).sum()) / size if size else 1.0
            if not _same(got, factor * wanted, CLOSE[got.dtype.name]):
                return None
            if size:
                factors.append(factor)
    told = next((factor for factor in factors if abs(factor - 1) > 1e-3), None)
    if told is None:
        return None
    return f"It is {told:.4g} times what it must be, at every entry of that case: a constant factor is wrong."


def _unsummed(got: np.ndarray, wanted: np.ndarray) -> bool:
    try:
        return _same(unbroadcast(got, wanted.shape), wanted, CLOSE[got.dtype.name])
    except ValueError:
        return False
