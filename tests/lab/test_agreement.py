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


def test_longest_reduction_counts_places_of_use_and_fan_in() -> None:
    outputs = {"conv": np.zeros((4, 6, 28, 28)), "output": np.zeros((4, 10))}
    assert agreement.longest_reduction(outputs, {"w": np.zeros((6, 1, 5, 5))}) == 4 * 28 * 28
    assert agreement.longest_reduction({"output": np.zeros((4, 10))}, {"w": np.zeros((10, 84))}) == 84
