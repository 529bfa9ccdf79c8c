"""Local response normalisation: the paper's formula word by word, layouts, chunks, what is refused, the layer."""

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_twins
from tests.numerics import relative_error
from tinygrad_lab.nn.normalization import LocalResponseNorm
from tinygrad_lab.ops.local_response_norm import CHUNK, local_response_norm
from tinygrad_lab.tensor import Tensor

PAPER = {"alpha": 5e-4, "beta": 0.75, "k": 2.0}  # with size 5


def test_is_the_formula_of_section_3_3() -> None:
    """k = 2, n = 5, α = 1e-4, β = 0.75; the sum goes from max(0, i - n/2) to min(N - 1, i + n/2)."""
    a = 40 * np.random.default_rng(0).standard_normal((2, 7, 3, 2))
    expected = np.empty_like(a)
    for i in range(7):
        window = a[:, max(0, i - 2) : min(6, i + 2) + 1]
        expected[:, i] = a[:, i] / (2 + 1e-4 * (window**2).sum(axis=1)) ** 0.75
    assert relative_error(local_response_norm(Tensor(a), 5, **PAPER).numpy(), expected) < 1e-14


def test_an_even_window_reaches_further_down() -> None:
    x = Tensor(np.array([[[1.0], [0.0], [0.0]]]), requires_grad=True)
    y = local_response_norm(x, 2, alpha=2.0, beta=1.0, k=1.0)
    assert y.flatten().tolist() == [1 / 2, 0, 0]
    y.backward(np.array([[[0.0], [1.0], [0.0]]]))
    assert x.grad.flatten().tolist() == [0, 1 / 2, 0]  # channel 1 sees channel 0, channel 0 does not see it


@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (1, 2, 3, 0), (0, 2, 3, 1)])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_images_of_many_chunks_in_any_memory_layout(layout: tuple[int, ...], beta: float) -> None:
    image = np.random.default_rng(0).standard_normal((3, 11, 61, 100))
    assert image.size > 3 * CHUNK
    stored = np.ascontiguousarray(image.transpose(layout)).transpose(np.argsort(layout))
    x, twin = Tensor(stored, requires_grad=True), torch.tensor(image, requires_grad=True)
    y = local_response_norm(x, 5, 0.3, beta)
    expected = torch.nn.functional.local_response_norm(twin, 5, 0.3, beta)
    y.backward(image)
    expected.backward(torch.from_numpy(image))
    assert relative_error(y.numpy(), expected.detach().numpy()) < 1e-13
    assert relative_error(x.grad.numpy(), twin.grad.numpy()) < 1e-13


def test_output_is_laid_out_with_the_batch_innermost() -> None:
    y = local_response_norm(Tensor(np.ones((3, 2, 4, 5))), 3).numpy()
    assert y.transpose(1, 2, 3, 0).flags.c_contiguous


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 3, 0)])
def test_nothing_in_nothing_out(shape: tuple[int, ...]) -> None:
    x = Tensor(np.empty(shape), requires_grad=True)
    local_response_norm(x, 5).backward(np.empty(shape))
    assert x.grad.shape == shape


def test_a_window_far_wider_than_the_channels() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    size = 10**9
    expected = x / (1 + 4.0 * (x**2).sum(axis=1, keepdims=True)) ** 0.75
    assert relative_error(local_response_norm(Tensor(x), size, alpha=4.0 * size).numpy(), expected) < 1e-14


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((3, 8), 5, r"local_response_norm: input must be \(N, C, \*\) with at least 3 axes, got \(3, 8\)"),
        ((1, 3, 8), 0, "local_response_norm: size must be an integer >= 1, got 0"),
        ((1, 3, 8), 2.5, "local_response_norm: size must be an int, got 2.5"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_says_what_does_not_fit(shape: tuple[int, ...], size: float, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        local_response_norm(Tensor(np.ones(shape)), size)


@pytest.mark.parametrize("args", [(5,), (4, 0.3, 0.5), (5, 5e-4, 0.75, 2.0)])
def test_layer_equals_torch(args: tuple) -> None:
    assert_twins(LocalResponseNorm(*args), torch.nn.LocalResponseNorm(*args), (2, 9, 3, 4))
    assert repr(LocalResponseNorm(*args)) == repr(torch.nn.LocalResponseNorm(*args))
