"""The gate: what an operation's annotations say holds at every call, and every refusal names operation and argument."""

import copy
import enum
import gc
import inspect
import numbers
import typing
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lab as lab
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.ops.gate import NEUTRAL, gated
from tinygrad_lab.ops.operation import OPERATIONS, Float, Int, operation
from tinygrad_lab.typing import Array

X = Tensor([[1.0, 2.0], [3.0, 4.0]])
LEARNS = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
INTS = Tensor([[0, 1], [1, 0]])
FLAGS = Tensor([[True, False], [False, True]])
IMAGE = Tensor(np.ones((1, 2, 4, 4), np.float32))

REFUSED: list[tuple[Callable, type[Exception], str]] = [
    # a wrong kind of array
    (lambda: FLAGS.mean(), TypeError, r"mean: input must be floating point, got bool"),
    (lambda: INTS.var(), TypeError, r"var: input must be a float tensor, got a int64 tensor"),
    (lambda: F.embedding(X, X), TypeError, r"embedding: input must be a integer tensor .*got a float32 tensor"),
    (lambda: F.linear(INTS, X), TypeError, "linear: input must be a float tensor"),
    (lambda: F.scaled_dot_product_attention(X, X, X, INTS), TypeError, "attn_mask must be a boolean tensor or a float"),
    (lambda: lab.where(INTS, X, X), TypeError, "where: condition must be a boolean tensor"),
    (lambda: lab.exp("x"), TypeError, r"exp: x must be .* got 'x' \(str\)"),
    (lambda: lab.exp(2.0), TypeError, r"exp: x must be a tensor, got 2.0 \(float\)"),
    (lambda: X + "1", TypeError, r"add: y must be .* got '1' \(str\)"),
    (lambda: X + None, TypeError, "add: y must be .* got None"),
    (lambda: X.add([1.0, 2.0]), TypeError, r"add: y must be .*got \[1.0, 2.0\] \(list\)"),
    (lambda: X * (1 + 2j), TypeError, "multiply: y must be"),
    (lambda: X + Tensor(np.array(["a"])), TypeError, "must be numeric"),
    # a wrong rank
    (lambda: F.conv2d(X, X), ValueError, r"conv2d: input must be a float tensor of shape .*got a float32"),
    (lambda: F.linear(X, X[0]), ValueError, r"linear: weight must be a float tensor of shape \(o, i\), got .*\(2,\)"),
    # a bool where a dimension is meant, a number where a flag is meant
    (lambda: X.sum(True), TypeError, "sum: dim must be an int .* got True"),
    (lambda: X.var(False), TypeError, "var: dim must be an int .* got False"),
    (lambda: X.std(dim=False), TypeError, "std: dim must be an int .* got False"),
    (lambda: X.softmax(True), TypeError, "softmax: dim must be an int, got True"),
    (lambda: X.sum((0, True)), TypeError, r"sum: dim must be .*got \(0, True\) \(tuple\)"),
    (lambda: X.sum(dim=0.7), TypeError, r"sum: dim must be .*got 0.7 \(float\)"),
    (lambda: X.sum(0, "no"), TypeError, r"sum: keepdim must be a bool, got 'no' \(str\)"),
    (lambda: X.cumsum("0"), TypeError, "cumsum: dim must be an int"),
    (lambda: X.transpose(0, 1.0), TypeError, "transpose: dim1 must be an int"),
    (lambda: X.flatten(True), TypeError, "flatten: start_dim must be an int, got True"),
    (lambda: X.reshape(4.0), TypeError, "reshape: shape must be a sequence of ints, got"),
    (lambda: F.max_pool2d(IMAGE, 2.0), TypeError, "max_pool2d: kernel_size must be an int or"),
    # a tensor where a setting is meant: its gradient could not come back
    (lambda: F.leaky_relu(X, LEARNS[0, 0]), TypeError, "negative_slope must be a number, got a float32 tensor"),
    (lambda: F.softplus(X, LEARNS[0, 0]), TypeError, "softplus: beta must be a number, got a float32 tensor"),
    (lambda: X.masked_fill(FLAGS, LEARNS[0, 0]), TypeError, "masked_fill: value has no gradient here"),
    (lambda: F.layer_norm(X, (2,), eps=LEARNS[0, 0]), TypeError, "layer_norm: eps must be a number"),
    (lambda: F.cross_entropy(X, INTS[0], LEARNS[0]), TypeError, "cross_entropy: weight has no gradient here"),
    (lambda: F.binary_cross_entropy_with_logits(X, X, pos_weight=LEARNS), TypeError, "pos_weight has no gradient here"),
    # dtypes that differ in a product or a layer
    (lambda: X @ X.double(), TypeError, "matmul: input is float32 and other is float64, they must have one dtype"),
    (lambda: X @ INTS, TypeError, "matmul: input is float32 and other is int64"),
    (lambda: lab.einsum("ij,jk->ik", X, X.double()), TypeError, "operands is float32 and operands is float64"),
    (lambda: F.linear(X, X.double()), TypeError, "linear: input is float32 and weight is float64"),
    # names and numbers of arguments
    (lambda: X.sum(0, False, 3), TypeError, r"sum: too many positional arguments; it takes input, dim, keepdim"),
    (lambda: F.relu(), TypeError, "relu: missing a required argument: 'input'; it takes input"),
    (lambda: F.relu(X, inplace=True), TypeError, "relu: inplace is True, it must be False here; it takes input"),
    (lambda: X.softmax(0, tempo=3), TypeError, "tempo is 3 .*, there is no such argument; it takes input, dim"),
    (lambda: X.squeeze(0, axis=1), TypeError, "squeeze: multiple values for argument 'dim'"),
    # what NumPy would take for another
    (lambda: X.reshape(-2), ValueError, r"reshape: a size must be at least 0, or -1, got \(-2,\)"),
    # NumPy's own errors
    (lambda: X.add(Tensor(np.ones(3))), ValueError, r"add: operands could not be broadcast.*given x a float64 tensor"),
    (lambda: X.sum(2), IndexError, r"sum: axis 2 is out of .*\(given input a float32 tensor of shape .*, dim 2"),
    (lambda: X.permute(0, 5), IndexError, "permute: axis 5 is out of bounds"),
    (lambda: X.reshape(3, 5), ValueError, r"reshape: cannot reshape array .* shape \(3, 5\)"),
    (lambda: X.squeeze(7), IndexError, "squeeze: axis 7 is out of bounds"),
    (lambda: lab.cat([X, Tensor(np.ones(3))]), ValueError, "cat: tensors must all have as many dimensions"),
    (lambda: X[5], IndexError, "getitem: index 5 is out of bounds"),
    (lambda: lab.matmul(X, Tensor(np.ones((3, 1), np.float32))), ValueError, "matmul: "),
    # what is no operation
    (lambda: ~X, TypeError, r"invert: input must be a boolean or integer tensor, got a float32 tensor of shape"),
    (lambda: X < "a", TypeError, r"lt: cannot be computed of input a float32 tensor .*, other 'a' \(str\)"),
    (lambda: X & X, TypeError, "and: cannot be computed of input a float32 tensor"),
    (lambda: X.lt(Tensor(np.ones(3))), ValueError, r"lt: .*given input a float32 tensor of shape \(2, 2\)"),
    (lambda: X.logical_and(Tensor(np.ones(3))), ValueError, r"logical_and: input of shape \(2, 2\) and other of"),
    (lambda: float(X), ValueError, r"float\(\) of a tensor of shape \(2, 2\): it must have one element"),
    (lambda: len(Tensor(1.0)), TypeError, r"len\(\) of a tensor without dimensions"),
    (lambda: X.size(5), IndexError, r"size: dim 5 is out of range for input of shape \(2, 2\)"),
    (lambda: X.size("a"), TypeError, r"size: dim must be an int, got 'a' \(str\)"),
    (lambda: copy.copy(LEARNS * 2), RuntimeError, "^copy: this tensor is the result of 'multiply'"),
    (lambda: lab.tensor([[1, 2], [3]]), ValueError, "ensor: data cannot be .*: its rows have different lengths"),
    (lambda: lab.zeros(2.5), TypeError, r"zeros: size must be ints, got 2.5 \(float\)"),
    (lambda: lab.full((2, 2.5), 1.0), TypeError, r"full: size must be ints, got 2.5 \(float\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[message[:40] for _, _, message in REFUSED])
def test_every_refusal_names_operation_and_argument_in_one_line(call, kind, message) -> None:
    for _ in range(2):  # nothing refused is remembered as admitted
        with pytest.raises(kind, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_admitted_once_does_not_admit_another_kind() -> None:
    assert X.sum(0).shape == (2,)
    with pytest.raises(TypeError, match="got False"):
        X.sum(False)
    assert X.sum(np.int64(1)).shape == (2,)


def test_neutral_keywords_of_torch_are_taken_and_torch_s_other_names() -> None:
    assert F.relu(X, inplace=False).tolist() == X.tolist()
    assert F.max_pool2d(IMAGE, 2, return_indices=False).shape == (1, 2, 2, 2)
    assert X.sum(axis=0, keepdims=True).tolist() == X.sum(dim=0, keepdim=True).tolist()
    assert lab.square(input=X).tolist() == (X * X).tolist()
    assert lab.squeeze(X[None], out=None).shape == (2, 2)
    for name, (first, *_) in NEUTRAL.items():  # False is not 0, and 1 is not True
        if first in (0, 1) and name not in F.relu.info.gate.kinds:
            with pytest.raises(TypeError, match=name):
                F.relu(X, **{name: 1 - first if first is not False else 0})


def test_a_constant_may_need_a_gradient_where_none_is_recorded() -> None:
    with no_grad():
        assert F.cross_entropy(X, INTS[0], LEARNS[0]).numel() == 1


@pytest.mark.parametrize("annotation", [typing.Any, inspect.Parameter.empty])
def test_no_tensor_that_learns_stands_where_nothing_is_said(annotation: object) -> None:
    def body(x: Float[Array, "..."], scale):
        return x * scale, lambda needs, dy: (dy * scale,)

    if annotation is typing.Any:
        body.__annotations__["scale"] = annotation
    scaled = operation(r"\bar x = s \bar y")(body)
    with pytest.raises(TypeError, match="body: scale has no gradient here"):
        scaled(X, LEARNS)
    assert scaled(LEARNS, X).requires_grad
    del OPERATIONS["body"]


def test_a_refused_call_keeps_nothing_alive() -> None:
    a = Tensor(np.ones(10))
    alive = weakref.ref(a._data)
    gc.disable()
    try:
        with pytest.raises(ValueError, match="could not be broadcast"):
            a + Tensor(np.ones(3))
        del a
        assert alive() is None
    finally:
        gc.enable()


def test_an_operation_of_others_is_told_in_one_line() -> None:
    @gated
    def theirs(x: int) -> int:
        raise ValueError(f"line {x}\nline 2")

    with pytest.raises(ValueError, match=r"^theirs: line 1 line 2$"):
        theirs(1)


def test_a_leaf_can_be_copied() -> None:
    twin = copy.copy(LEARNS)
    assert twin is not LEARNS
    assert twin.requires_grad
    assert twin.tolist() == LEARNS.tolist()


def test_an_error_of_ours_stays_as_it_is() -> None:
    with pytest.raises(ValueError, match=r"^clamp: at least one of min and max must be given, both are None$"):
        X.clamp()


def test_errors_of_memory_and_of_the_keyboard_are_not_told_again() -> None:
    @operation(r"\bar x = 0")
    def interrupted(x: Float[Array, "..."]) -> tuple:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(X)
    del OPERATIONS["interrupted"]


def test_other_functions_have_the_same_gate() -> None:
    @gated
    def doubled(values: Int[Tensor, " n"], times: int = 2) -> Tensor:
        return values * times

    assert doubled(Tensor([1, 2])).tolist() == [2, 4]
    with pytest.raises(ValueError, match=r"doubled: values must be a integer tensor of shape \(n\), got"):
        doubled(INTS)
    with pytest.raises(TypeError, match=r"doubled: times must be an int, got 2\.5"):
        doubled(Tensor([1, 2]), 2.5)


def test_help_shows_tensors() -> None:
    for name, lifted in vars(lab).items():
        if not hasattr(lifted, "info"):
            continue
        signature = inspect.signature(lifted)
        shown = [p.annotation for p in signature.parameters.values()] + [signature.return_annotation]
        assert "ndarray" not in str(shown), name
        assert "Callable" not in str(shown), f"{name} shows its backward"
    assert inspect.signature(lab.sum).return_annotation is Tensor
    assert str(inspect.signature(F.linear).parameters["weight"].annotation.dim_str) == "o i"
    assert typing.get_args(inspect.signature(F.linear).parameters["bias"].annotation)[1] is type(None)


# ---- annotations of functions and optimisers that others write ------------------------------------------------------
class Level(enum.IntEnum):
    LOW = 1


@pytest.mark.parametrize(("annotation", "value"), [
    ("Undefined", 1), ("list[Undefined]", [1]), (object, 1), (object, X), (numbers.Number, 1.0), (numbers.Number, 1),
    (numbers.Real, 1), (numbers.Integral, True), (Hashable, 1), (Hashable, (1,)), (np.floating, np.float32(1)),
    (np.integer, np.int64(1)), (Level, Level.LOW), (int, Level.LOW), (complex, 1.0), (complex, 1j), (complex, 1),
    (typing.Sequence, [1]), (typing.Sequence, ()), (Sequence, [1]), (list, [1]), (tuple, (1, 2)),
    (Sequence[int], range(3)), (Sequence[str], "ab"), (Sequence[int], [1]), (tuple[int, ...], (1, 2)),
    (list[int], (1, 2)),
])  # fmt: skip
def test_what_an_annotation_says_is_taken(annotation: Any, value: Any) -> None:
    def taking(x):
        return x

    taking.__annotations__ = {"x": annotation}
    assert gated(taking)(value) is value


@pytest.mark.parametrize(("annotation", "value"), [
    (int, True), (float, True), (complex, "1"), (Level, 1), (np.floating, 1.0), (np.integer, 1), (Sequence[int], "ab"),
    (Sequence[str], [1]), (typing.Sequence, 1), (tuple[int, int], (1,)), (numbers.Integral, 1.0), (list[int], {1}),
])  # fmt: skip
def test_what_an_annotation_does_not_say_is_refused(annotation: Any, value: Any) -> None:
    def taking(x):
        return x

    taking.__annotations__ = {"x": annotation}
    with pytest.raises(TypeError, match="taking: x must be "):
        gated(taking)(value)


def test_one_annotation_that_cannot_be_evaluated_leaves_the_others_checked() -> None:
    @gated
    def taking(x: "Undefined", n: "int"):  # noqa: F821 (as with a name that only a type checker imports)
        return x, n

    assert taking("any", 2) == ("any", 2)
    with pytest.raises(TypeError, match="taking: n must be an int"):
        taking("any", 2.5)


def test_keywords_that_a_function_collects_are_all_taken() -> None:
    @gated
    def taking(x: int, **options: float):
        return options

    assert taking(1, alpha=2.0, input=3) == {"alpha": 2.0, "input": 3}
    with pytest.raises(TypeError, match="taking: options must be a number, got 'a'"):
        taking(1, alpha="a")
