"""What a Tensor is: its dtype, its views, what it hands out, what it refuses."""

import numpy as np
import pytest

from tinygrad_lab import creation, ops
from tinygrad_lab.creation import from_numpy
from tinygrad_lab.modes import no_grad
from tinygrad_lab.ops import elementwise, indexing, shapes
from tinygrad_lab.tensor import Tensor


@pytest.mark.parametrize(
    ("data", "dtype"),
    [(1.5, np.float32), ([1.0, 2.0], np.float32), (3, np.int64), ([True], np.bool_), (np.zeros(2), np.float64),
     (np.float64(1), np.float64), (np.zeros(2, np.float16), np.float16), (np.zeros(2, np.int32), np.int32)],
)  # fmt: skip
def test_dtype_of_data(data, dtype):
    assert Tensor(data).dtype == dtype


def test_data_is_copied():
    array = np.zeros(3)
    tensor = Tensor(array)
    array[0] = 1
    assert tensor.tolist() == [0, 0, 0]
    assert from_numpy(array).tolist() == [1, 0, 0]


def test_not_numeric():
    with pytest.raises(TypeError, match="must be numeric, got list"):
        Tensor(["a"])


@pytest.mark.parametrize("data", [[1, 2], [True]])
def test_integers_have_no_gradient(data):
    with pytest.raises(TypeError, match="only floating point tensors have gradients"):
        Tensor(data, requires_grad=True)


def test_numpy_is_read_only():
    tensor = Tensor([1.0, 2.0])
    for array in (tensor.numpy(), np.asarray(tensor)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    assert np.array(tensor, copy=True).flags.writeable
    assert tensor.tolist() == [1, 2]


def test_requires_grad_of_a_result_cannot_be_taken_back():
    y = Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"use detach\(\)"):
        y.requires_grad_(False)


def test_repr_names_the_operation():
    x = Tensor([1.0], requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], made_by=multiply)"


# ---- dtypes of results: torch's promotion ---------------------------------------------------------------------------


@pytest.mark.parametrize("scalar", [2, 2.5, np.float64(2.5), np.int64(2), np.float32(2), True])
@pytest.mark.parametrize("function", [ops.add, ops.subtract, ops.multiply, ops.divide, ops.power, ops.maximum])
def test_scalars_never_widen_float32(function, scalar):
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = function(x, scalar)
    y.backward(np.ones(2))
    assert y.dtype == x.grad.dtype == np.float32
    assert function(scalar, x).dtype == np.float32


def test_scalars_by_keyword_do_not_widen_either():
    x = Tensor([1.0, 2.0])
    assert elementwise.multiply(x, y=np.float64(2)).dtype == np.float32
    assert elementwise.multiply(x=np.float64(2), y=x).dtype == np.float32


@pytest.mark.parametrize(
    ("x", "y", "dtype"),
    [(np.ones(2, np.float32), np.ones(2, np.int64), np.float32), (np.ones(2, np.float32), np.ones(2), np.float64),
     (np.ones(2, np.float32), np.ones(()), np.float32), (np.ones(2, np.int64), 2.5, np.float32),
     (np.ones(2, np.int64), np.ones(()), np.float64), (np.ones(2, bool), 2, np.int64),
     (np.ones(2, np.int32), 2, np.int32), (np.ones(2, bool), np.ones(2, np.float32), np.float32)],
)  # fmt: skip
def test_promotion(x, y, dtype):
    other = Tensor(y) if isinstance(y, np.ndarray) else y
    assert (Tensor(x) * other).dtype == dtype
    assert (other * Tensor(x)).dtype == dtype


def test_integers_become_float32_in_real_functions():
    whole = Tensor([1, 2, 4])
    assert [f(whole).dtype for f in (ops.exp, ops.log, ops.sqrt, ops.sin, ops.reciprocal)] == [np.float32] * 5
    assert (whole / whole).dtype == np.float32
    assert (whole / 2).tolist() == [0.5, 1, 2]


def test_mixed_dtypes_give_each_operand_its_own():
    narrow, wide = Tensor(np.ones(2, np.float32), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    (narrow * wide).backward(np.ones(2))
    assert (narrow.grad.dtype, wide.grad.dtype) == (np.float32, np.float64)


# ---- conventions of elementwise operations --------------------------------------------------------------------------


def test_power_at_zero():
    base, exponent = Tensor(np.zeros(3), requires_grad=True), Tensor(np.array([0.0, 1.0, 2.0]), requires_grad=True)
    (base**exponent).backward(np.ones(3))
    assert base.grad.tolist() == [0, 1, 0]
    assert exponent.grad.tolist() == [0, 0, 0]
    base.grad = None
    (base**0).backward(np.ones(3))
    assert base.grad.tolist() == [0, 0, 0]


def test_where_shields_the_branch_not_taken():
    x = Tensor([1.0, 2.0], requires_grad=True)
    ops.where(Tensor([True, False]), x, 0.0).backward(np.array([1, np.inf]))
    assert x.grad.tolist() == [1, 0]


def test_clamp_needs_a_bound():
    with pytest.raises(ValueError, match="at least one of min and max"):
        ops.clamp(Tensor([1.0]))


def test_std_of_equal_values_has_gradient_zero():
    x = Tensor(np.ones(3), requires_grad=True)
    x.std().backward()
    assert x.grad.tolist() == [0, 0, 0]


# ---- views ----------------------------------------------------------------------------------------------------------


def test_basic_indexing_and_reshaping_are_views():
    x = Tensor(np.zeros((2, 3)))
    x[0].fill_(1)
    x[1, 2].fill_(2)
    x[..., 1].fill_(3)
    x.T.reshape(3, 2)[0, 1].fill_(4)
    x.view(6)[2].fill_(5)
    x.unbind()[1][0].add_(1)
    assert x.tolist() == [[1, 3, 5], [5, 3, 2]]


def test_copies_are_not_views():
    x = Tensor(np.zeros((2, 3)))
    for copy in (x[[0, 1]], x.T.reshape(6), x.clone(), x.roll(1), ops.einsum("ij->ji", x), x.cumsum(0)):
        copy.fill_(1)
    assert x.tolist() == [[0] * 3] * 2


def test_backward_of_a_copy_does_not_mind_its_source_changing():
    x = Tensor(np.ones((2, 3)))
    w = Tensor(np.ones(6), requires_grad=True)
    y = w * x.T.reshape(6)
    x.zero_()
    y.sum().backward()
    assert w.grad.tolist() == [1] * 6


def test_index_tensor_may_change_afterwards():
    x, index = Tensor(np.zeros(3), requires_grad=True), Tensor([0, 0])
    y = x[index]
    index.fill_(2)
    y.sum().backward()
    assert x.grad.tolist() == [2, 0, 0]


def test_scatter_add_ignores_the_rest_of_a_larger_source():
    source = Tensor(np.arange(1.0, 4.0), requires_grad=True)
    out = indexing.scatter_add(Tensor(np.zeros(2)), 0, Tensor([1, 1]), source)
    out.backward(np.array([5.0, 7.0]))
    assert out.tolist() == [0, 3]
    assert source.grad.tolist() == [7, 7, 0]


# ---- bad input: one clear line --------------------------------------------------------------------------------------

x23 = Tensor(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shapes.expand(x23, (3,)), r"expand: size \(3,\) does not fit an input of shape \(2, 3\)"),
        (lambda: shapes.flatten(x23, 1, 0), "flatten: start_dim 1 comes after end_dim 0"),
        (lambda: shapes.cat([]), "cat: tensors must not be empty"),
        (lambda: shapes.stack([x23, x23[0]]), "stack: tensors must be at least one, all of one shape"),
        (lambda: shapes.split(x23, 0), "split: split_size_or_sections must be positive, got 0"),
        (lambda: shapes.split(x23, [1, 2]), r"split: split_size_or_sections \[1, 2\] must add up to 2"),
        (lambda: shapes.chunk(x23, 0), "chunk: chunks must be positive, got 0"),
        (lambda: shapes.pad(x23, (1,)), "pad: pad must have one pair"),
        (lambda: shapes.pad(x23, (1, 1), "reflect"), "pad: mode must be 'constant', got 'reflect'"),
        (lambda: indexing.gather(x23, 0, Tensor([0])), "gather: index of shape"),
        (lambda: indexing.scatter_add(x23, 0, Tensor([[0, 0]]), x23[0]), "scatter_add: index of shape"),
        (lambda: ops.norm(x23, 1), "norm: p must be 2"),
        (lambda: ops.bmm(x23, x23), "bmm: input and mat2 must be"),
        (lambda: ops.outer(x23, x23), "outer: input and vec2 must be vectors"),
        (lambda: ops.einsum("ij,jk", x23), "names 2 operands, 1 were given"),
        (lambda: ops.einsum("ijk->i", x23), "'ijk' in 'ijk->i' does not fit an operand"),
        (lambda: ops.einsum("i->i", x23), "'i' in 'i->i' does not fit an operand"),
        (lambda: ops.einsum("ij->ik", x23), "output 'ik' of 'ij->ik' must name labels"),
        (lambda: ops.einsum("ij->ii", x23), "must name labels of the operands, each once"),
        (lambda: ops.einsum("ij,ji", x23, x23), "label 'j' in 'ij,ji' has the sizes 3 and 2"),
        (lambda: ops.einsum("i?", x23), "must be made of letters"),
        (lambda: bool(x23), "is ambiguous"),
        (lambda: x23[Tensor([0.5])], "must be integer or boolean, got float32"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((ValueError, IndexError), match=message):
        call()


def test_iteration():
    assert [row.tolist() for row in Tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    with pytest.raises(TypeError, match="without dimensions"):
        iter(Tensor(1.0))


# ---- creation -------------------------------------------------------------------------------------------------------


def test_creation():
    assert creation.zeros(2, 3).shape == creation.ones((2, 3)).shape == creation.zeros([2, 3]).shape == (2, 3)
    assert creation.zeros(2).dtype == creation.eye(2).dtype == creation.arange(0, 1, 0.25).dtype == np.float32
    assert creation.arange(3).tolist() == [0, 1, 2]
    assert creation.arange(3).dtype == creation.full(2, 7).dtype == np.int64
    assert creation.full((1, 2), 0.5).tolist() == [[0.5, 0.5]]
    assert creation.full_like(x23, 4).dtype == creation.zeros_like(x23).dtype == np.float64
    assert creation.ones_like(x23, dtype=np.int64).tolist() == [[1] * 3] * 2
    assert creation.tensor([1.0], requires_grad=True).requires_grad


def test_random_creation_repeats_with_its_generator():
    draws = [creation.randn(2, 3, generator=np.random.default_rng(1)) for _ in range(2)]
    assert draws[0].tolist() == draws[1].tolist()
    uniform = creation.rand(1000, generator=np.random.default_rng(1), requires_grad=True)
    assert uniform.dtype == np.float32
    assert 0 <= uniform.min().item() < uniform.max().item() < 1


def test_in_place_needs_no_grad():
    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"wrap it in no_grad\(\)"):
        x.add_(1)
    with no_grad():
        assert x.add_(1).tolist() == [2]
