"""Every central operation in float32 where rounding hurts, against itself in float64, forward and gradient.

The bound is not tuned.  An error may be

    4 × torch's own error, in float32 against its float64, on the same numbers: what a good algorithm reaches, plus
    16 ε × the size of what is added up: a few roundings of the terms, more than which no algorithm can promise.

That size is the largest entry of the result, unless larger terms cancel: then ``SIZES`` and ``TILES`` have them.  And
what lies below the smallest normal number of float32, where digits end, may be 0.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.ops import central
from tests.ops.central import CENTRAL, Arrays, Central, attention, run_ours, run_theirs
from tinygrad_lab import ops
from tinygrad_lab.ops.softmax import SAFE_SCORE
from tinygrad_lab.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, about overflow where a result overflows

EPS, SMALLEST, LARGEST = np.finfo(np.float32).eps, np.finfo(np.float32).tiny, 1e36  # with room for sums of terms


def assert_rounds_well(row: Central, arrays: Arrays, what: str = "") -> None:
    ours, exact = run_ours(row, arrays), run_ours(row, arrays, np.float64)
    theirs, theirs_exact = run_theirs(row, arrays), run_theirs(row, arrays, np.float64)
    sizes = SIZES.get(row.name.partition(",")[0], lambda arrays: {})(arrays)
    for place, (mine, truth, other, other_truth) in enumerate(zip(ours, exact, theirs, theirs_exact, strict=True)):
        counts = np.isfinite(truth) & (np.abs(truth) < LARGEST) & np.isfinite(other)
        if not counts.any():
            continue
        assert np.isfinite(mine[counts]).all(), f"{row.name} {what}: result {place} is not finite"
        result = float(np.abs(truth[counts]).max()) * (16 if row.name in TILES else 1)
        size = max(result, sizes.get(place - len(exact), 0.0))
        torchs = float(np.abs(other[counts].astype(np.float64) - other_truth[counts]).max())
        error = float(np.abs(mine[counts].astype(np.float64) - truth[counts]).max())
        bound = 4 * torchs + 16 * EPS * size + SMALLEST
        assert error <= bound, f"{row.name} {what}: result {place}, error {error:.2g}, bound {bound:.2g}"


def largest(x: np.ndarray) -> float:
    return float(np.abs(x).max(initial=0)) if np.isfinite(x).all() else 0.0


def of_attention(arrays: Arrays) -> dict[int, float]:
    """A gradient of a score is P (Ō Vᵀ - δ): where one key has all the weight, both terms are as large as V.  And P is
    the exponential of a score that is rounded to ε of its own size.
    """
    q, k, v, *rest = (largest(x) for x in arrays)
    roundings = 1 + q * k / 16
    dscore = v * roundings * arrays[2].shape[-1]
    first = -len(arrays)
    return {first: dscore * k, first + 1: dscore * q * 5, first + 2: roundings, **({-1: dscore} if rest else {})}


def of_gates(arrays: Arrays) -> dict[int, float]:
    """½ tanh(½x) + ½ is the logistic function to a rounding of 1, also where it is almost 0 (design, 9)."""
    return {-10: 1.0, -9: 1.0, -8: 1.0, **dict.fromkeys(range(-7, 0), largest(arrays[4]))}


SIZES: dict[str, Callable[[Arrays], dict[int, float]]] = {
    "attention": of_attention,
    "forgetting_attention": of_attention,
    "lstm": of_gates,
}

# Winograd's transforms make terms larger than their sums: 3e-5 of the largest output in all (test_winograd.py).
TILES = ("conv2d, in tiles", "conv2d, 5 x 5 in tiles", "conv2d, padded")

# ---- every operation, one argument in a regime -----------------------------------------------------------------------

REGIMES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{f"x {s:g}": lambda x, s=s: x.astype(np.float64) * s for s in (1e-40, 1e-20, 1e10, 1e18, 1e30, 1e35)},
    **{f"+ {m:g}": lambda x, m=m: x + m for m in (1e2, 1e3, 1e4, 1e6)},
    "equal": lambda x: np.full_like(x, 1e6 + 0.3),
    "nearly equal": lambda x: 1e6 + np.round(x),
}


@pytest.mark.parametrize("row", CENTRAL, ids=lambda row: row.name)
def test_one_argument_in_a_regime(row: Central) -> None:
    for argument in range(len(row.shapes)):
        for name, regime in REGIMES.items():
            arrays = row.normal()
            arrays[argument] = regime(arrays[argument]).astype(np.float32)
            assert_rounds_well(row, arrays, f"argument {argument} {name}")


# ---- long sums -------------------------------------------------------------------------------------------------------

LONG = 100_000
LABELS = np.random.default_rng(0).integers(0, 5, LONG)


def over_rows(name: str) -> Central:
    """Along the first axis, which NumPy sums one by one."""
    return Central(name, lambda x: getattr(ops, name)(x, 0), lambda x: getattr(torch, name)(x, 0), ((LONG, 3),))


def normed(name: str, *shapes: tuple[int, ...]) -> Central:
    ours, theirs = getattr(ops, name), getattr(F, name)
    return Central(name, lambda x, *p: ours(x, x.shape[-1:], *p), lambda x, *p: theirs(x, x.shape[-1:], *p), shapes)


LONG_SUMS = [
    *[over_rows(name) for name in ("sum", "mean", "var", "std", "cumsum")],
    *[
        Central(name, getattr(ops, name), getattr(torch, name), ((3 * LONG,),))
        for name in ("sum", "mean", "var", "std")
    ],
    Central("norm", ops.norm, torch.linalg.vector_norm, ((3 * LONG,),)),
    *[
        Central(name, central.along_rows(getattr(ops, name)), central.along_rows(getattr(torch, name)), ((2, LONG),))
        for name in ("softmax", "log_softmax", "logsumexp", "cumsum")
    ],
    *[
        Central(name, getattr(ops, name), getattr(F, name), ((3 * LONG,), (3 * LONG,)))
        for name in ("l1_loss", "binary_cross_entropy_with_logits")
    ],
    Central("mse_loss", ops.mse_loss, F.mse_loss, ((10 * LONG,), (10 * LONG,))),
    Central(
        "cross_entropy",
        lambda x: ops.cross_entropy(x, Tensor(LABELS)),
        lambda x: F.cross_entropy(x, torch.from_numpy(LABELS)),
        ((LONG, 5),),
    ),
    Central("linear", ops.linear, F.linear, ((3, LONG), (4, LONG), (4,))),
    Central("linear", ops.linear, F.linear, ((LONG, 3), (4, 3), (4,))),
    Central("matmul", ops.matmul, torch.matmul, ((3, LONG), (LONG, 4))),
    Central("matmul", ops.matmul, torch.matmul, ((LONG,), (LONG,))),
    normed("layer_norm", (3, LONG), (LONG,), (LONG,)),
    normed("layer_norm", (LONG, 6), (6,), (6,)),
    normed("rms_norm", (3, LONG), (LONG,)),
    Central(
        "batch_norm",
        central.in_training(ops.batch_norm),
        central.in_training(F.batch_norm),
        ((100, 3, 1000), (3,), (3,)),
    ),
    Central("avg_pool2d", lambda x: ops.avg_pool2d(x, 100), lambda x: F.avg_pool2d(x, 100), ((1, 1, 100, 100),)),
    Central("conv2d", ops.conv2d, F.conv2d, ((16, 1, 100, 100), (2, 1, 3, 3), (2,))),
    Central(
        "embedding",
        lambda w: ops.embedding(Tensor(LABELS), w),
        lambda w: F.embedding(torch.from_numpy(LABELS), w),
        ((5, 3),),
    ),
]


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("row", LONG_SUMS, ids=lambda row: f"{row.name} {row.shapes[0]}")
def test_long_sums(row: Central, offset: float) -> None:
    arrays = row.normal()
    arrays[0] += np.float32(offset)
    assert_rounds_well(row, arrays, f"+ {offset}")


def test_a_long_sum_does_not_stand_still() -> None:
    """At 2²⁴ a float32 no longer grows by 1."""
    ones = Tensor(np.ones((2**24 + 1000, 1), np.float32))
    assert ops.sum(ones, 0).item() == 2**24 + 1000
    assert ops.mean(ones, 0).item() == 1


# ---- scores ----------------------------------------------------------------------------------------------------------

ATTENTIONS = [row for row in CENTRAL if "attention" in row.name]
SCORES = (SAFE_SCORE - 1, SAFE_SCORE + 1, 84.0, 86.0, 88.0, 90.0, 104.0, 1e3, 1e5)  # exp(88.7) is float32's largest


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("row", ATTENTIONS, ids=lambda row: row.name)
def test_scores_of_every_size(row: Central, score: float) -> None:
    for sign in (1, -1):
        arrays = row.normal(seed=3)
        scores = sign * (arrays[0] @ arrays[1].swapaxes(-1, -2)) / 2
        arrays[0] *= np.float32(sign * score / scores.max())
        assert_rounds_well(row, arrays, f"scores up to {sign * score}")


@pytest.mark.parametrize("row", ATTENTIONS, ids=lambda row: row.name)
def test_all_scores_are_as_low(row: Central) -> None:
    """exp(-39) for each: sums far below 1, and gradients divided by them."""
    for score in (-SAFE_SCORE + 1, SAFE_SCORE - 1, -86.0, 86.0, -1e3):
        arrays = row.normal()
        arrays[0][:] = 1
        arrays[1] = (score / 2 + 0.01 * arrays[1]).astype(np.float32)
        assert_rounds_well(row, arrays, f"scores about {score}")


@pytest.mark.parametrize("function", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("score", [85.0, 1e4, 1e38, 3e38])
def test_softmax_of_large_numbers(function: str, score: float) -> None:
    ours, theirs = central.along_rows(getattr(ops, function)), central.along_rows(getattr(torch, function))
    row = Central(function, ours, theirs, ((4, 50),))
    for sign in (1, -1):
        assert_rounds_well(row, [np.clip(row.normal()[0] * score, -3e38, 3e38) * sign])
        assert_rounds_well(row, [np.full((4, 50), sign * score, np.float32) + row.normal()[0]])


# ---- by name: what was wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e6 + 0.3, 0.1, -1e20, 3e38, 1e-40])
def test_equal_numbers_have_no_spread(value: float) -> None:
    """Exactly: layer_norm of rows of 1,000,000.3 gave ±0.99992."""
    x = Tensor(np.full((777, 768), value, np.float32), requires_grad=True)
    outputs = [ops.layer_norm(x, (768,)), ops.std(x), ops.var(x, 0), ops.std(x, 1)]
    if value < 1e38:  # where not even the mean overflows
        outputs.append(ops.batch_norm(x, None, None, None, None, True))
    for out in outputs:
        assert (out.numpy() == 0).all()
    ops.std(x).backward()
    assert (x.grad.numpy() == 0).all()


@pytest.mark.parametrize("mean", [10, 15, 1e3, 1e4, 1e5])
def test_spread_of_rows_far_from_0(mean: float) -> None:
    """E[x²] - E[x]² would be off by 0.095 at 1,000.  Distances from one element are exact, and few roundings follow; up
    to 16 the mean's own rounding is borne.
    """
    x = (mean + np.random.default_rng(0).standard_normal((20, 768))).astype(np.float32)
    exact = x.astype(np.float64)
    centred = exact - exact.mean(1, keepdims=True)
    expected = centred / np.sqrt(np.square(centred).mean(1, keepdims=True) + 1e-5)
    assert np.abs(ops.layer_norm(Tensor(x), (768,)).numpy() - expected).max() <= 16 * EPS * np.abs(expected).max()
    assert np.abs(ops.var(Tensor(x), 1).numpy() / exact.var(1, ddof=1) - 1).max() <= 4 * EPS
    running = Tensor(np.zeros(768, np.float32)), Tensor(np.zeros(768, np.float32))
    ops.batch_norm(Tensor(x), *running, training=True, momentum=1.0)
    assert np.abs(running[0].numpy() / exact.mean(0) - 1).max() <= 4 * EPS
    assert np.abs(running[1].numpy() / exact.var(0, ddof=1) - 1).max() <= 16 * EPS


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1e20, 1.5e38])
def test_norm_and_std_neither_overflow_nor_vanish(size: float) -> None:
    """Squares of 3e38 overflow, those of 1e-30 vanish; the result does not."""
    x = Tensor(np.array([size, -size], np.float32), requires_grad=True)
    for function, factor in ((ops.norm, 2**0.5), (ops.std, 2**0.5)):
        x.grad = None
        y = function(x)
        y.backward()
        exact = float(x.numpy()[0]) * factor
        assert abs(float(y.numpy()) - exact) <= 4 * EPS * exact + 1e-44
        np.testing.assert_allclose(x.grad.numpy(), [0.5**0.5, -(0.5**0.5)], rtol=1e-4 if size < SMALLEST else 4 * EPS)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}], ids=["plain", "causal"])
@pytest.mark.parametrize("score", [0.0, 30.0])
def test_attention_to_huge_values(options: dict, score: float) -> None:
    """The mean of numbers of 3e38 is one, their sum is not, let alone exp(30) times it."""
    row = Central("attention", *attention(**options), ((2, 5, 4), (2, 5, 4), (2, 5, 3)))
    arrays = [np.full((2, 5, 4), score**0.5 / 2**0.5, np.float32)] * 2 + [np.full((2, 5, 3), 3e38, np.float32)]
    np.testing.assert_allclose(run_ours(row, arrays)[0], 3e38, rtol=16 * EPS)
    values = Tensor(arrays[2]), Tensor(np.zeros((2, 5), np.float32))
    y = ops.forgetting_attention(Tensor(arrays[0]), Tensor(arrays[1]), *values).numpy()
    np.testing.assert_allclose(y, 3e38, rtol=16 * EPS)


def test_gelu_of_huge_numbers() -> None:
    """x³ overflows from 1e13 on; the slope there is 1 or 0."""
    for approximate in ("none", "tanh"):
        x = Tensor(np.array([-1e18, -1e13, -50, 50, 1e13, 1e18], np.float32), requires_grad=True)
        y = ops.gelu(x, approximate)
        y.backward(np.ones(6))
        assert (y.numpy() == np.maximum(x.numpy(), 0)).all()
        assert x.grad.numpy().tolist() == [0, 0, 0, 1, 1, 1]
