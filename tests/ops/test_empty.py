"""Shapes with nothing in them: what torch gives for them, or one clear error where torch has one, too."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.ops.central import CENTRAL, Central, Shapes, along_rows, in_training, run_ours, run_theirs
from tinygrad_lab import nn, ops
from tinygrad_lab.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")  # about the mean of nothing

ROWS = {row.name: row for row in CENTRAL}

# What is asked for: an operation, and shapes in which an axis has length 0.
EMPTY: list[tuple[str, Shapes]] = [
    ("linear", ((0, 6), (3, 6), (3,))),
    ("linear", ((4, 6), (0, 6), (0,))),
    ("linear", ((4, 0), (3, 0), (3,))),
    ("linear", ((1, 0), (3, 0), (3,))),
    ("matmul", ((2, 0, 6), (6, 3))),
    ("matmul", ((2, 4, 0), (0, 3))),
    ("conv2d, in bands", ((0, 3, 7, 8), (4, 3, 3, 3), (4,))),
    ("conv2d, strides and groups", ((0, 4, 8, 8), (6, 2, 3, 3), (6,))),
    ("conv_transpose2d", ((0, 3, 4, 4), (3, 4, 3, 3), (4,))),
    ("max_pool2d", ((0, 3, 7, 7),)),
    ("avg_pool2d", ((0, 3, 7, 7),)),
    ("local_response_norm", ((0, 7, 3, 3),)),
    ("layer_norm", ((0, 6), (6,), (6,))),
    ("layer_norm", ((4, 0), (0,), (0,))),
    ("rms_norm", ((0, 6), (6,))),
    ("rms_norm", ((4, 0), (0,))),
    ("batch_norm", ((0, 3, 2), (3,), (3,))),
    ("batch_norm", ((4, 3, 0), (3,), (3,))),
    ("batch_norm, evaluation", ((0, 3, 2), (3,), (3,))),
    ("softmax", ((0, 6),)),
    ("softmax", ((4, 0),)),
    ("softmax", ((),)),
    ("log_softmax", ((0, 6),)),
    ("log_softmax", ((4, 0),)),
    ("log_softmax", ((),)),
    ("logsumexp", ((0, 6),)),
    ("logsumexp", ((4, 0),)),
    ("cross_entropy, of probabilities", ((0, 5), (0, 5))),
    ("cross_entropy, of probabilities", ((6, 0), (6, 0))),
    ("binary_cross_entropy_with_logits", ((0, 6), (0, 6))),
    ("mse_loss", ((0, 6), (0, 6))),
    ("l1_loss", ((0, 6), (0, 6))),
    *[(name, ((0, 6),)) for name in ("sigmoid", "tanh", "gelu", "softplus", "silu", "relu", "leaky_relu", "erf")],
    *[(name, ((0, 6),)) for name in ("sum", "mean", "var", "std", "prod", "norm")],
    *[
        (f"{name} of rows", (shape,))
        for name in ("sum", "mean", "var", "std", "prod", "cumsum", "norm")
        for shape in ((0, 6), (4, 0))
    ],
    *[(f"{name} of rows", ((0, 6),)) for name in ("amax", "amin", "max")],
    *[
        (name, shapes)
        for name in ("attention", "attention, causal")
        for shapes in (
            ((0, 5, 4), (0, 5, 4), (0, 5, 3)),
            ((2, 0, 4), (2, 5, 4), (2, 5, 3)),
            ((2, 5, 4), (2, 0, 4), (2, 0, 3)),
            ((2, 5, 0), (2, 5, 0), (2, 5, 3)),
            ((2, 5, 4), (2, 5, 4), (2, 5, 0)),
        )
    ],
    ("attention, masked", ((0, 5, 4), (0, 5, 4), (0, 5, 3))),
    ("attention, biased", ((0, 5, 4), (0, 5, 4), (0, 5, 3), (5, 5))),
    ("attention, biased", ((2, 5, 4), (2, 0, 4), (2, 0, 3), (5, 0))),
    ("forgetting_attention", ((0, 5, 4), (0, 5, 4), (0, 5, 3), (0, 5))),
    ("forgetting_attention", ((2, 5, 0), (2, 5, 0), (2, 5, 3), (2, 5))),
    ("forgetting_attention, in blocks", ((0, 5, 4), (0, 5, 4), (0, 5, 3), (0, 5))),
    ("rotary_embedding", ((0, 3, 4), (3, 2), (3, 2))),
    ("rotary_embedding", ((2, 0, 4), (0, 2), (0, 2))),
    ("swiglu", ((0, 6), (0, 6))),
    ("causal_conv1d", ((0, 5, 3), (3, 4), (3,))),
    ("selective_scan", ((0, 4, 3), (0, 4, 3), (3, 5), (0, 4, 5), (0, 4, 5), (3,))),
    ("embedding", ((5, 0),)),
    ("multiply", ((0, 3), (1, 3))),
    ("multiply", ((3, 0), (3, 1))),
    ("maximum", ((0, 3), (1,))),
]


@pytest.mark.parametrize(("name", "shapes"), EMPTY, ids=lambda value: str(value))
def test_as_in_torch(name: str, shapes: Shapes) -> None:
    row = replace(ROWS[name], shapes=shapes)
    for mine, other in zip(run_ours(row, row.normal()), run_theirs(row, row.normal()), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5, strict=True)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "cumsum", "prod", "logsumexp", "sum"])
def test_a_number_has_one_dimension_to_reduce(name: str) -> None:
    ours, theirs = getattr(ops.reductions, name), getattr(torch, name)
    for dim in (0, -1):
        x, y = Tensor(3.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
        mine, other = ours(x, dim), theirs(y, dim)
        mine, other = (value[0] if isinstance(value, tuple) else value for value in (mine, other))
        assert mine.shape == ()
        assert mine.item() == other.item()
        if not name.startswith("arg"):
            mine.backward()
            assert x.grad.item() == 1


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_no_items(reduction: str, smoothing: float) -> None:
    options = {"reduction": reduction, "label_smoothing": smoothing}
    none = np.zeros(0, np.int64)
    row = Central(
        "cross_entropy",
        lambda x: ops.cross_entropy(x, Tensor(none), **options),
        lambda x: F.cross_entropy(x, torch.from_numpy(none), **options),
        ((0, 5),),
    )
    for mine, other in zip(run_ours(row, row.normal()), run_theirs(row, row.normal()), strict=True):
        np.testing.assert_array_equal(mine, other, strict=True)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2), (4, 3, 0)])
def test_an_empty_batch_does_not_move_the_statistics(shape: tuple[int, ...]) -> None:
    """They became NaN for ever."""
    ours, theirs = nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    assert ours(Tensor(np.zeros(shape, np.float32))).shape == theirs(torch.zeros(shape)).shape == shape
    for name, buffer in theirs.named_buffers():
        assert getattr(ours, name).numpy().tolist() == buffer.tolist()


REFUSED: list[tuple[Callable, Shapes, str]] = [
    (ops.max, ((0,),), "max: amax: input of shape (0,) has nothing along dim 0 to choose from"),
    (ops.amin, ((3, 0),), "amin: input of shape (3, 0) has nothing along dims (0, 1) to choose from"),
    (along_rows(ops.max), ((4, 0),), "max: input of shape (4, 0) has nothing along dim 1 to choose from"),
    (along_rows(ops.amin), ((4, 0),), "amin: input of shape (4, 0) has nothing along dim 1 to choose from"),
    (along_rows(ops.reductions.argmin), ((4, 0),), "argmin: input of shape (4, 0) has nothing along dim 1"),
    (in_training(ops.batch_norm), ((1, 3), (3,), (3,)), "batch_norm: training needs more than 1 value per channel"),
    (ops.conv2d, ((2, 3, 0, 8), (4, 3, 3, 3)), "conv2d: the kernel covers (3, 3) with dilation (1, 1), the padded"),
    (ops.conv2d, ((2, 3, 7, 8), (0, 3, 3, 3)), "conv2d: weight must have filters of at least one tap"),
    (ops.conv2d, ((2, 3, 7, 8), (4, 3, 0, 3)), "conv2d: weight must have filters of at least one tap"),
    (ops.conv_transpose2d, ((2, 3, 0, 4), (3, 4, 3, 3)), "conv_transpose2d: input (2, 3, 0, 4) must have pixels"),
    (ops.conv_transpose2d, ((2, 3, 4, 4), (3, 0, 3, 3)), "conv_transpose2d: input (2, 3, 4, 4) must have pixels"),
    (lambda x: ops.max_pool2d(x, 2), ((2, 3, 0, 4),), "max_pool2d: the window is larger than the padded input"),
    (lambda x: ops.avg_pool2d(x, 2), ((2, 3, 0, 4),), "avg_pool2d: the window is larger than the padded input"),
    (ROWS["cross_entropy"].ours, ((6, 0),), "cross_entropy: target 4 is out of range for 0 classes"),
    (ROWS["embedding"].ours, ((0, 3),), "embedding: input has index 4, out of range for a weight of 0 rows"),
    (ROWS["lstm"].ours, ((0, 2, 4), (2, 5), (2, 5), (20, 4), (20, 5), (20,), (20,)), "lstm: input has shape"),
    (ROWS["causal_conv1d"].ours, ((2, 0, 3), (3, 4), (3,)), "causal_conv1d: input has shape (2, 0, 3), a sequence"),
]


@pytest.mark.parametrize(("function", "shapes", "words"), REFUSED, ids=[words.split(",")[0] for *_, words in REFUSED])
def test_refused_in_one_line(function: Callable, shapes: Shapes, words: str) -> None:
    tensors = [Tensor(np.zeros(shape, np.float32), requires_grad=True) for shape in shapes]
    with pytest.raises((ValueError, IndexError), match="^" + re.escape(words)) as error:
        function(*tensors)
    assert "\n" not in str(error.value)
