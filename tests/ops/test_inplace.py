"""Changes in place are tracked as in torch, or refused in one line: no gradient is lost."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch

from tinygrad_lab import Tensor, no_grad, zeros
from tinygrad_lab.memory import FORGET_EVERY
from tinygrad_lab.nn import Parameter

SHAPE = (2, 3)
VALUES = np.random.default_rng(0).uniform(0.5, 2.0, (3, *SHAPE))

# What is done to ``x``, made from ``w``, with ``v``; both need a gradient.
CHANGES: dict[str, Callable] = {
    "iadd": lambda x, v: x.__iadd__(v),
    "isub": lambda x, v: x.__isub__(v),
    "imul": lambda x, v: x.__imul__(v),
    "itruediv": lambda x, v: x.__itruediv__(v),
    "ipow": lambda x, v: x.__ipow__(2),
    "add_ alpha": lambda x, v: x.add_(v, alpha=3),
    "sub_ alpha": lambda x, v: x.sub_(v, alpha=0.5),
    "exp_": lambda x, v: x.exp_(),
    "relu_": lambda x, v: x.sub_(1).relu_(),
    "sigmoid_": lambda x, v: x.sigmoid_(),
    "tanh_": lambda x, v: x.tanh_(),
    "sqrt_": lambda x, v: x.sqrt_(),
    "clamp_": lambda x, v: x.clamp_(0.7, 1.5),
    "copy_": lambda x, v: x.copy_(v),
    "copy_ of a row": lambda x, v: x.copy_(v[0]),
    "zero_ then more": lambda x, v: x.zero_().add_(v),
    "fill_": lambda x, v: x.fill_(3.0),
    "row": lambda x, v: x.__setitem__(0, v[1]),
    "number": lambda x, v: x.__setitem__((slice(None), 1), 5.0),
    "broadcast": lambda x, v: x.__setitem__(slice(None), v[0]),
    "twice": lambda x, v: (x.__setitem__(0, v[1]), x.__setitem__((0, slice(1, None)), v[0, :2])),
    "from itself": lambda x, v: x.__setitem__(1, x[0] + v[0]),
    "one value": lambda x, v: x.__setitem__((1, 2), v[0, 0]),
    "chain": lambda x, v: x.mul_(v).add_(1).div_(v),
}


def run(change: Callable, w: object, v: object, made_from_w: bool) -> list:
    """(values, gradients) of a little program in which ``x`` is changed on the way."""
    x = w * 2 if made_from_w else w.detach() * 2
    before = (x + 1).sum()  # a use of the old values
    change(x, v)
    total = (x * x).sum() + before
    if total.requires_grad:
        total.backward()
    return [x, w.grad, v.grad]


@pytest.mark.parametrize("made_from_w", [True, False])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_values_and_gradients_are_those_of_torch(change: Callable, made_from_w: bool) -> None:
    ours = run(change, *(Tensor(a, requires_grad=True) for a in VALUES[:2]), made_from_w)
    theirs = run(change, *(torch.tensor(a, requires_grad=True) for a in VALUES[:2]), made_from_w)
    np.testing.assert_allclose(ours[0].numpy(), theirs[0].detach().numpy(), rtol=1e-12)
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        assert (mine is None or not np.any(mine.numpy())) if other is None else np.allclose(mine.numpy(), other.numpy())


def test_a_buffer_filled_step_by_step() -> None:
    def fill(w: object, out: object) -> object:
        h = w * 0
        for t in range(3):
            h = (h + w) * w
            out[t] = h
        return (out * out).sum()

    w, v = Tensor([0.5, 2.0], np.float64, requires_grad=True), torch.tensor([0.5, 2.0]).double().requires_grad_()
    fill(w, zeros(3, 2, dtype=np.float64)).backward()
    fill(v, torch.zeros(3, 2).double()).backward()
    np.testing.assert_allclose(w.grad.numpy(), v.grad.numpy())


def test_a_training_loop_by_hand_trains() -> None:
    p = Tensor([1.0, 2.0], requires_grad=True)
    (p * p).sum().backward()
    itself = p
    with no_grad():
        p -= 0.1 * p.grad
    assert p is itself
    np.testing.assert_allclose(p.numpy(), [0.8, 1.6], rtol=1e-6)
    p.data -= 0.5
    np.testing.assert_allclose(p.numpy(), [0.3, 1.1], rtol=1e-6)
    p.data = Tensor([5.0, 6.0])
    assert (p.tolist(), p.requires_grad) == ([5, 6], True)


def test_many_ways_to_assign_are_torch_s() -> None:
    x, theirs = Tensor(np.zeros((2, 3, 4))), torch.zeros(2, 3, 4).double()
    rows = np.arange(6.0).reshape(3, 2)
    for tensor, values in ((x, Tensor(rows)), (theirs, torch.tensor(rows))):
        tensor[0, :, [0, 1]] = values  # numbers pick before index arrays do
        tensor[1, 2] = 5
        tensor[..., 3] = 7.0
        tensor[1, tensor[1] > 6] = -1
    np.testing.assert_array_equal(x.numpy(), theirs.numpy())
    for key in (np.s_[0, :, [0, 1]], np.s_[0, ..., [1, 0]], np.s_[[0, 1], 1, :], np.s_[1, None, [2]], np.s_[:, 2, [0]]):
        np.testing.assert_array_equal(x[key].numpy(), theirs[key].numpy())


def test_a_gradient_goes_through_a_number_beside_index_arrays() -> None:
    grads = []
    for make in (Tensor, torch.tensor):
        w = make(np.ones((3, 2)))
        w.requires_grad_()
        x = make(np.zeros((2, 3, 4)))
        x[0, :, [0, 1]] = w * 2
        (x * x)[0, :, [1, 1]].sum().backward()
        grads.append(np.asarray(w.grad))
    np.testing.assert_array_equal(*grads)


def test_fill_takes_a_tensor_with_its_gradient() -> None:
    w, x = Tensor(3.0, requires_grad=True), zeros(3)
    x.fill_(w)
    x.sum().backward()
    assert (x.tolist(), w.grad.item()) == ([3, 3, 3], 3)
    y = zeros(2)
    y.mul_(other=w)
    y.add_(w)
    y.sum().backward()
    assert w.grad.item() == 5


def test_a_gradient_that_grows_is_noticed_by_who_uses_it() -> None:
    p, q = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    (p * p).sum().backward()
    penalty = (q * p.grad).sum()
    (p * p).sum().backward()
    with pytest.raises(RuntimeError, match="changed in place"):
        penalty.backward()


def test_gradients_of_means_can_be_added_to_and_changed() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    x.mean().backward()
    x.mean().backward()
    x.grad *= 2
    assert x.grad.tolist() == [2, 2]
    x.grad = Tensor([1.0]).expand(2)
    x.mean().backward()
    assert x.grad.tolist() == [1.5, 1.5]


def test_who_is_frozen_after_the_forward_pass_gets_nothing() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None


LEAF = Tensor([1.0, 2.0], requires_grad=True)
REFUSED: list[tuple[Callable, type[Exception], str]] = [
    (lambda: LEAF.__iadd__(1), RuntimeError, r"wrap it in no_grad\(\)"),
    (lambda: LEAF.__setitem__(0, 1.0), RuntimeError, r"wrap it in no_grad\(\)"),
    (lambda: LEAF.zero_(), RuntimeError, r"wrap it in no_grad\(\)"),
    (lambda: Tensor([1, 2]).__iadd__(0.5), TypeError, "add_: the result is float32, a tensor of int64 cannot hold it"),
    (lambda: Tensor([1, 2]).div_(2), TypeError, "div_: the result is float32"),
    (lambda: Tensor([1.0]).add_(LEAF), ValueError, r"add_: the result has shape \(2,\), .* that of the tensor, \(1,\)"),
    (lambda: Tensor([1.0, 2.0]).__setitem__(5, 1), IndexError, "setitem: index 5 is out of bounds"),
    (lambda: Tensor([1.0, 2.0]).__setitem__(0, [1.0, 2.0]), ValueError, "setitem: "),
    (lambda: Tensor([1.0, 2.0]).copy_(np.ones(3)), ValueError, "copy_: "),
    (lambda: zeros(1).expand(3).mul_(2), RuntimeError, r"mul_: the memory is read-only, or shared .*clone\(\)"),
    (lambda: zeros(1).expand(3).__setitem__(0, 2), RuntimeError, r"x\[key\] = value: the memory is read-only"),
    (lambda: zeros(3).fill_(zeros(2)), ValueError, r"fill_: value must be a number.*got shape \(2,\)"),
    (lambda: zeros(2).copy_([LEAF[0], LEAF[1]]), TypeError, r"would lose it: stack\(\) them first"),
    (lambda: LEAF.sum().backward("a"), TypeError, r"backward\(\): gradient must be a Tensor or numbers, got 'a'"),
    (lambda: LEAF.sum().backward(create_graph=True), NotImplementedError, "create_graph is True, it must be False"),
    (lambda: Tensor([[1, 2], [3]]), ValueError, "its rows have different lengths"),
    (lambda: zeros(3)[[[0, 1], [1, 0]]], IndexError, "a list of lists may mean one index array or several"),
    (lambda: zeros(3)[Tensor(np.array([1, 0, 1], np.uint8))], IndexError, "uint8 may mean a mask or places"),
    (lambda: setattr(LEAF, "grad", Tensor([1.0])), ValueError, r"grad must have the tensor's shape \(2,\), got \(1,\)"),
    (lambda: setattr(LEAF, "grad", Tensor([1, 2])), TypeError, "grad must have the tensor's dtype float32, got int64"),
    (lambda: setattr(LEAF, "grad", np.ones(2)), TypeError, "grad must be a Tensor or None, got ndarray"),
    (lambda: setattr(LEAF, "data", Tensor([1.0])), ValueError, r"data must have the tensor's shape \(2,\)"),
    (lambda: setattr(LEAF, "data", 3.0), TypeError, "data must be a Tensor, got float"),
    (lambda: setattr(Tensor([1]), "requires_grad", True), TypeError, "only floating point tensors have gradients"),
    (lambda: setattr(LEAF * 2, "requires_grad", False), RuntimeError, r"use detach\(\)"),
    (lambda: copy.deepcopy(LEAF * 2), RuntimeError, "deepcopy: this tensor is the result of 'multiply'"),
    (lambda: pickle.dumps(LEAF * 2), RuntimeError, "pickle: this tensor is the result of 'multiply'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[message[:40] for _, _, message in REFUSED])
def test_what_would_lose_something_is_refused(call: Callable, kind: type[Exception], message: str) -> None:
    before = LEAF.tolist(), LEAF.grad
    with pytest.raises(kind, match=message):
        call()
    assert (LEAF.tolist(), LEAF.grad) == before


def test_a_view_that_is_alive_would_lose_the_gradient() -> None:
    w = Tensor(2.0, requires_grad=True)
    x = zeros(3)
    row = x[:2]
    with pytest.raises(RuntimeError, match=r"1 other tensor.*look at this memory.*clone"):
        x[0] = w
    with pytest.raises(RuntimeError, match="look at this memory"):
        x[0] += w  # the left side makes a view
    with pytest.raises(RuntimeError, match="look at this memory"):
        row += w
    assert x.tolist() == [0, 0, 0]
    x[0] = 4.0  # nothing to lose
    assert row.tolist() == [4, 0]
    del row
    x[0] = w
    x.sum().backward()
    assert w.grad.item() == 1


def test_a_value_that_an_earlier_operation_saved_may_not_change() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    x = w * 3
    y = x * x
    x += 1
    with pytest.raises(RuntimeError, match="'multiply' saved for its backward was changed in place"):
        y.sum().backward()


def test_a_retained_gradient_moves_to_the_new_history() -> None:
    grads = []
    for make in (lambda a: Tensor(a, requires_grad=True), lambda a: torch.tensor(a, requires_grad=True)):
        x = make(VALUES[0]) * 2
        x.retain_grad()
        x *= 3
        (x * x).sum().backward()
        grads.append(np.asarray(x.grad))
    np.testing.assert_allclose(*grads)


def test_references_to_dead_views_are_dropped() -> None:
    x = zeros(4)
    for _ in range(10 * FORGET_EVERY):
        x[0]
    assert len(x._version) <= FORGET_EVERY


def test_leaves_are_copied_and_pickled_whole() -> None:
    p = Parameter([1.0, 2.0])
    p.grad = Tensor([3.0, 4.0])
    p[:1]  # a view was made: its reference must not be in the way
    copied, unpickled = copy.deepcopy(p), pickle.loads(pickle.dumps(p))
    for other in (copied, unpickled):
        assert type(other) is Parameter
        assert (other.tolist(), other.requires_grad) == ([1, 2], True)
        assert not np.may_share_memory(other.numpy(), p.numpy())
    assert copied.grad.tolist() == [3, 4]
    assert copied.grad is not p.grad
