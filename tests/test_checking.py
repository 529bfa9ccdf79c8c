"""The run-time checks look where they should: else a wrong shape or type would pass all tests in silence."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest
import torch

from tests import checking
from tinygrad_lab import Tensor

SOURCE = """
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from tinygrad_lab import Tensor

Pair = Float[np.ndarray, "n n"]


def matmul(x: Float[np.ndarray, "a b"], y: Float[np.ndarray, "b c"], promised: Any = None) -> Float[np.ndarray, "a c"]:
    return x @ y if promised is None else promised


def square(x: Pair) -> int:
    return len(x)


def zeros(size: int, given: int) -> Float[np.ndarray, "{size} 2"]:
    return np.zeros((given, 2))


def count(of: int) -> str:
    return of if of > 9 else str(of)


def inside(x: Any, y: Any) -> Any:
    def add(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return a + b

    return add(x, y)


def ours(x: Float[Tensor, "n"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    return x, x


def theirs(x: Float[torch.Tensor, "n"]) -> tuple[Float[torch.Tensor, "n"], Float[torch.Tensor, "n"]]:
    return x, x


class Layer:
    def __call__(self, x: Int[np.ndarray, "n"]) -> "Layer":
        return self


@dataclass(frozen=True)
class Config:
    width: int = 3


def backward(needs: Any, dy: Any) -> Any:
    return dy
"""
f = np.ones


@pytest.fixture(scope="module", params=["", "from __future__ import annotations\n"], ids=["objects", "strings"])
def module(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A package of one module, imported with checks; its annotations are objects or strings."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "looked_at").mkdir()
    (folder / "looked_at" / "__init__.py").write_text(request.param + SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setattr(sys, "meta_path", [checking.Finder(["looked_at"]), *sys.meta_path])
        yield importlib.import_module("looked_at")
        del sys.modules["looked_at"]


def test_what_is_right_passes(module: ModuleType) -> None:
    assert module.matmul(f((2, 3)), f((3, 4))).shape == (2, 4)
    assert module.matmul(f((5, 1)), y=f((1, 1))).shape == (5, 1)  # names are bound anew
    assert module.square(f((2, 2))) == 2
    assert module.zeros(3, 3).shape == (3, 2)
    assert module.inside(f(2), f(2)).sum() == 4
    assert isinstance(module.Layer()(np.arange(3)), module.Layer)
    assert module.Config(4).width == 4
    assert module.ours(Tensor(f(2)))[0].shape == (2,)
    assert module.theirs(torch.zeros(2))[0].shape == (2,)


@pytest.mark.parametrize("wrong", [
    lambda m: m.matmul(f((2, 3)), f((4, 2))),
    lambda m: m.matmul(f((2, 3)), y=f((4, 2))),
    lambda m: m.matmul(f((2, 3)), f((3, 4)), f((2, 3))),
    lambda m: m.matmul(np.arange(6).reshape(2, 3), f((3, 4))),
    lambda m: m.matmul([[1.0]], f((1, 1))),
    lambda m: m.square(f((2, 3))),
    lambda m: m.zeros(3, 4),
    lambda m: m.count("3"),
    lambda m: m.count(10),
    lambda m: m.inside(f(2), f(3)),
    lambda m: m.Layer()(f(3)),
    lambda m: m.Config("4"),
    lambda m: m.ours(torch.zeros(2)),
    lambda m: m.theirs(Tensor(f(2))),
])  # fmt: skip
def test_what_is_wrong_does_not(module: ModuleType, wrong: Callable[[ModuleType], object]) -> None:
    with pytest.raises(TypeError):
        wrong(module)


def test_what_says_nothing_is_left_as_it_is(module: ModuleType) -> None:
    assert not hasattr(module.backward, "__wrapped__")


@pytest.mark.usefixtures("unchecked_shapes")
def test_switched_off_nothing_is_looked_at(module: ModuleType) -> None:
    assert module.count(10) == 10
    assert module.square(f((2, 3))) == 2


def test_the_packages_under_test_are_looked_at() -> None:
    from papers.lenet.config import LeNetConfig
    from papers.lenet.model import LeNet5
    from reference.lenet.model import LeNet5 as Twin
    from tinygrad_lab.nn import Linear
    from tinygrad_lab.ops import linear

    for function in (LeNetConfig.__init__, LeNet5.forward, Twin.forward, Linear.forward, linear.info.body):
        assert hasattr(function, "__wrapped__")
