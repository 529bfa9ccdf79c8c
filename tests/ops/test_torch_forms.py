"""What the pages show as PyTorch's form of an operation equals the engine's: values and all gradients."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference.operations import MODULES
from tests.cases import CASES, Case
from tests.cases.case import Arguments, Draw, distinct, normal
from tests.cases.recurrent import layer
from tests.operations import ENGINE_OPERATIONS
from tests.ops.test_against_torch import assert_equals_torch
from tinygrad_lab import Tensor, random
from tinygrad_lab.lab.noise import replayed
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.random import record_draws

OPS = [name for name in ENGINE_OPERATIONS if OPERATIONS[name].body.__module__.startswith("tinygrad_lab.ops.")]
UNITED = ("lstm", "lstm_1997", "gru", "rnn", "dropout", "gaussian_dropout", "cast")  # tested in their own ways, below


def ours(name: str):
    """The operation itself, on Tensors."""
    return getattr(inspect.getmodule(OPERATIONS[name].body), name)


def form(name: str):
    """The function of that name among PyTorch's forms."""
    (found,) = [vars(module)[name] for module in MODULES if name in vars(module)]
    return found


def twin(name: str, case: Case) -> Case:
    """The same case, with PyTorch's form on the other side."""
    return replace(case, theirs=lambda _torch, *args, **options: form(name)(*args, **options))


def whole(draw: Draw, blocks: int, states: int) -> Arguments:
    return layer(draw, blocks, states), {}


def joined(draw: Draw) -> Arguments:
    return [normal(draw, (2, n, 3)) for n in (1, 4, 2)], {"dim": 1}


def cut(draw: Draw) -> Arguments:
    return (normal(draw, (2, 7)), [1, 4, 2], 1), {}


def contracted(draw: Draw) -> Arguments:
    return ("bij,bjk->bik", normal(draw, (2, 3, 4)), normal(draw, (2, 4, 5))), {}


def normalised(draw: Draw) -> Arguments:
    return (normal(draw, (4, 3, 5)), None, None, normal(draw, (3,)), normal(draw, (3,)), True), {}


def length(draw: Draw) -> Arguments:
    return (distinct(draw, (3, 4)), 2, 1), {}


DRAWN = {
    "lstm": lambda draw: whole(draw, 4, 2), "lstm_1997": lambda draw: whole(draw, 3, 2),
    "gru": lambda draw: whole(draw, 3, 1), "rnn": lambda draw: whole(draw, 1, 1),
    "concatenate": joined, "split_at": cut, "contract": contracted, "batch_norm": normalised, "norm": length,
}  # fmt: skip
OWN = [
    twin(name, Case(name, ours(name), "", st.composite(lambda draw, drawn=drawn: drawn(draw))()))
    for name, drawn in DRAWN.items()
]
NAMES = [getattr(getattr(case.ours, "info", None), "name", "") for case in CASES]
SHARED = [twin(name, case) for name, case in zip(NAMES, CASES, strict=True) if name in OPS and name not in UNITED]


@pytest.mark.parametrize("case", [*SHARED, *OWN], ids=lambda case: case.name)
@given(data=st.data())
def test_a_form_equals_the_operation(case: Case, data: st.DataObject) -> None:
    args, options = data.draw(case.arguments)
    for dtype in (np.float32, np.float64):
        assert_equals_torch(case, dtype, tuple(args), options)


def test_every_operation_has_a_tested_form() -> None:
    tested = {case.ours.info.name for case in [*SHARED, *OWN]} | {"dropout", "gaussian_dropout", "cast"}
    assert tested == set(OPS)


@pytest.mark.parametrize("name", ["dropout", "gaussian_dropout"])
@pytest.mark.parametrize("training", [True, False])
def test_noise_is_torchs_where_both_draw_the_same(name: str, training: bool) -> None:
    array = np.random.default_rng(0).standard_normal((4, 5))
    x, theirs = Tensor(array, requires_grad=True), torch.from_numpy(array.copy()).requires_grad_()
    with record_draws() as draws:
        mine = ours(name)(x, 0.3, training, generator=random.generator(0))
    with replayed(draws):
        other = form(name)(theirs, 0.3, training)
    mine.sum().backward()
    other.sum().backward()
    np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)


def test_a_cast_hands_back_a_gradient_of_the_dtype_it_came_from() -> None:
    array = np.random.default_rng(0).standard_normal(5).astype(np.float32)
    x, theirs = Tensor(array, requires_grad=True), torch.from_numpy(array.copy()).requires_grad_()
    mine, other = ours("cast")(x, np.float64), form("cast")(theirs, torch.float64)
    assert str(mine.dtype) in str(other.dtype)
    mine.square().sum().backward()
    other.square().sum().backward()
    assert str(x.grad.dtype) in str(theirs.grad.dtype)
    np.testing.assert_array_equal(x.grad.numpy(), theirs.grad.numpy())
