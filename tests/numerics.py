"""How tests compare numbers: the lab's measure of agreement, and derivatives by central differences."""

from collections.abc import Callable

import numpy as np

from tinygrad_lab.tensor import Tensor

STEP = 1e-5  # of differences in float64: truncation ~ STEP**4, rounding ~ 1e-16 / STEP


def relative_error(ours: np.ndarray, theirs: np.ndarray, scale: float = 0.0) -> float:
    """max|a - b| / max(max|b|, scale), design section 4; NaN and infinity must sit at the same places."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, f"shapes differ: ours {ours.shape}, theirs {theirs.shape}"
    odd = ~np.isfinite(theirs)
    np.testing.assert_array_equal(ours[odd], theirs[odd])
    if odd.all():
        return 0.0
    size = max(float(np.abs(theirs[~odd]).max()), scale)
    return float(np.abs(ours[~odd] - theirs[~odd]).max()) / size if size else float(np.abs(ours[~odd]).max())


def tolerance(dtype: np.dtype, reduction: int) -> float:
    """Rounding allowed for a sum of ``reduction`` terms: 1e-10 in float64, 50 eps sqrt(n) in float32."""
    return 1e-10 if dtype == np.float64 else 50 * float(np.finfo(np.float32).eps) * reduction**0.5


def as_outputs(result: object) -> list[Tensor]:
    return list(result) if isinstance(result, tuple | list) else [result]


def assert_numerical_gradient(function: Callable[..., object], arrays: list[np.ndarray], seed: int = 0) -> None:
    """d<f(x), w>/dx along a random direction v equals central differences, w random, all in float64.

    The plain difference over one step is wrong by STEP**2 times the third derivative: more than any tight bound where
    attention multiplies its scores by 20.  The difference over two steps takes that term away: 1.5e-9 is the worst of
    1,500 draws of each case of attention, and of 40 of all others.
    """
    rng = np.random.default_rng(seed)
    inputs = [Tensor(array, requires_grad=True) for array in arrays]
    made = as_outputs(function(*inputs))
    outputs = [out for out in made if out.requires_grad]
    assert outputs or not made, "no output depends on the inputs"
    weights = [rng.standard_normal(out.shape) for out in outputs]
    directions = [rng.standard_normal(array.shape) for array in arrays]

    def projected(step: float) -> float:
        moved = [Tensor(a + step * v, requires_grad=True) for a, v in zip(arrays, directions, strict=True)]
        results = [out for out in as_outputs(function(*moved)) if out.requires_grad]
        return sum(float((out.numpy() * w).sum()) for out, w in zip(results, weights, strict=True))

    one, two = ((projected(k * STEP) - projected(-k * STEP)) / (2 * k * STEP) for k in (1, 2))
    numerical = (4 * one - two) / 3
    analytical = 0.0
    for out, weight in zip(outputs, weights, strict=True):
        gradients = gradients_or_zero(out, inputs, weight)
        analytical += sum(float((g * v).sum()) for g, v in zip(gradients, directions, strict=True))
    scale = 1.0 + abs(numerical)
    assert abs(analytical - numerical) <= 1e-7 * scale, f"analytical {analytical:.9g}, numerical {numerical:.9g}"


def gradients_or_zero(output: Tensor, inputs: list[Tensor], weight: np.ndarray) -> list[np.ndarray]:
    """Gradients of <output, weight>; zero for an input that this output does not use."""
    for tensor in inputs:
        tensor.grad = None
    output.backward(weight, retain_graph=True)
    return [np.zeros(t.shape, t.dtype) if t.grad is None else t.grad.numpy() for t in inputs]


__all__ = ["as_outputs", "assert_numerical_gradient", "gradients_or_zero", "relative_error", "tolerance"]
