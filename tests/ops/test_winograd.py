"""Winograd's convolution equals the plain one, in values and both gradients; its error; the rule that picks it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics import relative_error, tolerance
from tinygrad_lab.ops.convolution import conv2d
from tinygrad_lab.ops.kernels import sliding, winograd
from tinygrad_lab.ops.kernels.sliding import Window, batch_first, batch_innermost
from tinygrad_lab.tensor import Tensor

ALEXNET = {  # padded image (C, H, W), weight, groups
    "conv2": ((96, 31, 31), (256, 48, 5, 5), 2),
    "conv3": ((256, 15, 15), (384, 256, 3, 3), 1),
    "conv4": ((384, 15, 15), (384, 192, 3, 3), 2),
    "conv5": ((384, 15, 15), (256, 192, 3, 3), 2),
}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def window(weight: tuple[int, ...], groups: int, stride: int = 1, dilation: int = 1) -> Window:
    return Window(weight[2:], (stride, stride), (dilation, dilation), groups)


def torch_images(x: np.ndarray) -> torch.Tensor:
    """(C, H, W, N) -> (N, C, H, W) in float64."""
    return torch.from_numpy(np.ascontiguousarray(batch_first(x), np.float64))


def assert_equal_products(x: np.ndarray, weight: np.ndarray, groups: int) -> None:
    """Against the plain products in float64."""
    settings = window(weight.shape, groups)
    bias = normal(len(weight), seed=2)
    y = winograd.correlate(x, weight, bias, settings)
    dy = normal(*y.shape, seed=3)
    exact = [a.astype(np.float64) for a in (x, weight, bias, dy)]
    pairs = [(y, sliding.correlate(*exact[:3], settings))]
    found = winograd.gradients(x, weight, dy, settings, True, True)
    pairs += zip(found, sliding.gradients(exact[0], exact[1], exact[3], settings, True, True), strict=True)
    for mine, other in pairs:
        assert mine.dtype == np.float32
        assert relative_error(mine, other) < 3e-5


@given(
    taps=st.integers(1, 6), down=st.integers(0, 11), across=st.integers(0, 11), groups=st.integers(1, 2),
    channels=st.integers(1, 3), filters=st.integers(1, 3), batch=st.sampled_from([1, 3, 9, 60]),
)  # fmt: skip
def test_equals_the_plain_products(taps, down, across, groups, channels, filters, batch):
    """Tiles that fit and tiles that stick out, several strips and one, every size of tile."""
    x = normal(groups * channels, taps + down, taps + across, batch)
    assert_equal_products(x, normal(groups * filters, channels, taps, taps, seed=1), groups)


@pytest.mark.parametrize("name", ALEXNET)
def test_full_size_layers_are_picked_and_keep_their_digits(name):
    """Parity allows float32 50 eps √(longest sum); at least four fifths of that must stay free."""
    shape, weight, groups = ALEXNET[name]
    x, w, settings = normal(*shape, 8), normal(*weight, seed=1), window(weight, groups)
    assert winograd.pays(x, w, settings)
    y = winograd.correlate(x, w, None, settings)
    dy = normal(*y.shape, seed=2)
    dx, dweight = winograd.gradients(x, w, dy, settings, True, True)

    images, weights = torch_images(x).requires_grad_(), torch.tensor(w, dtype=torch.float64, requires_grad=True)
    expected = torch.nn.functional.conv2d(images, weights, groups=groups)
    expected.backward(torch_images(dy))
    allowed = tolerance(np.dtype(np.float32), int(np.prod(weight[1:]))) / 5
    assert relative_error(batch_first(y), expected.detach().numpy()) < allowed
    assert relative_error(batch_first(dx), images.grad.numpy()) < allowed
    assert relative_error(dweight, weights.grad.numpy()) < allowed


def test_a_pixel_that_is_not_finite_spoils_its_tile():
    """As it spoils the outputs that it takes part in, so nothing is hidden."""
    x = normal(1, 12, 12, 8)
    x[0, 6, 6, 3] = np.inf
    settings = window((1, 1, 3, 3), 1)
    with np.errstate(invalid="ignore"):
        y = winograd.correlate(x, normal(1, 1, 3, 3), None, settings)
    assert not np.isfinite(y[0, 4:7, 4:7, 3]).any()
    assert np.isfinite(y[..., [0, 1, 2, 4, 5, 6, 7]]).all()
    assert np.isfinite(y[0, -1, -1, 3])


@pytest.mark.parametrize(
    ("shape", "weight", "settings"),
    [
        ((3, 227, 227), (96, 3, 11, 11), {"stride": 4}),  # AlexNet's conv1
        ((1, 32, 32), (6, 1, 5, 5), {}),  # LeNet-5: too few channels
        ((6, 14, 14), (16, 6, 5, 5), {}),
        ((192, 15, 15), (192, 192, 3, 3), {"dilation": 2}),
        ((192, 15, 15), (192, 192, 3, 5), {}),
        ((192, 15, 15), (192, 192, 1, 1), {}),
        ((192, 15, 15), (192, 192, 8, 8), {}),  # more taps than points
    ],
)
def test_elsewhere_it_is_not_picked(shape, weight, settings):
    assert not winograd.pays(normal(*shape, 16), normal(*weight), window(weight, 1, **settings))


def test_never_for_float64_and_not_for_few_images():
    x, w, settings = normal(192, 15, 15, 16), normal(192, 192, 3, 3), window((192, 192, 3, 3), 1)
    assert winograd.pays(x, w, settings)
    assert not winograd.pays(x[..., :7], w, settings)
    assert not winograd.pays(x.astype(np.float64), w.astype(np.float64), settings)


def test_conv2d_with_padding_through_it():
    image, weight, bias = normal(8, 128, 13, 14), normal(128, 128, 3, 3, seed=1), normal(128, seed=2)
    assert winograd.pays(batch_innermost(image), weight, window(weight.shape, 1))
    ours = [Tensor(a, requires_grad=True) for a in (image, weight, bias)]
    twins = [torch.tensor(a, requires_grad=True) for a in (image, weight, bias)]
    y, expected = conv2d(*ours, padding=(1, 2)), torch.nn.functional.conv2d(*twins, padding=(1, 2))
    dy = normal(*y.shape, seed=3)
    y.backward(dy)
    expected.backward(torch.from_numpy(dy))
    assert relative_error(y.numpy(), expected.detach().numpy()) < 3e-5
    for mine, other in zip(ours, twins, strict=True):
        assert relative_error(mine.grad.numpy(), other.grad.numpy()) < 3e-5


def test_only_what_is_needed():
    x, w, settings = normal(2, 6, 6, 8), normal(3, 2, 3, 3), window((3, 2, 3, 3), 1)
    dy = normal(3, 4, 4, 8)
    dx, dweight = winograd.gradients(x, w, dy, settings, True, True)
    assert winograd.gradients(x, w, dy, settings, False, False) == (None, None)
    np.testing.assert_array_equal(winograd.gradients(x, w, dy, settings, True, False)[0], dx)
    np.testing.assert_array_equal(winograd.gradients(x, w, dy, settings, False, True)[1], dweight)
