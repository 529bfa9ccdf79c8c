"""One layer of the engine and its twin in torch, with the same weights, must agree in values and all gradients."""

from typing import Any

import numpy as np
import torch

from tests.numerics import relative_error
from tinygrad_lab.nn.module import Module
from tinygrad_lab.tensor import Tensor


def share_state(ours: Module, theirs: torch.nn.Module) -> None:
    """Random values in both state dicts, after checking that the keys are torch's, in torch's order."""
    ours.double()
    theirs.double()
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    rng = np.random.default_rng(0)
    values = {k: rng.uniform(0.5, 1.5, v.shape) if v.is_floating_point() else v.numpy() for k, v in state.items()}
    ours.load_state_dict(values)
    theirs.load_state_dict({k: torch.as_tensor(v) for k, v in values.items()})


def assert_same_state(ours: Module, theirs: torch.nn.Module) -> None:
    for name, value in theirs.state_dict().items():
        assert relative_error(ours.state_dict()[name], value.numpy(), 1.0) < 1e-12, name


def assert_twins(ours: Module, theirs: torch.nn.Module, shape: tuple[int, ...], index_below: int | None = None) -> None:
    """Share the weights, then compare output and gradients for one random input (indices, with ``index_below``)."""
    share_state(ours, theirs)
    rng = np.random.default_rng(1)
    x: Any = rng.standard_normal(shape) if index_below is None else rng.integers(0, index_below, shape)
    a, b = Tensor(x, requires_grad=index_below is None), torch.tensor(x, requires_grad=index_below is None)
    mine, other = ours(a), theirs(b)
    assert relative_error(mine.numpy(), other.detach().numpy(), 1.0) < 1e-12
    seed = rng.standard_normal(mine.shape)
    mine.backward(seed)
    other.backward(torch.tensor(seed))
    pairs = [("input", a, b)] if index_below is None else []
    pairs += [(name, dict(ours.named_parameters())[name], p) for name, p in theirs.named_parameters()]
    for name, left, right in pairs:
        assert relative_error(left.grad.numpy(), right.grad.numpy(), 1.0) < 1e-12, name
    assert_same_state(ours, theirs)
