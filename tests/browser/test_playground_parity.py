"""The third side of parity: the playground's evaluator in the browser against the engine, in float64.

Every value, incoming gradient, contribution and sum of contributions of every step is compared.  An error is measured
against the largest number of the array that it is in, at least 1: the random expressions are of that size.
"""

import base64
import json
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Look
from tests.browser.expressions import Made, made
from tinygrad_lab.lab.playground import page as pages
from tinygrad_lab.lab.stepping.expression import trace_expression
from tinygrad_lab.lab.stepping.functions import FUNCTIONS
from tinygrad_lab.lab.stepping.values import assignments
from tinygrad_lab.trace import Backward, Forward, Trace

EXPRESSIONS = made(600)
FEW = EXPRESSIONS[:250]  # enough to catch a slip
TOLERANCE = 1e-12

IN_BROWSER = """
(all) => JSON.stringify(all.map(([text, words]) => {
  const of = ({ shape, data }) => ({ shape, bytes: btoa(String.fromCharCode(...new Uint8Array(data.slice().buffer))) });
  const { steps, backwards } = evaluate(text, words);
  return [
    ...steps.map((step) => ["forward", step.called.name, step.source, of(step.output.array)]),
    ...backwards.map(({ step, incoming, contributions }) => ["backward", step.called.name, of(incoming),
      contributions.map((given) => [given.parameter, of(given.gradient), of(given.accumulated)])]),
  ];
}))
"""  # arrays travel as their bytes


def in_engine(found: Trace) -> list[Any]:
    return [forward(step) if isinstance(step, Forward) else backward(step) for step in found]


def forward(step: Forward) -> list[Any]:
    return ["forward", step.operation.name, step.source, step.outputs[0].array]


def backward(step: Backward) -> list[Any]:
    given = [[each.parameter, each.gradient, each.accumulated] for each in step.contributions]
    return ["backward", step.operation.name, step.incoming[0], given]


@cache
def engine() -> list[list[Any]]:
    return [in_engine(trace_expression(each.text, assignments(each.words))) for each in EXPRESSIONS]


def browser(page: Page, expressions: list[Made]) -> list[list[Any]]:
    found: list[list[Any]] = json.loads(page.evaluate(IN_BROWSER, [[each.text, each.words] for each in expressions]))
    return found


# ---- comparing ------------------------------------------------------------------------------------------------------


def flat(step: list[Any]) -> tuple[list[Any], list[np.ndarray]]:
    """The names of a step, and its arrays."""
    names: list[Any] = []
    arrays: list[np.ndarray] = []

    def sort(part: Any) -> None:
        if isinstance(part, np.ndarray):
            arrays.append(part)
        elif isinstance(part, dict):
            arrays.append(np.frombuffer(base64.b64decode(part["bytes"])).reshape(part["shape"]))
        elif isinstance(part, list):
            for each in part:
                sort(each)
        else:
            names.append(part)

    sort(step)
    return names, arrays


def difference(ours: list[Any], theirs: list[Any]) -> float:
    """The worst error of an expression; infinite where steps, shapes or what is not finite differ."""
    pairs = [(flat(one), flat(other)) for one, other in zip(ours, theirs, strict=False)]
    if len(ours) != len(theirs) or any(one[0] != other[0] for one, other in pairs):
        return np.inf
    arrays = [each for one, other in pairs for each in zip(one[1], other[1], strict=True)]
    return max(error(one, other) for one, other in arrays)


def error(one: np.ndarray, other: np.ndarray) -> float:
    finite = np.isfinite(one)
    if one.shape != other.shape or not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return np.inf
    with np.errstate(invalid="ignore"):
        distance = np.nan_to_num(np.abs(one[finite] - other[finite]), nan=np.inf).max(initial=0)
    return float(distance / max(1, np.abs(one[finite]).max(initial=0)))


def differences(page: Page, expressions: list[Made]) -> list[tuple[float, Made]]:
    found = zip(engine(), browser(page, expressions), expressions, strict=False)
    return [(difference(ours, theirs), each) for ours, theirs, each in found]


# ---- tests ----------------------------------------------------------------------------------------------------------


def test_the_browser_and_the_engine_agree(look: Look) -> None:
    worst, where = max(differences(look(pages.render()).page, EXPRESSIONS), key=lambda found: found[0])
    assert worst <= TOLERANCE, where


def test_the_expressions_have_everything() -> None:
    """Every function and operator, backwards too; several dimensions; values used more than once."""
    steps = [step for found in engine() for step in found]
    for phase in ("forward", "backward"):
        names = {step[1] for step in steps if step[0] == phase}
        assert names >= {*FUNCTIONS} - {"max", "min"} | {
            "amax",
            "amin",
            "add",
            "subtract",
            "multiply",
            "divide",
            "power",
        }
        assert names >= {"negative", "transpose"}
    texts = "\n".join(each.text for each in EXPRESSIONS)
    for setting in {name for function in FUNCTIONS.values() for name in function.settings} - {"p"}:
        assert re.search(rf"\b{setting}=", texts), setting
    assert any(step[0] == "forward" and step[3].ndim == 3 for step in steps)
    assert len(EXPRESSIONS) >= 600


SLIPS = {
    "a sign": ("(dz) => -dz,", "(dz) => dz,"),
    "sigmoid's rule": ("=> y * (1 - y) * dy", "=> y * (1 + y) * dy"),
    "tanh's square": ("(1 - y * y) * dy", "(1 - y) * dy"),
    "the quotient's denominator": ("(-dz * z) / y", "-dz * z"),
    "a tie": ("sign * x < sign * y ? 0 : dz * (x === y ? 0.5 : 1)", "sign * x < sign * y ? 0 : dz"),
    "equal extremes": ("is ? share.data[places[k]] : 0", "is ? reshaped(dy, kept).data[places[k]] : 0"),
    "a factor that is not transposed": ("product(dz, swapped(b))", "product(dz, reshaped(b, swapped(b).shape))"),
    "the sum over copies": ("total.data[places[place]] += value", "total.data[places[place]] = value"),
    "the sum of uses": ("before ? add(before, gradient) : gradient", "gradient"),
    "the softmax's own sum": ("(d, all) => d - all", "(d) => d"),
    "the mean's count": ("(reshaped(dy, kept), (d) => d / count)", "(reshaped(dy, kept), (d) => d)"),
    "the bias of a layer": ("summed(dy, [1, made])", "array([1, made], dy.data.slice(0, made))"),
    "relu at 0": ("y <= 0 ? 0 : dy", "y < 0 ? 0 : dy"),
    "0 raised to a power": ("x === 0 && y >= 0 ? 1 : x", "x"),
    "the erf's series": ("k += 2) {", "k += 2) { if (k > 9) break;"),
    "the norm at 0": ("length === 0 ? 0 : value / length", "value / length"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_the_browser_is_caught(look: Look, slip: str) -> None:
    before, after = SLIPS[slip]
    html = pages.render()
    assert html.count(before) == 1
    worst, _ = max(differences(look(html.replace(before, after)).page, FEW), key=lambda found: found[0])
    assert worst > 100 * TOLERANCE
