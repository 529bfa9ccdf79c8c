"""Tensor's methods and operators equal torch's, called the way users call them."""

import numpy as np
import pytest
import torch

from tests.numerics import relative_error
from tinygrad_lab.modes import no_grad
from tinygrad_lab.ops import methods
from tinygrad_lab.tensor import Tensor

VALUES = np.random.default_rng(0).uniform(0.5, 2.0, (2, 3, 4)).astype(np.float32)

BOTH = {
    "arithmetic": lambda x: (2 - x) * 3 / (x + 1) - 1 / x + x * x - x,
    "powers": lambda x: x**2 + 2**x + x**-0.5 + x**x,
    "signs": lambda x: -x + abs(x - 1),
    "named arithmetic": lambda x: x.add(1).sub(x).mul(x).div(2).pow(2).neg() + x.subtract(1).multiply(x).divide(x),
    "functions": lambda x: x.exp() + x.expm1() + x.log() + x.log1p() + x.sqrt() + x.rsqrt() + x.sin() + x.cos(),
    "more functions": lambda x: x.abs() + x.square() + x.reciprocal() + x.negative(),
    "logarithms": lambda x: x.log2() + x.log10(),
    "steps": lambda x: x.floor() + x.ceil() + x.round() + (x - 1).sign() + (x * 3).round(decimals=1),
    "division": lambda x: x % 0.7 + (5 % x.detach()) + x.remainder(0.3),
    "floor division": lambda x: x.detach() // 0.7 + 5 // x.detach() + x.detach().floor_divide(x.detach() + 1),
    "integers": lambda x: (x.argmax() + 7) // 3 + (x.argmax() - 17) % 5,
    "activations": lambda x: x.relu() + x.sigmoid() + x.tanh() + x.softmax(-1) + x.log_softmax(1),
    "choices": lambda x: x.maximum(x * 0 + 1) + x.minimum(1 / x) + x.clamp(max=1.5) + x.clamp(0.6, 1.9),
    "where": lambda x: x.where(x > 1, -x) + x.masked_fill(x <= 1.1, 7.0),
    "matmul": lambda x: x @ x.mT + x.matmul(x.transpose(1, 2)) + x.bmm(x.mT) + x[0] @ x[1].T,
    "outer": lambda x: x[0, 0].outer(x[1, 1]),
    "reductions": lambda x: x.sum() + x.mean() + x.var() + x.std() + x.prod() + x.norm() + x.max() + x.min(),
    "reductions over dims": lambda x: x.sum(1) + x.mean(dim=1) + x.var(1) + x.std(1, correction=0) + x.prod(1),
    "keepdim": lambda x: x.sum((0, 2), keepdim=True) + x.amax((0, 1), keepdim=True) + x.amin(dim=0),
    "extremes": lambda x: x.max(1)[0] + x.min(dim=1)[0] + x.logsumexp(1) + x.norm(dim=1),
    "cumsum": lambda x: x.cumsum(1),
    "sorting": lambda x: x.sort(1)[0] + x.sort(1, descending=True).values + x.topk(2, 1)[0].sum(),
    "order": lambda x: x.argsort(-1) + x.topk(4).indices,
    "places": lambda x: (x > 1).nonzero(),
    "scatter": lambda x: x.scatter(1, x.argmax(1, keepdim=True), 9.0),
    "copies": lambda x: x.repeat(2, 1, 3).sum() + x.repeat((1, 2, 2, 1)),
    "what is finite": lambda x: x.isnan() | x.isinf() | (x / (x - x)).isinf() & x.isfinite(),
    "argmax": lambda x: x.argmax() + x.argmin(1) + x.max(1)[1],
    "any, all": lambda x: (x > 1).any(1) & (x > 0).all(1) | ~(x < 1).all(),
    "comparisons": lambda x: ((x == x) ^ (x != 1)) | (x.lt(1) | x.ge(1.5)) & x.ne(2).logical_and(x.le(3)),
    "shapes": lambda x: x.reshape(6, 4).view(2, 3, 4).permute(2, 0, 1).flatten(1).unsqueeze(0).squeeze(),
    "shapes in tuples": lambda x: x.reshape((4, -1)).expand((2, 4, 6)).permute((1, 0, 2)).flip((0, 1)),
    "expand": lambda x: x[:, :1].expand(-1, 5, -1).flip(0),
    "triangles": lambda x: x.tril() + x.triu(1) + x.roll(1, 0),
    "splits": lambda x: x.split(2, dim=1)[0] * x.chunk(2, -2)[0] + x.unbind(1)[0].unsqueeze(1),
    "iteration": lambda x: sum(row * 2 for row in x),
    "indexing": lambda x: x[1, ..., 2] + x[0, :, 0],
    "sizes": lambda x: x * x.dim() + x.size(-1) + x.size()[0] + len(x),
    "dtypes": lambda x: x.double().float() + x.clone() + x.contiguous() + x.long() + x.bool(),
    "detach": lambda x: x.detach() * x,
}


@pytest.mark.parametrize("name", BOTH)
def test_equals_torch(name):
    ours, theirs = Tensor(VALUES, requires_grad=True), torch.tensor(VALUES, requires_grad=True)
    mine, other = BOTH[name](ours), BOTH[name](theirs)
    assert str(mine.dtype) == str(other.dtype).removeprefix("torch.")
    assert relative_error(mine.numpy(), other.detach().numpy()) <= 1e-5
    assert mine.requires_grad == other.requires_grad
    if other.requires_grad:
        weight = np.linspace(-1, 1, other.numel(), dtype=np.float32).reshape(other.shape)
        mine.backward(weight)
        other.backward(torch.from_numpy(weight))
        assert relative_error(ours.grad.numpy(), theirs.grad.numpy(), 1.0) <= 2e-5


def test_indexed_methods():
    index = np.array([[0, 2, 2, 1]])
    x, y = Tensor(VALUES[0]), torch.tensor(VALUES[0])
    i, j = Tensor(index), torch.tensor(index)
    pairs = [
        (x.gather(0, i), y.gather(0, j)),
        (x.take_along_dim(i, 0), y.take_along_dim(j, 0)),
        (x.index_select(0, i[0]), y.index_select(0, j[0])),
        (x.scatter_add(0, i, x[:1]), y.scatter_add(0, j, y[:1])),
        (x.index_add(0, i[0], x[i[0]]), y.index_add(0, j[0], y[j[0]])),
        (x[:, (i > 1)[0]], y[:, (j > 1)[0]]),
    ]
    for mine, other in pairs:
        assert relative_error(mine.numpy(), other.numpy()) <= 1e-6


def change(x):
    x.add_(1).sub_(x * 0.5, alpha=2).add_(2, alpha=3).mul_(x).div_(3).clamp_(min=1.5, max=9)
    x[0, 1:] = 5.0
    x[1] = x[0] * 2
    x[:, 0].zero_()
    x[1, 2].fill_(4)
    x[0, 2].copy_(x[1, 1])


def test_in_place():
    ours, theirs = Tensor(VALUES, requires_grad=True), torch.tensor(VALUES)
    with no_grad():
        change(ours)
    change(theirs)
    assert relative_error(ours.numpy(), theirs.numpy()) <= 1e-6
    assert ours.requires_grad


def test_arrays_on_the_left():
    x = Tensor(VALUES, requires_grad=True)
    for out in (VALUES * x, VALUES + x, VALUES - x, VALUES / x, VALUES[0].T @ x, np.float64(2) * x, x == VALUES):
        assert type(out) is Tensor
    assert (np.float64(2) * x).dtype == np.float32


def test_tensors_are_hashed_by_identity():
    a, b = Tensor([1.0]), Tensor([1.0])
    assert len({a, b, a}) == 2


def test_to():
    x = Tensor(VALUES, requires_grad=True)
    assert x.to(np.float32) is x
    wide = x.to(np.float64)
    wide.backward(np.ones(VALUES.shape))
    assert (wide.dtype, x.grad.dtype) == (np.float64, np.float32)
    assert not x.long().requires_grad


def test_contiguous():
    x = Tensor(VALUES).T
    assert not x._data.flags.c_contiguous
    assert x.contiguous()._data.flags.c_contiguous
    assert x.contiguous().contiguous().tolist() == x.tolist()


def test_numbers():
    assert float(Tensor([2.5])) == 2.5
    assert bool(Tensor(1)) is True
    assert bool(Tensor([0.0])) is False


def test_install_puts_every_method_on_tensor():
    names = [name for name in vars(methods.TensorMethods) if not name.startswith("__")]
    assert len(names) > 80
    assert all(vars(Tensor)[name] is vars(methods.TensorMethods)[name] for name in names)
