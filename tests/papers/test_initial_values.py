"""Both sides start from the same values: from the same draws every parameter and every buffer is the same number.

What is drawn depends here on nothing but how many numbers are asked for, since the two sides ask in another order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import NormalDist
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

from tests.papers.both import side_of, tiny
from tinygrad_lab import nn, no_grad
from tinygrad_lab.lab import registry

VARIANTS = [(slug, variant) for slug, paper in registry.discover().items() for variant in paper.variants]


def uniform(count: int) -> np.ndarray:
    """Different numbers all over (0, 1)."""
    return np.arange(1, count + 1) * 0.6180339887498949 % 1


def normal(count: int) -> np.ndarray:
    return np.array([NormalDist().inv_cdf(share) for share in uniform(count)])


class Drawn(np.random.Generator):
    """A generator that always gives the same numbers."""

    def random(self, size: Any, dtype: Any = float) -> np.ndarray:  # type: ignore[override]
        return uniform(int(np.prod(size))).reshape(size).astype(dtype)

    def uniform(self, low: float, high: float, size: Any) -> np.ndarray:  # type: ignore[override]
        return low + (high - low) * self.random(size)

    def standard_normal(self, size: Any, dtype: Any = float) -> np.ndarray:  # type: ignore[override]
        return normal(int(np.prod(size))).reshape(size).astype(dtype)


def filled(tensor: torch.Tensor, values: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return tensor.copy_(torch.from_numpy(values).reshape(tensor.shape))


def uniform_(tensor: torch.Tensor, a: float = 0, b: float = 1, **_: Any) -> torch.Tensor:
    return filled(tensor, a + (b - a) * uniform(tensor.numel()))


def normal_(tensor: torch.Tensor, mean: float = 0, std: float = 1, **_: Any) -> torch.Tensor:
    return filled(tensor, mean + std * normal(tensor.numel()))


def cut(tensor: Any, mean: float, std: float, a: float, b: float) -> Any:
    """Instead of what is drawn again, the bound: the two libraries draw in their own ways."""
    values = np.clip(mean + std * normal(tensor.numel()), a, b).reshape(tuple(tensor.shape))
    if isinstance(tensor, torch.Tensor):
        return filled(tensor, values)
    with no_grad():
        tensor.writable()[...] = values
    return tensor


@contextmanager
def same_draws() -> Iterator[None]:
    with (
        patch.object(torch.Tensor, "uniform_", uniform_),
        patch.object(torch.Tensor, "normal_", normal_),
        patch.object(torch.nn.init, "trunc_normal_", cut),
        patch.object(nn.init, "trunc_normal_", cut),
    ):
        yield


CHANGES = {  # so that each number shows
    "init": 0.3, "init_std": 0.3, "init_bias": 0.7, "initial_b": 0.3, "initial_range": 0.3, "initializer_range": 0.3,
    "forget_bias": 2.5, "gain": 3.0,
}  # fmt: skip


@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_both_sides_start_from_the_same_values(slug: str, variant: str) -> None:
    config = tiny(slug, variant)
    starts_alike(slug, config)
    starts_alike(slug, replace(config, **{name: value for name, value in CHANGES.items() if hasattr(config, name)}))


@pytest.mark.parametrize("cell", ["2000", "1997", "rnn"])
@pytest.mark.parametrize("variant", registry.find("lstm").variants)
def test_every_cell_starts_so_in_every_network_of_the_lstm(variant: str, cell: str) -> None:
    starts_alike("lstm", replace(tiny("lstm", variant), cell=cell, initial_range=0.3, forget_bias=2.5))


def starts_alike(slug: str, config: Any) -> None:
    with same_draws():
        ours = side_of(slug, "papers").model_module.build(config, Drawn(np.random.SFC64(0)))
        theirs = side_of(slug, "reference").build(config)
    for kind in ("named_parameters", "named_buffers"):
        mine = {name: value.detach().numpy() for name, value in getattr(ours, kind)()}
        other = {name: value.detach().numpy() for name, value in getattr(theirs, kind)()}
        assert list(mine) == list(other)
        for name, values in mine.items():
            np.testing.assert_allclose(values, other[name], rtol=1e-5, atol=1e-7, err_msg=name)
