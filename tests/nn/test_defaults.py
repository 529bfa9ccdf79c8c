"""What a layer, a function or a helper does unless it is told otherwise is what torch's does."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.signatures import defaults_of
from tinygrad_lab import nn
from tinygrad_lab.nn import functional, utils

OURS = {"dtype", "modules", "values"}  # float32, a setting of torch's whole library; and () where torch has None
PLACES = [(nn, torch.nn), (functional, torch.nn.functional), (utils, torch.nn.utils)]
PAIRS = [
    pytest.param(mine, getattr(theirs, name), id=f"{theirs.__name__}.{name}")
    for ours, theirs in PLACES
    for name, mine in vars(ours).items()
    if callable(mine) and mine.__module__.startswith("tinygrad_lab") and hasattr(theirs, name)
]


@pytest.mark.parametrize(("mine", "other"), PAIRS)
def test_defaults_are_torchs(mine: Callable[..., Any], other: Callable[..., Any]) -> None:
    ours, theirs = defaults_of(mine), defaults_of(other)
    both = (ours.keys() & theirs.keys()) - OURS
    assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_whose_arguments_torch_does_not_name(name: str) -> None:
    mine, other = getattr(nn, name)(2, 3), getattr(torch.nn, name)(2, 3)
    known = [word for word in inspect.signature(type(mine)).parameters if hasattr(other, word)]
    assert len(known) >= 7
    assert {word: getattr(mine, word) for word in known} == {word: getattr(other, word) for word in known}
