"""MultiheadAttention: torch's weights, outputs, gradients and masks."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from tests.nn.twins import share_state
from tests.numerics import relative_error
from tinygrad_lab import random
from tinygrad_lab.lab.noise import ReplayDraws
from tinygrad_lab.nn.attention import MultiheadAttention
from tinygrad_lab.random import record_draws
from tinygrad_lab.tensor import Tensor

rng = np.random.default_rng(0)
padding = np.zeros((3, 5), bool)
padding[1, 3:] = True
later = ~np.tri(4, 5, dtype=bool)
per_head = rng.random((6, 4, 5)) < 0.3


def as_added(mask: np.ndarray) -> np.ndarray:
    """What is added to the scores instead: other numbers where attention is allowed, and -infinity where it is not."""
    return np.where(mask, -np.inf, rng.standard_normal(mask.shape))


MASKS: list[dict[str, Any]] = [
    {},
    {"key_padding_mask": padding},
    {"key_padding_mask": as_added(padding)},
    {"attn_mask": later},
    {"attn_mask": as_added(later)},
    {"attn_mask": later, "is_causal": True},
    {"attn_mask": per_head, "key_padding_mask": padding},
    {"attn_mask": as_added(per_head), "key_padding_mask": as_added(padding)},
]
ALONE: list[dict[str, Any]] = [  # of one sequence
    {},
    {"key_padding_mask": padding[1]},
    {"attn_mask": later},
    {"attn_mask": per_head[:2], "key_padding_mask": padding[1]},
    {"attn_mask": as_added(per_head[:2]), "key_padding_mask": as_added(padding[1])},
]


def as_torch(masks: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.from_numpy(m) if isinstance(m, np.ndarray) else m for name, m in masks.items()}


def assert_same_call(
    ours: MultiheadAttention,
    theirs: torch.nn.MultiheadAttention,
    masks: dict[str, Any],
    alone: bool = False,
    **options: Any,
) -> None:
    rng = np.random.default_rng(1)  # the same numbers for every call, whichever tests have run before
    shapes = [(length, 8) if alone else (3, length, 8) if ours.batch_first else (length, 3, 8) for length in (4, 5, 5)]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    mine = [Tensor(x, requires_grad=True) for x in arrays]
    others = [torch.tensor(x, requires_grad=True) for x in arrays]
    with record_draws() as draws:
        y, weights = ours(*mine, **masks, **options)
    with ReplayDraws(draws) as replay:
        out, torch_weights = theirs(*others, **as_torch(masks), **options)
    replay.check_all_used()
    assert relative_error(y.numpy(), out.detach().numpy(), 1.0) < 1e-12
    assert (weights is None) == (torch_weights is None)
    if weights is not None:
        assert relative_error(weights.numpy(), torch_weights.detach().numpy(), 1.0) < 1e-12
    seed = rng.standard_normal(y.shape)
    y.backward(seed)
    out.backward(torch.tensor(seed))
    parameters = dict(ours.named_parameters())
    pairs = [*zip(mine, others, strict=True), *((parameters[n], p) for n, p in theirs.named_parameters())]
    for left, right in pairs:
        assert relative_error(left.grad.numpy(), right.grad.numpy(), 1.0) < 1e-12
        left.grad = right.grad = None


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"batch_first": True}, {"dropout": 0.3}])
@pytest.mark.parametrize("weights", [{}, {"need_weights": False}, {"average_attn_weights": False}])
def test_equals_torch(options: dict[str, Any], weights: dict[str, Any]) -> None:
    ours = MultiheadAttention(8, 2, **options, generator=random.generator(0))  # of dropout's noise
    theirs = torch.nn.MultiheadAttention(8, 2, **options)
    share_state(ours, theirs)
    for masks in MASKS:
        assert_same_call(ours, theirs, masks, **weights)
    for masks in ALONE:
        assert_same_call(ours, theirs, masks, alone=True, **weights)
    ours.eval()
    theirs.eval()
    assert_same_call(ours, theirs, {}, **weights)


def test_causal_without_a_mask() -> None:
    layer = MultiheadAttention(8, 2, batch_first=True)
    x = Tensor(rng.standard_normal((3, 4, 8)).astype(np.float32))
    by_hint, _ = layer(x, x, x, need_weights=False, is_causal=True)
    by_mask, _ = layer(x, x, x, need_weights=False, attn_mask=~np.tri(4, dtype=bool))
    np.testing.assert_array_equal(by_hint.numpy(), by_mask.numpy())


def test_starts_as_torch_does() -> None:
    layer = MultiheadAttention(300, 4, generator=random.generator(0))
    bound = (6 / (300 + 900)) ** 0.5
    assert 0.99 * bound < np.abs(layer.in_proj_weight.numpy()).max() <= bound
    assert not layer.in_proj_bias.numpy().any()
    assert not layer.out_proj.bias.numpy().any()
    assert np.abs(layer.out_proj.weight.numpy()).max() <= 300**-0.5


@pytest.mark.usefixtures("unchecked_shapes")
def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="num_heads must divide embed_dim, got 3 and 8"):
        MultiheadAttention(8, 3)
    layer = MultiheadAttention(8, 2, batch_first=True)
    x = Tensor(np.ones((3, 4, 8), np.float32))
    with pytest.raises(ValueError, match=r"key_padding_mask has shape \(3, 5\), it must be \(3, 4\)"):
        layer(x, x, x, key_padding_mask=padding)
    with pytest.raises(ValueError, match=r"attn_mask has shape \(4, 5\), it must be \(4, 4\) or \(6, 4, 4\)"):
        layer(x, x, x, attn_mask=later)
    with pytest.raises(TypeError, match="attn_mask must be boolean or floating point, got int64"):
        layer(x, x, x, attn_mask=np.ones((4, 4), int))
    with pytest.raises(TypeError, match=r"attn_mask has no gradient here, .* detach\(\) it"):
        layer(x, x, x, attn_mask=Tensor(np.ones((4, 4), np.float32), requires_grad=True))


def of(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


@pytest.mark.parametrize(("batch_first", "inputs"), [
    (True, [of(3, 4, 8), of(3, 5, 8), of(3, 6, 8)]),  # keys without values
    (True, [of(3, 4, 8), of(2, 5, 8), of(2, 5, 8)]),  # another batch
    (False, [of(4, 3, 8), of(5, 2, 8), of(5, 2, 8)]),
    (True, [of(4, 8), of(3, 5, 8), of(3, 5, 8)]),  # one sequence beside a batch
    (True, [of(3, 1, 4, 8)] * 3),
    (True, [of(8)] * 3),
    (True, [of(3, 4, 8), of(3, 5, 6), of(3, 5, 6)]),  # other widths
    (True, [of(3, 4, 6), of(3, 5, 8), of(3, 5, 8)]),
])  # fmt: skip
@pytest.mark.usefixtures("unchecked_shapes")
def test_inputs_that_do_not_fit_together_are_refused_with_their_shapes(batch_first: bool, inputs: list[Tensor]) -> None:
    query, key, value = (re.escape(str(x.shape)) for x in inputs)
    with pytest.raises(ValueError, match=rf"MultiheadAttention: query {query}, key {key} and value {value} must be"):
        MultiheadAttention(8, 2, batch_first=batch_first)(*inputs)
