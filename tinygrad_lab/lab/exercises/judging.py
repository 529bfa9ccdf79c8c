"""Whether an answer is right; if not, where it is wrong, and by which slip."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case, cases_of
from tinygrad_lab.lab.exercises.exercise import Exercise
from tinygrad_lab.lab.exercises.slips import recognised
from tinygrad_lab.lab.exercises.witnesses import EXACT, Witness, witnesses


@dataclass(frozen=True)
class Verdict:
    """What to say of an answer; where one gradient is wrong also which, where, and what it is and must be."""

    solved: bool
    says: tuple[str, ...]
    gradient: str | None = None
    case: str | None = None
    entry: tuple[int, ...] | None = None
    got: float | None = None
    expected: float | None = None


@dataclass(frozen=True)
class Tried:
    """One case: what the answer gave there, or its fault, and what the witnesses say."""

    case: Case
    y: np.ndarray
    gradients: list[np.ndarray]
    fault: str | None
    witnesses: list[Witness]

    def is_wrong(self, k: int) -> bool:
        """Tell whether the k-th gradient is not what the witnesses say."""
        return any(not near(self.gradients[k], w.gradients[k], self.scale(w), w.tolerance) for w in self.witnesses)

    @staticmethod
    def scale(witness: Witness) -> float:
        """Return the size of the case's gradients, by which errors are measured."""
        return max([float(np.abs(g).max(initial=0.0)) for g in witness.gradients] + [1e-3])


def judge(exercise: Exercise, outcome: dict[str, Any]) -> Verdict:
    """Return the verdict on what a file did."""
    if "fault" in outcome:
        return Verdict(False, (str(outcome["fault"]),))
    cases = cases_of(exercise.cases)
    try:
        runs = [read(run, len(exercise.inputs)) for _, run in zip(cases, outcome["runs"], strict=True)]
    except (KeyError, TypeError, ValueError):
        return Verdict(False, ("what the file's process left behind is no outcome of a check.",))
    tries = [trial_of(exercise, case, run) for case, run in zip(cases, runs, strict=True)]
    if all(tried.fault for tried in tries):
        return Verdict(False, (str(tries[0].fault),))
    return _forward(exercise, tries) or _gradients(exercise, tries) or _faults(tries) or _solved(tries)


def read(run: dict[str, Any], count: int) -> list[np.ndarray] | str:
    """Read one run as the process wrote it down: y and the gradients, or a fault.

    Raises:
        KeyError, TypeError, ValueError: it is none, for the file has written it.
    """
    if "fault" in run:
        return str(run["fault"])
    arrays = [np.array(item["values"], item["dtype"]).reshape(item["shape"]) for item in (run["y"], *run["gradients"])]
    if len(arrays) != 1 + count or any(array.dtype.name not in EXACT for array in arrays):
        raise ValueError("another number of gradients, or other kinds")
    return arrays


def trial_of(exercise: Exercise, case: Case, run: list[np.ndarray] | str) -> Tried:
    """Put one run together with what belongs to its case."""
    if isinstance(run, str):
        return Tried(case, np.zeros(0), [], run, [])
    return Tried(case, run[0], run[1:], None, list(witnesses(exercise, case)))


def near(got: np.ndarray, expected: np.ndarray, scale: float, tolerance: float) -> bool:
    """Tell whether two arrays have one shape, and entries that differ by little."""
    if got.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(got - expected) <= tolerance * scale))


# ---- what can be wrong ---------------------------------------------------------------------------


def _forward(exercise: Exercise, tries: Sequence[Tried]) -> Verdict | None:
    """Find a case in which the forward, which was given, has been changed."""
    for tried in tries:
        if tried.fault is None:
            y, _ = exercise.answer(**tried.case.fresh())
            scale = max(1.0, float(np.abs(y).max(initial=0.0)))
            if not near(tried.y, np.asarray(y), scale, EXACT[str(y.dtype)]):
                says = f"the forward gives another y than it did (case: {tried.case.label}): leave it as it was."
                return Verdict(False, (says,), case=tried.case.label)
    return None


def _gradients(exercise: Exercise, tries: Sequence[Tried]) -> Verdict | None:
    """Find the first gradient that is wrong, at the first case in which it is, and the slip that leads there."""
    for tried in tries:
        wrong = [k for k in range(len(tried.gradients)) if tried.is_wrong(k)]
        if wrong:
            verdict = _wrong(exercise, tried, wrong)
            slip = recognised(exercise, wrong[0], [(t.case, t.gradients, t.fault) for t in tries])
            return dataclasses.replace(verdict, says=(*verdict.says, slip)) if slip else _unnamed(verdict, tries)
    return _types(exercise, tries)


def _unnamed(verdict: Verdict, tries: Sequence[Tried]) -> Verdict:
    """Say of a mistake that no slip explains what was raised, or in how many cases it is right."""
    faults = _faults(tries)
    if faults:
        return faults
    right = sum(not any(map(tried.is_wrong, range(len(tried.gradients)))) for tried in tries)
    more = (f"It is right in {right} of {len(tries)} cases.",) if right else ()
    return dataclasses.replace(verdict, says=(*verdict.says, *more))


def _wrong(exercise: Exercise, tried: Tried, wrong: Sequence[int]) -> Verdict:
    """Say where one gradient is wrong and by how much, and which of the others are."""
    k = wrong[0]
    name, got, expected = exercise.gradients[k], tried.gradients[k], tried.witnesses[0].gradients[k]
    others = f" ({' and '.join(exercise.gradients[j] for j in wrong[1:])} wrong there too)" if wrong[1:] else ""
    label = tried.case.label
    if got.shape != expected.shape:
        says = f"{name} has the shape {got.shape}, it must be {expected.shape} (case: {label}){others}."
        return Verdict(False, (says,), name, label)
    worst = [w for w in tried.witnesses if not near(got, w.gradients[k], Tried.scale(w), w.tolerance)]
    with np.errstate(all="ignore"):
        distance = np.nan_to_num(np.abs(got - worst[0].gradients[k]), nan=np.inf)
    entry = tuple(int(i) for i in np.unravel_index(int(np.argmax(distance)), got.shape))
    where = f"{name}[{', '.join(map(str, entry))}]" if entry else name
    says = f"{where} is {_number(got[entry])}, it must be {_said(tried, k, entry)} (case: {label}){others}."
    return Verdict(False, (says,), name, label, entry, float(got[entry]), float(expected[entry]))


def _said(tried: Tried, k: int, entry: tuple[int, ...]) -> str:
    """Say what an entry must be, and who says so; with each witness's number where they differ."""
    engine, *others = ((witness.name, _number(witness.gradients[k][entry])) for witness in tried.witnesses)
    asked = others or [engine]
    if all(number == engine[1] for _, number in others):
        return f"{engine[1]}, {'say' if others[1:] else 'says'} {' and '.join(name for name, _ in asked)}"
    return f"{engine[1]} ({', '.join(f'{name} {number}' for name, number in others)})"


def _types(exercise: Exercise, tries: Sequence[Tried]) -> Verdict | None:
    """Find gradients of the right numbers and another dtype than their input's."""
    for tried in tries:
        for name, gradient, got in zip(exercise.inputs, exercise.gradients, tried.gradients, strict=False):
            dtype = tried.case.arguments[name].dtype
            if got.dtype != dtype:
                says = f"{gradient} is {got.dtype} where {name} is {dtype}: a gradient has its input's dtype."
                return Verdict(False, (says,), gradient, tried.case.label)
    return None


def _faults(tries: Sequence[Tried]) -> Verdict | None:
    """Find what went wrong at some cases only."""
    for tried in tries:
        if tried.fault:
            return Verdict(False, (f"{tried.fault.rstrip('.')} (case: {tried.case.label}).",), case=tried.case.label)
    return None


def _solved(tries: Sequence[Tried]) -> Verdict:
    """Say of a right answer how closely each witness agrees."""
    digits: dict[str, float] = {}
    for tried in tries:
        for witness in tried.witnesses:
            if tried.case.smooth:
                error = max(
                    float(np.abs(a - b).max(initial=0.0)) / Tried.scale(witness)
                    for a, b in zip(tried.gradients, witness.gradients, strict=True)
                )
                digits[witness.name] = min(digits.get(witness.name, 16.0), -np.log10(max(error, 1e-16)))
    agree = ", ".join(f"{int(count)} with {name}" for name, count in digits.items())
    return Verdict(True, (f"solved, in all {len(tries)} cases. Agreeing digits: {agree}.",))


def _number(value: Any) -> str:
    return f"{float(value) + 0.0:.6g}"  # which makes -0 a 0
