"""The judge is judged: two sides that differ in exactly one thing fail in that thing, and in nothing else."""

import itertools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.lab.made_paper import made_paper
from tinygrad_lab.lab import agreement, parity_report, registry
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.parity import Parity

STEPS = 3
SINGLE = 50 * 2.0**-23 * math.sqrt(30)  # the longest sum is the loss's, over 6 times 5 outputs
BOUNDS = {
    ("forward", "float64"): 1e-10, ("forward", "float32"): SINGLE,
    ("loss", "float64"): 1e-10, ("loss", "float32"): SINGLE,
    ("gradient", "float64"): 1e-9, ("gradient", "float32"): SINGLE,
    ("trajectory", "float64"): 1e-7, ("trajectory", "float32"): 20 * SINGLE,
    ("final weights", "float64"): 1e-7,
}  # fmt: skip
EXACT = [(kind, dtype) for kind in ("weights", "generation") for dtype in ("float32", "float64")]
KINDS = ("forward", "loss", "gradient", "trajectory", "final weights", "weights", "generation")
QUANTITY = {  # the quantity that is spoiled in each kind
    "forward": "first", "loss": "loss", "gradient": "second.weight", "trajectory": "losses",
    "final weights": "second.bias", "weights": "second.bias", "generation": "tokens",
}  # fmt: skip
PARAMETERS = {"first.weight", "first.bias", "second.weight", "second.bias"}
ROWS = {
    "forward": {"first", "drop", "second", "output", "output in evaluation mode"},
    "loss": {"loss"},
    "gradient": {*PARAMETERS, "input x"},
    "trajectory": {"losses", *PARAMETERS},
    "weights": PARAMETERS,
    "generation": {"tokens"},
}
Change = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def _paper(tmp_path: Path) -> Iterator[None]:
    with made_paper(tmp_path):
        yield


def parity(dtype: str = "float64") -> Parity:
    return Parity(registry.find("made"), "only", "tiny", dtype, 0, STEPS)


def failed(rows: list[Row]) -> set[tuple[str, str]]:
    return {(row.check, row.name) for row in rows if not row.passed}


def check_of(kind: str) -> str:
    return "trajectory" if kind == "final weights" else kind


# ---- one side is made to differ -------------------------------------------------------------------------------------
def spoil(judged: Parity, kind: str, name: str, change: Change) -> None:
    """Let one side (``"numpy"`` or ``"torch"``) give out something else of one kind."""
    side = getattr(judged, name)
    quantity = QUANTITY[kind]
    if kind in ("forward", "gradient"):
        method = {"forward": "outputs", "gradient": "gradients"}[kind]
        original = getattr(side, method)
        setattr(side, method, lambda *given: changed(original(*given), quantity, change))
    elif kind == "loss":
        loss = side.loss  # a number added to it changes no gradient
        side.loss = lambda *given: plus(loss(*given), change, side)
    elif kind == "trajectory":
        train = side.train
        side.train = lambda *given: iter(change(np.array(list(train(*given)))).tolist())
    elif kind == "final weights":
        train = side.train
        side.train = lambda model, *given: (*train(model, *given), *spoil_model(side, model, quantity, change))
    elif kind == "weights":
        build = side.build
        side.build = lambda config, seed, dtype: loading_wrongly(build(config, seed, dtype), seed, change)
    elif kind == "generation":
        search = side.search
        side.search = lambda *given: change(np.array(list(search(*given)))).tolist()


def changed(arrays: dict[str, np.ndarray], quantity: str, change: Change) -> dict[str, np.ndarray]:
    return {name: change(array) if name == quantity else array for name, array in arrays.items()}


def plus(loss: Any, change: Change, side: Any) -> Any:
    value = side.array(loss)
    return loss + float(change(value) - value)


def spoil_model(side: Any, model: Any, quantity: str, change: Change) -> Iterator[float]:
    """Change a parameter once training is over; no losses are added."""
    side.load(model, {quantity: change(side.state(model)[quantity])}, strict=False)
    yield from ()


def loading_wrongly(model: Any, seed: int, change: Change) -> Any:
    """A model that loads a file wrongly; those of the round trip are built from other seeds than 0."""
    load, quantity = model.load_state_dict, QUANTITY["weights"]

    def load_wrongly(state: dict[str, Any]) -> None:
        wrong = change(np.asarray(state[quantity]))
        load({**state, quantity: torch.from_numpy(wrong) if isinstance(model, torch.nn.Module) else wrong})

    if seed:
        object.__setattr__(model, "load_state_dict", load_wrongly)
    return model


def by(relative: float) -> Change:
    """Move the largest element by a part of itself."""

    def change(array: np.ndarray) -> np.ndarray:
        array = np.array(array)
        place = np.unravel_index(np.abs(array).argmax(), array.shape)
        array[place] *= 1 + relative
        return array

    return change


def first_becomes(value: float) -> Change:
    def change(array: np.ndarray) -> np.ndarray:
        array = np.array(array)
        array.flat[0] = value
        return array

    return change


def next_float(array: np.ndarray) -> np.ndarray:
    return np.nextafter(array, np.inf)


def another_token(tokens: np.ndarray) -> np.ndarray:
    return np.array([*tokens[:-1], (tokens[-1] + 1) % 5])


# ---- what must pass, and what must not ------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_equal_sides_agree_in_every_quantity(dtype: str) -> None:
    rows = list(parity(dtype).run())
    assert failed(rows) == set()
    expected = ROWS if dtype == "float64" else {**ROWS, "trajectory": {"losses"}}
    assert {check: {row.name for row in rows if row.check == check} for check in ROWS} == expected


@pytest.mark.parametrize(("kind", "dtype"), [*BOUNDS, *EXACT])
def test_the_bound_of_every_check_is_the_derived_one(kind: str, dtype: str) -> None:
    tolerances = {row.tolerance for row in parity(dtype).run() if row.check == check_of(kind)}
    assert len(tolerances) == 1
    assert tolerances.pop() == pytest.approx(BOUNDS.get((kind, dtype), 0.0), rel=1e-12)


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize(("kind", "dtype"), BOUNDS)
def test_just_above_the_bound_fails_and_well_below_it_passes(kind: str, dtype: str, side: str) -> None:
    """In float32 rounding is a tenth of the bound already."""
    for part, expected in ((1.2, {(check_of(kind), QUANTITY[kind])}), (0.5, set())):
        judged = parity(dtype)
        spoil(judged, kind, side, by(part * BOUNDS[kind, dtype]))
        assert failed(list(judged.run())) == expected


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize(("kind", "change"), [("weights", next_float), ("generation", another_token)])
def test_the_smallest_difference_of_what_must_be_exact_fails(kind: str, change: Change, side: str) -> None:
    judged = parity()
    spoil(judged, kind, side, change)
    assert failed(list(judged.run())) == {(kind, QUANTITY[kind])}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generation"])
def test_what_is_not_finite_fails_though_both_sides_have_it(kind: str, value: float) -> None:
    judged = parity()
    for side in ("numpy", "torch"):
        spoil(judged, kind, side, first_becomes(value))
    rows = list(judged.run())
    assert failed(rows) == {(check_of(kind), QUANTITY[kind])}
    assert all(math.isinf(row.max_rel) for row in rows if not row.passed)


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize("kind", ["forward", "gradient"])
@pytest.mark.parametrize(("change", "words"), [
    (lambda array: array[:1], r"numpy has shape \(.*\), torch \(.*\)"),
    (lambda array: array.astype(np.float32), "numpy has dtype float.., torch float.."),
], ids=["shape", "dtype"])  # fmt: skip
def test_another_shape_or_dtype_fails(kind: str, change: Change, words: str, side: str) -> None:
    judged = parity()
    if words.endswith("float.."):  # such that no value changes
        for both in ("numpy", "torch"):
            spoil(judged, kind, both, lambda array: np.round(array, 1).astype(np.float32).astype(np.float64))
    spoil(judged, kind, side, change)
    rows = list(judged.run())
    assert failed(rows) == {(kind, QUANTITY[kind])}
    assert [row for row in rows if not row.passed and not re.search(words, row.worst)] == []


@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize("kind", ["forward", "gradient", "final weights"])
def test_a_quantity_that_only_one_side_has_fails(kind: str, side: str) -> None:
    judged = parity()
    there = getattr(judged, side)
    method = {"forward": "outputs", "gradient": "gradients", "final weights": "state"}[kind]
    original, trained = getattr(there, method), []
    train = there.train
    there.train = lambda *given: (trained.append(1), train(*given))[1]

    def without(*given: Any) -> dict[str, np.ndarray]:
        arrays = dict(original(*given))
        if kind != "final weights" or trained:
            arrays.pop(QUANTITY[kind], None)
            trained.clear()
        return arrays

    setattr(there, method, without)
    rows = list(judged.run())
    assert failed(rows) == {(check_of(kind), QUANTITY[kind])}
    other = {"numpy": "torch", "torch": "numpy"}[side]
    assert [row.worst for row in rows if not row.passed] == [f"only {other} has it"]


@pytest.mark.parametrize("kind", ["trajectory", "generation"])
def test_nothing_on_both_sides_fails(kind: str) -> None:
    judged = parity()
    for side in ("numpy", "torch"):
        spoil(judged, kind, side, lambda array: array[:0])
    if kind == "trajectory":
        with pytest.raises(RuntimeError, match=r"numpy side: train\(\) gave 0 losses for 3 batches"):
            list(judged.run())
    else:
        assert failed(list(judged.run())) == {("generation", "tokens")}


def silent(judged: Parity, prompts: int) -> None:
    """Let both sides write nothing after so many prompts, then one token."""
    for side in (judged.numpy, judged.torch):
        answers = iter([[]] * prompts + [[3]])
        side.search = lambda *_, answers=answers: next(answers)


@pytest.mark.parametrize(("prompts", "expected"), [(9, set()), (10, {("generation", "tokens")})])
def test_ten_prompts_are_tried_until_a_side_writes(prompts: int, expected: set[tuple[str, str]]) -> None:
    judged = parity()
    silent(judged, prompts)
    assert failed(list(judged.run())) == expected


def test_one_side_that_writes_where_the_other_is_silent_fails_at_once() -> None:
    for side in ("numpy", "torch"):
        judged = parity()
        silent(judged, 0)
        spoil(judged, "generation", side, lambda tokens: tokens[:0])
        assert failed(list(judged.run())) == {("generation", "tokens")}


def test_the_seconds_of_the_rows_of_a_check_are_those_of_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a clock that goes on by one whenever somebody looks at it."""
    clock = SimpleNamespace(perf_counter=itertools.count(5.0).__next__)
    monkeypatch.setattr("tinygrad_lab.lab.parity.time", clock)
    rows = list(parity().run())
    for check in ROWS:
        assert sum(row.seconds for row in rows if row.check == check) == pytest.approx(1)


@pytest.mark.parametrize("check", parity_report.CHECKS)
def test_a_kind_of_check_without_rows_is_a_failed_row(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Parity.run
    monkeypatch.setattr(Parity, "run", lambda self: (row for row in run(self) if row.check != check))
    rows = parity_report.run(parity_report.jobs(["made"], None, "float64", "tiny"), "tiny", STEPS, 0)
    assert failed(rows) == {(check, "anything")}
    assert [row.worst for row in rows if not row.passed] == ["neither side has anything to compare"]


@pytest.mark.parametrize("part", ["one_pass", "trajectory"])
@pytest.mark.parametrize("extra", ["numpy", "torch"])
def test_noise_that_only_one_side_draws_stops_the_comparison(extra: str, part: str) -> None:
    judged = parity()
    side, draws = getattr(judged, extra), "loss" if part == "one_pass" else "train"
    original = getattr(side, draws)

    def drawing(*given: Any) -> Any:
        made = original(*given)
        made = iter(list(made)) if part == "trajectory" else made
        draw_once_more(side)  # after all others, so that it is left over and not mistaken for one of them
        return made

    setattr(side, draws, drawing)
    with pytest.raises(RuntimeError, match="shared noise"):
        list(judged.run())


def draw_once_more(side: Any) -> None:
    from tinygrad_lab.random import bernoulli

    if hasattr(side, "torch"):
        side.torch.empty(7).bernoulli_(0.5)
    else:
        bernoulli(side.generator, (7,), 0.5, np.dtype(bool))


def test_the_largest_float_stands_for_an_infinity_in_json() -> None:
    row = parity_report.failed(registry.find("made"), "only", "float64", "tiny", "loss", "loss", "because")
    assert row.as_json()["max_rel"] == np.finfo(np.float64).max
    assert agreement.digits(math.inf) == 0


def test_gradients_at_larger_sizes_are_those_at_the_imposed_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imposed here is twice the output: the gradients differ, nothing else does."""

    @contextmanager
    def twice(model: torch.nn.Module, _: object) -> Iterator[None]:
        with model.register_forward_hook(lambda _module, _arguments, output: 2 * output):
            yield

    larger = Parity(registry.find("made"), "only", "small", "float32", 0, 1)
    weights = larger.numpy.state(larger.numpy.build(larger.config, 0, "float32"))
    assert failed(list(larger.one_pass(weights))) == set()
    monkeypatch.setattr("tinygrad_lab.lab.parity.imposed", twice)
    assert {check for check, _ in failed(list(larger.one_pass(weights)))} == {"gradient"}
