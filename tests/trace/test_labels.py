"""Labels go where the numbers go: every number of a tensor says where it was, and the labels must say the same."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from tinygrad_lab import Tensor
from tinygrad_lab.trace import record, trace
from tinygrad_lab.trace.axes import Axis, name_axes

SHAPE = (2, 3, 4)
DIGITS = {"i": 100, "j": 10, "k": 1}  # element [i, j, k] is the number ijk
AXES = [Axis("i", "01"), Axis("j", [["00", "01", "02"], ["10", "11", "12"]], by="i"), Axis("k", "0123")]


def followed(change: Callable[[Tensor], Tensor]) -> tuple[np.ndarray, list[Axis]]:
    """The numbers and the axes that come out where numbers with labels go in."""
    places = np.indices(SHAPE).reshape(3, -1).T @ np.array([*DIGITS.values()])
    x = Tensor(places.reshape(SHAPE).astype(np.float64), requires_grad=True)
    with record({"x": x}):
        y = change(x)
        loss = y.sum()
    traced = trace(loss)
    next(value for value in traced.values if value.name == "x").axes = AXES
    name_axes(traced)
    return y.numpy(), next(value for value in traced.values if value.name == "y").axes or [Axis()] * y.ndim


def assert_true_labels(numbers: np.ndarray, axes: list[Axis]) -> None:
    for place in np.ndindex(numbers.shape):
        number = f"{int(numbers[place]):03}"
        at = dict(zip((axis.name for axis in axes), place, strict=True))
        for axis, index in zip(axes, place, strict=True):
            labels = axis.labels[at[axis.by]] if axis.by else axis.labels
            if len(labels):
                label = labels[index]
                assert label == (number["ijk".index(axis.name)] if axis.name != "j" else number[:2])


def kept(key: tuple) -> Iterator[str]:
    """The dimensions that a key leaves, "" for a new one."""
    keys = list(key if Ellipsis in key else (*key, Ellipsis))
    spare = 3 - sum(k is not None and k is not Ellipsis for k in keys)
    keys[keys.index(Ellipsis) : keys.index(Ellipsis) + 1] = [slice(None)] * spare
    names = iter(DIGITS)
    for k in keys:
        name = "" if k is None else next(names)
        if k is None or isinstance(k, slice):
            yield name


@given(hn.basic_indices(SHAPE, allow_newaxis=True, min_dims=1))
def test_labels_of_what_an_index_takes(key) -> None:
    key = key if isinstance(key, tuple) else (key,)
    numbers, axes = followed(lambda x: x[key])
    assert [axis.name for axis in axes] == list(kept(key))
    assert_true_labels(numbers, axes)
    assert not numbers.size or all(len(axis.labels) for axis in axes if axis.name)


@given(st.permutations(range(3)), st.integers(-3, 2), st.integers(-3, 2))
def test_labels_of_exchanged_dimensions(order: list[int], one: int, other: int) -> None:
    numbers, axes = followed(lambda x: x.permute(order).transpose(one, other) * 1)
    assert sorted(axis.name for axis in axes) == ["i", "j", "k"]
    assert_true_labels(numbers, axes)
    assert all(len(axis.labels) for axis in axes)


@pytest.mark.parametrize(("shape", "names"), [
    ((2, 3, 4), "i j k"), ((1, 2, 3, 4), ". i j k"), ((2, 3, 4, 1), "i j k ."), ((2, 12), "i ."), ((6, 4), ". k"),
    ((2, 3, 2, 2), "i j . ."), ((2, 1, 3, 4), "i . j k"), ((24,), "."), ((4, 3, 2), ". . ."), ((1, 1, 6, 4), ". . . k"),
])  # fmt: skip
def test_labels_of_what_a_reshape_leaves_whole(shape: tuple[int, ...], names: str) -> None:
    numbers, axes = followed(lambda x: x.reshape(shape))
    assert " ".join(axis.name or "." for axis in axes) == names
    assert_true_labels(numbers, axes)


def test_labels_whose_lists_are_of_a_dimension_that_is_gone_are_gone() -> None:
    x = Tensor(np.zeros((2, 2, 3)), requires_grad=True)
    with record({"x": x}):
        y = x.reshape(4, 3)
        loss = y.sum()
    traced = trace(loss)
    next(value for value in traced.values if value.name == "x").axes = [
        Axis("i"),
        Axis(),
        Axis("j", ["abc", "def"], by="i"),
    ]
    name_axes(traced)
    assert next(value for value in traced.values if value.name == "y").axes == [Axis(), Axis("j")]


@pytest.mark.parametrize("change", [
    lambda x: x * 1, lambda x: 1 - (1 - x), lambda x: x + Tensor(np.zeros((5, 1, 1, 1, 1))),
    lambda x: Tensor(np.zeros((3, 1))) + x, lambda x: x[None] + Tensor(np.zeros((2, 1, 1, 4))),
])  # fmt: skip
def test_labels_through_broadcasting(change: Callable[[Tensor], Tensor]) -> None:
    numbers, axes = followed(change)
    assert [axis.name for axis in axes][-3:] == ["i", "j", "k"]
    assert_true_labels(numbers, axes)
