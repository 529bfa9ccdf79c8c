"""backward(): its rules, its errors, and what it must never do."""

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from tinygrad_lab import nn, ops
from tinygrad_lab.gradients import grad
from tinygrad_lab.modes import detect_anomaly, no_grad
from tinygrad_lab.ops.operation import Float, Num, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


# ---- the rules ------------------------------------------------------------------------------------------------------


def test_reused_values_wait_for_all_their_consumers():
    a = leaf(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.tolist() == [4]


def test_diamond():
    a = leaf(2.0)
    b = a * 3
    left, right = b * b, b + 1
    (left * right + b).backward()  # 27 a³ + 9 a² + 3 a
    assert a.grad.tolist() == [81 * 4 + 18 * 2 + 3]


def test_leaves_accumulate_over_backwards():
    a = leaf(1.0, 2.0)
    (a * 2).sum().backward()
    (a * a).sum().backward()
    assert a.grad.tolist() == [4, 6]


def test_second_backward_is_an_error_and_changes_nothing():
    a = leaf(2.0)
    loss = a * a
    loss.backward()
    with pytest.raises(RuntimeError, match=r"a second time through 'multiply'.*retain_graph=True"):
        loss.backward()
    assert a.grad.tolist() == [4]


def test_retain_graph():
    a = leaf(2.0)
    loss = a * a
    loss.backward(retain_graph=True)
    loss.backward()
    assert a.grad.tolist() == [8]


def test_interior_gradients_only_with_retain_grad():
    a = leaf(2.0)
    b, c = a * 3, a * 5
    b.retain_grad()
    (b * c).backward()
    assert b.grad.tolist() == [10]
    assert c.grad is None


def test_retained_gradients_share_no_memory():
    """An addition hands its gradient on as it is: both would be one array, to which two backwards add four times."""
    a = Tensor([1.0, 2.0], requires_grad=True)
    b = a * 3.0
    c = b + Tensor([5.0, 7.0])
    b.retain_grad()
    c.retain_grad()
    loss = (c * c).sum()
    loss.backward(retain_graph=True)
    assert not np.shares_memory(b.grad.numpy(), c.grad.numpy())
    loss.backward()
    assert b.grad.numpy().tolist() == c.grad.numpy().tolist() == [32.0, 52.0]


@pytest.mark.parametrize("root", [lambda a: a, lambda a: a + Tensor([1.0, 1.0])], ids=["leaf", "sum"])
@pytest.mark.parametrize("kind", [np.array, Tensor])
def test_a_gradient_that_is_given_stays_the_givers(root, kind):
    """Else a second backward() would add to the array that the first one was given."""
    a, given = Tensor([1.0, 2.0], requires_grad=True), kind(np.array([3.0, 5.0], np.float32))
    root(a).backward(given)
    root(a).backward(given)
    assert given.tolist() == [3.0, 5.0]
    assert a.grad.numpy().tolist() == [6.0, 10.0]


def test_retain_grad_needs_requires_grad():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        Tensor([1.0]).retain_grad()


def test_backward_of_a_leaf():
    a = leaf(2.0)
    a.backward()
    a.backward(np.array([3.0]))
    assert a.grad.tolist() == [4]


@pytest.mark.parametrize("operands", [1, 2])
def test_chain_of_ten_thousand(operands):
    a = y = leaf(1.0)
    for _ in range(10_000):
        y = y + 1e-4 if operands == 1 else y + a
    y.backward(retain_graph=True)
    assert a.grad.tolist() == [1 if operands == 1 else 10_001]
    del y  # the whole chain is freed at once, still attached: no recursion there either
    gc.collect()


def test_backward_frees_what_it_no_longer_needs():
    a = leaf(1.0)
    b = a.exp()
    array = weakref.ref(b._data)
    loss = (b * b).sum()
    del b
    assert array() is not None
    loss.backward()
    assert array() is None


def test_backward_lets_go_of_the_leaves():
    a = leaf(1.0)
    array = weakref.ref(a._data)
    loss = a.exp().sum()
    loss.backward()
    del a
    assert array() is None
    assert loss.item() == np.e


def test_no_grad_records_nothing():
    a = leaf(1.0)
    with no_grad():
        b = a * 2
    assert not b.requires_grad
    assert (a * 2).requires_grad

    @no_grad()
    def doubled(x):
        return x * 2

    assert not doubled(a).requires_grad


def test_no_grad_ends_with_an_error():
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (leaf(1.0) * 2).requires_grad


def test_detach():
    a = leaf(3.0)
    (a * a.detach()).backward()
    assert a.grad.tolist() == [3]


def test_a_leaf_is_what_no_recorded_operation_made():
    a = leaf(3.0)
    b = a * 2
    assert a.is_leaf
    assert not b.is_leaf
    assert b.detach().is_leaf
    with no_grad():
        assert (a * 2).is_leaf


def test_outputs_not_used_have_no_gradient():
    a = leaf(1.0, 2.0, 3.0)
    first, _, third = a.split(1)
    (first + third * 2).backward()
    assert a.grad.tolist() == [1, 0, 2]


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_not_a_scalar():
    with pytest.raises(RuntimeError, match=r"shape \(2,\) needs a gradient of that shape"):
        (leaf(1.0, 2.0) * 2).backward()


def test_gradient_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), the tensor has \(2,\)"):
        (leaf(1.0, 2.0) * 2).backward(np.ones(3))


def test_no_graph():
    with pytest.raises(RuntimeError, match="does not depend on any tensor with requires_grad=True"):
        (Tensor([1.0]) * 2).backward()


@operation(r"\text{fails}")
def failing(x: Num[Array, "..."]):
    def backward(needs, dy):
        raise ZeroDivisionError

    return x.copy(), backward


@operation(r"\text{both get one array}")
def twins(x: Num[Array, "..."], y: Num[Array, "..."]):
    def backward(needs, dz):
        both = dz * 2
        return both, both

    return 2 * x + 2 * y, backward


@pytest.fixture(autouse=True, scope="module")
def _forget_the_operations_of_this_file():
    from tinygrad_lab.ops.operation import OPERATIONS

    del OPERATIONS["failing"], OPERATIONS["twins"]


def test_an_error_on_the_way_leaves_every_grad_untouched():
    a, b = leaf(1.0), leaf(2.0)
    a.grad = Tensor(np.array([7.0]))
    loss = failing(b) + a * 2  # the newest node, a's, comes first
    with pytest.raises(ZeroDivisionError):
        loss.backward()
    assert a.grad.tolist() == [7]
    assert b.grad is None


# ---- gradients are the caller's own ---------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [ops.add, twins, lambda x, y: ops.stack([x, y]).sum(0)])
@pytest.mark.parametrize("retain_graph", [False, True])
def test_gradients_share_no_memory(function, retain_graph):
    a, b, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), np.ones(2)
    function(a, b).backward(seed, retain_graph=retain_graph)
    before = b.grad.tolist()
    a.grad.fill_(9)
    assert b.grad.tolist() == before
    assert seed.tolist() == [1, 1]


def test_a_gradient_that_nothing_needs_is_dropped():
    a, constant = leaf(1.0), Tensor(np.array([5.0]))
    twins(a, constant).backward()
    assert a.grad.tolist() == [2]
    assert constant.grad is None


def test_twin_gradients_of_a_leaf_and_an_interior_tensor():
    a, b = leaf(1.0), leaf(1.0)
    inner = b * 1.0
    (twins(a, inner) + a).backward()  # a's gradient grows after `twins` gave both of them the same array
    assert a.grad.tolist() == [3]
    assert b.grad.tolist() == [2]


def test_twin_gradients_of_two_leaves():
    a, b = leaf(1.0), leaf(1.0)
    (twins(a, b) + twins(a, b) * 10).backward()  # both grow after `twins` gave them the same array
    assert (a.grad.tolist(), b.grad.tolist()) == ([22], [22])


def test_twin_gradients_of_a_leaf_that_comes_first_and_grows_before_its_twin_is_used():
    a, b = leaf(1.0), leaf(1.0)
    inner, other = b * 1.0, a * 5  # `other` is newer: it adds to a's gradient before `inner` passes its own on
    (twins(a, inner) + other).backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([7], [2])


def test_broadcast_gradient_is_writable():
    a = leaf(1.0, 2.0)
    a.sum().backward()
    a.grad.mul_(3)
    assert a.grad.tolist() == [3, 3]


def test_incoming_gradient_is_not_aliased():
    seed = Tensor(np.ones(2))
    a = leaf(1.0, 2.0)
    (a + 0).backward(seed)
    (a + 0).backward(seed)
    assert seed.tolist() == [1, 1]
    assert a.grad.tolist() == [2, 2]


# ---- mutation of saved values ---------------------------------------------------------------------------------------


def through_writable(x):
    x.writable()[...] = 0


def through_a_view(x):
    x[0:1].zero_()


def through_detach(x):
    x.detach().mul_(2)


def through_setitem(x):
    x[0] = 5.0


changes = pytest.mark.parametrize("change", [through_writable, through_a_view, through_detach, through_setitem])


@changes
def test_a_changed_saved_input_is_caught(change):
    a, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    loss = (a * w).sum()
    with no_grad():
        change(w)
    with pytest.raises(RuntimeError, match=r"'multiply' saved for its backward was changed in place"):
        loss.backward()
    assert a.grad is None


@changes
def test_a_changed_saved_output_is_caught(change):
    y = leaf(1.0, 2.0).exp()
    loss = y.sum()
    with no_grad():
        change(y)
    with pytest.raises(RuntimeError, match=r"'exp' saved for its backward was changed in place"):
        loss.backward()


@changes
def test_a_change_of_what_backward_does_not_read_is_fine(change):
    a = leaf(1.0, 2.0)
    y = a + 1
    with no_grad():
        change(a)
        change(y)
    y.sum().backward()
    assert a.grad.tolist() == [1, 1]


def test_a_changed_base_is_caught_through_the_view_that_was_saved():
    base, a = Tensor(np.ones((2, 2))), leaf(1.0, 2.0)
    loss = (a * base.T[0]).sum()
    base.fill_(3)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_changed_piece_of_a_split_is_caught():
    base, a = Tensor(np.ones(4)), leaf(1.0, 2.0)
    left, _ = base.split(2)
    loss = (a * left).sum()
    base.fill_(3)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


# ---- anomaly mode ---------------------------------------------------------------------------------------------------


class Logarithm(nn.Module):
    def forward(self, x):
        return x.log()


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Logarithm()

    def forward(self, x):
        return self.inner(x) * 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
class TestAnomaly:
    def test_forward_names_operation_module_and_line(self):
        with (
            detect_anomaly(),
            pytest.raises(FloatingPointError, match=r"forward of 'log'.*'inner', at .*test_tape.py:"),
        ):
            Outer()(leaf(0.0))

    def test_backward_names_operation_and_line(self):
        with detect_anomaly():
            loss = leaf(0.0).sqrt().sum()
            with pytest.raises(FloatingPointError, match=r"backward of 'sqrt'.*at .*test_tape.py:\d+"):
                loss.backward()

    def test_backward_names_the_module(self):
        class Root(nn.Module):
            def forward(self, x):
                return x.sqrt()

        with detect_anomaly():
            loss = Root()(leaf(0.0))
            with pytest.raises(FloatingPointError, match=r"backward of 'sqrt'.*module 'Root'"):
                loss.backward()

    def test_infinity_turning_into_nan_is_found(self):
        with detect_anomaly(), pytest.raises(FloatingPointError, match="forward of 'multiply'"):
            leaf(float("inf")) * 0

    def test_infinity_asked_for_is_no_anomaly(self):
        with detect_anomaly():
            a = leaf(1.0, 2.0)
            a.masked_fill(Tensor([True, False]), -float("inf")).softmax(0).sum().backward()
        assert a.grad.tolist() == [0, 0]

    def test_off_by_default_and_afterwards(self):
        with detect_anomaly():
            pass
        assert np.isneginf(leaf(0.0).log().item())


# ---- grad() ---------------------------------------------------------------------------------------------------------


def test_grad_of_leaves_and_interior_tensors():
    a = leaf(2.0)
    b = a * 3
    da, db = grad(b * b, [a, b])
    assert (da.tolist(), db.tolist()) == ([36], [12])
    assert a.grad is None
    assert b.grad is None


def test_grad_of_an_unrelated_tensor():
    a, b = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match=r"does not depend on input 1 of shape \(1,\)"):
        grad(a * 2, [a, b])


def test_grad_of_a_tensor_without_requires_grad():
    a = leaf(1.0)
    with pytest.raises(RuntimeError, match="input 0"):
        grad(a * 2, [Tensor([1.0])])


def test_grad_leaves_retained_tensors_alone():
    a = leaf(2.0)
    b = a * 3
    b.retain_grad()
    loss = b * b
    grad(loss, [b], retain_graph=True)
    assert b.grad is None
    loss.backward()
    assert b.grad.tolist() == [12]


def test_the_graph_keeps_only_what_a_backward_needs() -> None:
    """x + 1 needs no value of x: its memory goes with the tensor; exp needs its output, which stays."""
    leaf = Tensor(np.ones(1000), requires_grad=True)
    x = leaf * 2.0
    plus, power = x + 1.0, x.exp()
    forgotten, kept = weakref.ref(x._data), weakref.ref(power._data)
    total = plus.sum() + power.sum()
    del x, plus, power
    assert forgotten() is None
    assert kept() is not None
    total.backward()
    assert kept() is None
    np.testing.assert_allclose(leaf.grad.numpy(), 2 + 2 * np.exp(2.0))


def test_no_grad_decorates_functions_and_generators_and_is_used_again() -> None:
    w = Tensor([2.0], requires_grad=True)

    @no_grad
    def bare() -> bool:
        return (w * 2).requires_grad

    @no_grad()
    def items() -> Iterator[bool]:
        yield (w * 2).requires_grad
        yield (w * 3).requires_grad

    assert not bare()
    for inside in items():
        assert not inside
        assert (w * 2).requires_grad  # the mode is the generator's, not its user's
    again = no_grad()
    for _ in range(2):
        with again, again:
            assert not (w * 2).requires_grad
        assert (w * 2).requires_grad


def test_a_users_backward_may_return_what_it_keeps() -> None:
    """A weight, an operand, a buffer of its own: the gradient is a copy, and no later one is added into it."""

    @operation(rule="dx = scale * dy")
    def weighted_sum(x: Float[np.ndarray, " n"], scale: Float[np.ndarray, " n"]):
        def backward(needs, dy):
            return scale if needs.x else None, None

        return (x * scale).sum(), backward

    x, scale = Tensor(np.ones(3), requires_grad=True), Tensor(np.full(3, 2.0))
    for times in (1, 2, 3):
        weighted_sum(x, scale).backward()
        np.testing.assert_array_equal(x.grad.numpy(), 2.0 * times)
        np.testing.assert_array_equal(scale.numpy(), 2.0)
    x.grad.zero_()
    np.testing.assert_array_equal(scale.numpy(), 2.0)
