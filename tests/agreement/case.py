"""One sample of torch's, on both sides: what it computes, and how the two results are judged."""

import enum
import linecache
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import tinygrad_lab
from tests.numerics import relative_error, tolerance

ENGINE = str(Path(tinygrad_lab.__file__).parent)
OURS = ValueError, TypeError, IndexError, RuntimeError, KeyError  # what our own ``raise`` statements raise
GIVEN = re.compile(r"(, got| \(given|, not | but |; it takes ).*")  # where a message turns to the sample's own values
NUMBER = re.compile(r"\[[\d, ]*\]|\([\d, ]*\)|(?<!\w)-?\d[\d.e+-]*\b")


class Apart(Exception):  # noqa: N818  # it is not an error
    """What our dtypes cannot represent, so that there is nothing to compare."""


class InBackward(Exception):  # noqa: N818  # the error is its cause
    """The engine raised in a backward pass."""


class Verdict(enum.Enum):
    AGREE = "agree"
    REFUSED = "refused"  # by one clear line
    UNCLEAR = "refused unclearly"
    WRONG = "disagrees"
    CRASH = "crash in backward"
    APART = "not representable"


@dataclass
class Result:
    """What a call gave; ``gradients`` is None where torch has none."""

    outputs: list[np.ndarray]
    gradients: list[np.ndarray] | None = None
    changed: list[np.ndarray] = field(default_factory=list)  # the arguments afterwards

    def parts(self) -> Iterable[tuple[str, list[np.ndarray]]]:
        return ("output", self.outputs), ("gradient", self.gradients or []), ("argument afterwards", self.changed)


@dataclass
class Case:
    """A call that both sides can make."""

    name: str  # of the operation, as the table has it
    label: str  # of the sample
    theirs: Callable[[], Result]
    ours: Callable[[], Result]
    known_as: set[str]  # names one of which a refusal must have
    arguments: set[str]  # names of arguments, one of which it must have too
    size: int = 1  # elements that may be summed
    values: bool = True  # False: random, only shapes and dtypes count


@dataclass
class Judged:
    name: str
    label: str
    verdict: Verdict
    why: str = ""
    refused_by_torch: bool = False


def judge(case: Case) -> Judged:
    """Run both sides and say how they compare."""
    try:
        expected = case.theirs()
    except Apart as apart:
        return Judged(case.name, case.label, Verdict.APART, str(apart))
    except Exception as error:  # torch refuses: so must we
        return _where_torch_refuses(case, error)
    try:
        with np.errstate(all="ignore"):
            got = case.ours()
    except InBackward as crash:
        return Judged(case.name, case.label, Verdict.CRASH, repr(crash.__cause__))
    except Exception as error:
        return Judged(case.name, case.label, *_refusal(case, error))
    wrong = difference(got, expected, case.size, case.values)
    return Judged(case.name, case.label, Verdict.WRONG if wrong else Verdict.AGREE, wrong)


def _where_torch_refuses(case: Case, theirs: Exception) -> Judged:
    try:
        with np.errstate(all="ignore"):
            case.ours()
    except InBackward as crash:
        return Judged(case.name, case.label, Verdict.CRASH, repr(crash.__cause__), True)
    except Exception as ours:
        verdict, why = _refusal(case, ours)
        return Judged(case.name, case.label, Verdict.AGREE if verdict is Verdict.REFUSED else verdict, why, True)
    why = f"torch refuses: {str(theirs).splitlines()[0][:100] if str(theirs) else type(theirs).__name__}"
    return Judged(case.name, case.label, Verdict.WRONG, why, True)


def _refusal(case: Case, error: Exception) -> tuple[Verdict, str]:
    unclear = what_is_unclear(error, case.known_as, case.arguments)
    if unclear:
        return Verdict.UNCLEAR, f"{unclear}: {type(error).__name__}: {error}".splitlines()[0][:160]
    return Verdict.REFUSED, reason(str(error))


def what_is_unclear(error: Exception, known_as: set[str], arguments: set[str]) -> str:
    """Say why a refusal is not clear; empty if it is one line of ours that names operation and argument."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename if trace else ""
    line = linecache.getline(file, trace.tb_lineno if trace else 0).strip()
    if not isinstance(error, OURS) or not file.startswith(ENGINE) or not line.startswith("raise "):
        return "not raised by us"
    words = set(re.findall(r"\w+", str(error)))
    if "\n" in str(error):
        return "several lines"
    if not words & known_as:
        return "names no operation"
    return "" if words & arguments else "names no argument"


def reason(message: str) -> str:
    """Shorten a refusal to what many samples have in common."""
    return NUMBER.sub("…", GIVEN.sub("", message))[:90].strip()


def difference(got: Result, expected: Result, size: int, values: bool) -> str:
    """Say in what the two results differ; empty if they agree."""
    for (what, ours), (_, theirs) in zip(got.parts(), expected.parts(), strict=True):
        if what == "gradient" and expected.gradients is None:
            continue
        if len(ours) != len(theirs):
            return f"{len(ours)} {what}s for {len(theirs)}"
        for place, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            if wrong := _differs(
                mine, other, size, values, 0.0 if what == "output" and other.dtype == np.float64 else 1.0
            ):
                return f"{what} {place}: {wrong}"
    return ""


def _differs(ours: np.ndarray, theirs: np.ndarray, size: int, values: bool, scale: float) -> str:
    """Say in what two arrays differ.

    ``scale``: what came in was of this size, so that a gradient of 0, or a difference in float32, may be off by what
    rounds to 0 beside it.
    """
    if ours.dtype != theirs.dtype:
        return f"dtype {ours.dtype} for {theirs.dtype}"
    if ours.shape != theirs.shape:
        return f"shape {ours.shape} for {theirs.shape}"
    if not values or not theirs.size:
        return ""
    if theirs.dtype.kind != "f":
        return "" if np.array_equal(ours, theirs) else "values"
    try:
        error = relative_error(ours, theirs, scale)
    except AssertionError:
        return "NaN or infinity elsewhere"
    return "" if error <= tolerance(theirs.dtype, max(size, 1)) else f"values, by {error:.1e}"
