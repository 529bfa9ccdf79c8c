"""What an optimiser or a schedule does unless it is told otherwise is what torch's does."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.signatures import defaults_of
from tinygrad_lab import optim
from tinygrad_lab.optim import lr_scheduler

PAIRS = [
    pytest.param(getattr(ours, name), getattr(theirs, name), id=name)
    for ours, theirs, names in (
        (optim, torch.optim, ("SGD", "Adam", "AdamW", "RMSprop")),
        (lr_scheduler, torch.optim.lr_scheduler, lr_scheduler.__all__),
    )
    for name in names
    if hasattr(theirs, name)
]


@pytest.mark.parametrize(("mine", "other"), PAIRS)
def test_defaults_are_torchs(mine: Callable[..., Any], other: Callable[..., Any]) -> None:
    ours, theirs = defaults_of(mine), defaults_of(other)
    assert ours.keys() <= theirs.keys()
    assert ours == {name: theirs[name] for name in ours}
