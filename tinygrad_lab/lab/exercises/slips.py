"""Which slip an answer has: the one whose wrong gradient is the answer's, at every case where the answer is wrong.

An exercise has slips of its own, each with a sentence that teaches; those that can be made in any
come after them, then two of its own at once, and last a constant factor.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Answer, Exercise, defined
from tinygrad_lab.tensor import unbroadcast

CLOSE = {"float64": 1e-7, "float32": 1e-3}
Gradients = list[np.ndarray]
Seen = Sequence[tuple[Case, Gradients, str | None]]  # for each case the answer's gradients, or its fault
Right = Sequence[Gradients]  # for each case


def recognised(exercise: Exercise, k: int, seen: Seen) -> str | None:
    """Return the sentence for the slip in the k-th gradient, two for two slips; None where none leads to it."""
    right = [_listed(_backward(exercise.answer, case)) for case, _, _ in seen]
    for slip in exercise.slips:
        if _explains(exercise.wrong_answer(slip), right, k, seen):
            return slip.says
    return _common(exercise, right, k, seen) or _two(exercise, right, k, seen) or _factor(right, k, seen)


def _explains(wrong: Answer, right: Right, k: int, seen: Seen) -> bool:
    """Tell whether the k-th gradient that was seen is that of a wrong answer, at every case."""
    return _agree((_kth(wrong, case, k) for case, _, _ in seen), right, k, seen)


def _agree(made: Iterable[np.ndarray | None], right: Right, k: int, seen: Seen) -> bool:
    """Tell whether gradients are those that were seen, at every case, and wrong in at least one of them."""
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
        alike = (np.abs(one - other) <= close * scale) | (one == other)
        return bool(np.all(alike | (np.isnan(one) & np.isnan(other))))


def _kth(answer: Answer, case: Case, k: int) -> np.ndarray | None:
    """Return the k-th gradient by an answer; None where it raises, or returns fewer."""
    try:
        return _listed(_backward(answer, case))[k]
    except Exception:  # shapes that do not go together: a wrong answer raises there, too
        return None


def _backward(answer: Answer, case: Case) -> Any:
    with np.errstate(all="ignore"):
        y, backward = answer(**case.fresh())
        return backward(case.incoming(y))


def _listed(gradients: Any) -> Gradients:
    """List what a backward of ours returned; one gradient stands without a tuple."""
    return [np.asarray(each) for each in (gradients if isinstance(gradients, tuple) else (gradients,))]


def _two(exercise: Exercise, right: Right, k: int, seen: Seen) -> str | None:
    """Return the sentences for two slips at once, made in different places."""
    for one, other in itertools.combinations(exercise.slips, 2):
        source = exercise.with_slip(one)
        if source.count(other.right) == 1:
            wrong = defined(source.replace(other.right, other.wrong), exercise.name)
            if _explains(wrong, right, k, seen):
                return f"There are two slips. {one.says} {other.says}"
    return None


# ---- slips that can be made anywhere -------------------------------------------------------------


def _common(exercise: Exercise, right: Right, k: int, seen: Seen) -> str | None:
    made = [_anywhere(exercise, case, k) for case, _, _ in seen]
    return next((says for says in made[0] if _agree([each[says] for each in made], right, k, seen)), None)


def _anywhere(exercise: Exercise, case: Case, k: int) -> dict[str, np.ndarray]:
    """Return, by what is said of it, the k-th gradient of each slip that needs no exercise of its own."""
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


def _factor(right: Right, k: int, seen: Seen) -> str | None:
    """Recognise a gradient that was not summed over broadcast axes, or a constant factor."""
    pairs = [
        (gradients[k], exact[k]) for exact, (_, gradients, fault) in zip(right, seen, strict=True) if fault is None
    ]
    other = [(got, wanted) for got, wanted in pairs if got.shape != wanted.shape]
    if other and all(got.ndim > wanted.ndim and _unsummed(got, wanted) for got, wanted in other):
        return "You forgot to sum over the axes that broadcasting added: each copy sends a gradient."
    factors = [_ratio(got, wanted) for got, wanted in pairs]
    told = next((factor for factor in factors if factor is None or abs(factor - 1) > 1e-3), None)
    if told is None or None in factors:
        return None
    return f"It is {told:.4g} times what it must be, at every entry of that case: a constant factor is wrong."


def _ratio(got: np.ndarray, wanted: np.ndarray) -> float | None:
    """Return the number that one array is times the other; None where it is not."""
    if got.shape != wanted.shape:
        return None
    size = float((wanted * wanted).sum())
    factor = float((got * wanted).sum()) / size if size else 1.0
    return factor if _same(got, np.asarray(factor * wanted), CLOSE[got.dtype.name]) else None


def _unsummed(got: np.ndarray, wanted: np.ndarray) -> bool:
    try:
        return _same(unbroadcast(got, wanted.shape), wanted, CLOSE[got.dtype.name])
    except ValueError:
        return False
