"""The measure of agreement and its tolerances."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.lab import agreement


def test_error_is_relative_to_the_largest_entry_of_the_torch_side() -> None:
    ours, theirs = np.array([1.0, 10.5]), np.array([1.0, 10.0])
    worst, relative, where = agreement.compare(ours, theirs)
    assert (worst, relative) == (0.5, 0.05)
    assert where == "worst element [1]: numpy 10.5, torch 10"


def test_floor_keeps_rounding_noise_of_a_zero_from_counting() -> None:
    noise, zero = np.array([1e-17]), np.array([-1e-17])
    assert agreement.compare(noise, zero)[1] == 2.0
    assert agreement.compare(noise, zero, floor=1.0)[1] == 2e-17


def test_floor_is_a_thousandth_of_the_largest_entry_anywhere() -> None:
    assert agreement.floor({"a": np.array([-200.0, 1.0]), "b": np.array([3.0]), "c": np.zeros(0)}) == 0.2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_on_one_side_is_an_infinite_error(bad: float) -> None:
    assert agreement.compare(np.array([1.0, bad]), np.array([1.0, 2.0]))[0] == math.inf
    assert agreement.compare(np.array([1.0, 2.0]), np.array([1.0, bad]))[0] == math.inf


def test_shapes_that_differ_are_an_infinite_error() -> None:
    worst, _, where = agreement.compare(np.zeros((2, 3)), np.zeros((3, 2)))
    assert worst == math.inf
    assert where == "numpy has shape (2, 3), torch (3, 2)"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_non_finite_on_both_sides_is_an_infinite_error_too(bad: float) -> None:
    both = np.array([1.0, bad])
    worst, relative, where = agreement.compare(both, both.copy(), floor=1.0)
    assert (worst, relative) == (math.inf, math.inf)
    assert where == f"worst element [1]: numpy {bad}, torch {bad}"


def test_floor_does_not_count_what_is_not_finite() -> None:
    """Beside an infinite floor every error is zero."""
    assert agreement.floor({"a": np.array([math.inf, -5.0]), "b": np.array([math.nan, 2.0])}) == 5e-3
    assert agreement.floor({}) == 0.0
    assert agreement.compare(np.array([math.nan, 1.0]), np.array([math.nan, 2.0]))[1] == math.inf


def test_another_dtype_is_an_infinite_error() -> None:
    equal = np.array([1.0, 2.0])
    worst, _, where = agreement.compare(equal, equal.astype(np.float32))
    assert worst == math.inf
    assert where == "numpy has dtype float64, torch float32"


def test_nothing_is_no_agreement() -> None:
    assert agreement.compare(np.zeros((0, 3)), np.zeros((0, 3))) == (math.inf, math.inf, "both sides are empty")


@given(st.floats(1e-16, 1.0))
def test_digits_are_minus_the_logarithm(relative: float) -> None:
    assert agreement.digits(relative) == pytest.approx(-math.log10(relative), abs=1e-9)


def test_digits_are_bounded() -> None:
    assert agreement.digits(0.0) == agreement.EXACT_DIGITS
    assert agreement.digits(math.inf) == 0.0


def test_tolerances_follow_the_longest_reduction() -> None:
    assert agreement.tolerance("gradient", "float64", 10**6) == 1e-9
    single = agreement.tolerance("forward", "float32", 100)
    assert single == pytest.approx(50 * 2**-23 * 10)
    assert agreement.tolerance("forward", "float32", 400) == pytest.approx(2 * single)
    assert agreement.tolerance("weights", "float32", 400) == 0.0


@pytest.mark.parametrize(("check", "double", "single"), [
    ("forward", 1e-10, 50), ("loss", 1e-10, 50), ("gradient", 1e-9, 50), ("trajectory", 1e-7, 1000),
    ("weights", 0.0, 0), ("generation", 0.0, 0),
])  # fmt: skip
def test_the_tolerance_of_every_check(check: str, double: float, single: int) -> None:
    """float32: in units of its eps times the root of the longest sum."""
    for reduction in (1, 144, 40_000):
        assert agreement.tolerance(check, "float64", reduction) == double
        expected = single * 2.0**-23 * math.sqrt(reduction)
        assert agreement.tolerance(check, "float32", reduction) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("size", "steps"), [("tiny", 20), ("small", 2), ("paper", 2)])
def test_a_trajectory_is_shorter_where_models_are_larger(size: str, steps: int) -> None:
    assert agreement.trajectory_steps(size) == steps


def test_longest_reduction_counts_places_of_use_and_fan_in() -> None:
    outputs = {"conv": np.zeros((4, 6, 28, 28)), "output": np.zeros((4, 10))}
    assert agreement.longest_reduction(outputs, {"w": np.zeros((6, 1, 5, 5))}) == 4 * 28 * 28
    assert agreement.longest_reduction({"output": np.zeros((4, 10))}, {"w": np.zeros((10, 84))}) == 84


@pytest.mark.parametrize(("shape", "places"), [((2, 3, 5, 7), 2 * 5 * 7), ((7, 5, 3), 7 * 5), ((7, 3), 7), ((), 1)])
def test_a_weight_is_used_at_every_place_but_along_the_channels(shape: tuple[int, ...], places: int) -> None:
    """Images have their channels on axis 1, all else on the last."""
    assert agreement.longest_reduction({"inner": np.zeros(shape)}, {"b": np.zeros(99)}) == places


@pytest.mark.parametrize(("name", "longest"), [("output", 35), ("output[1]", 35), ("outputs", 7)])
def test_the_loss_sums_the_whole_output(name: str, longest: int) -> None:
    assert agreement.longest_reduction({name: np.zeros((7, 5))}, {}) == longest
