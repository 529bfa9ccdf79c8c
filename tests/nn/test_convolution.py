"""Convolution: the adjoint identity, the rule that picks bands, what is refused, and the layers against torch's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.nn.twins import assert_twins
from tests.numerics import relative_error
from tinygrad_lab import random
from tinygrad_lab.modes import no_grad
from tinygrad_lab.nn.convolution import Conv1d, Conv2d, ConvTranspose2d
from tinygrad_lab.ops.conv1d import conv1d
from tinygrad_lab.ops.convolution import conv2d, conv_transpose2d
from tinygrad_lab.ops.kernels.sliding import Window
from tinygrad_lab.tensor import Tensor


def draws(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).standard_normal(shape))


# ---- mathematics ----------------------------------------------------------------------------------------------------


@given(
    stride=st.integers(1, 3), padding=st.integers(0, 2), dilation=st.integers(1, 2), groups=st.integers(1, 2),
    extra=st.integers(0, 2), size=st.integers(1, 5),
)  # fmt: skip
def test_transpose_is_the_adjoint(stride, padding, dilation, groups, extra, size):
    """<conv(x), y> = <x, conv_transpose(y)> for the same weight."""
    weight, extra = draws(4 * groups, 2, 3, 2), extra % max(stride, dilation)
    y = draws(2, 4 * groups, size + 2, size + 4, seed=1)
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    back = conv_transpose2d(y, weight, output_padding=extra if extra < stride else 0, **settings)
    x = draws(*back.shape, seed=2)
    forth = conv2d(x, weight, **settings)
    assert forth.shape == y.shape
    left, right = np.vdot(forth.numpy(), y.numpy()), np.vdot(x.numpy(), back.numpy())
    assert abs(left - right) <= 1e-12 * np.abs(forth.numpy() * y.numpy()).sum()


def test_kernel_of_one_pixel_is_a_linear_map_of_channels():
    x, weight = draws(2, 3, 4, 5), draws(6, 3, 1, 1, seed=1)
    expected = np.einsum("nchw,fc->nfhw", x.numpy(), weight.numpy()[:, :, 0, 0])
    assert relative_error(conv2d(x, weight).numpy(), expected) < 1e-14


def test_empty_batch():
    weight = Tensor(np.ones((2, 3, 2, 2)), requires_grad=True)
    y = conv2d(draws(0, 3, 4, 4), weight)
    y.backward(np.zeros((0, 2, 3, 3)))
    assert y.shape == (0, 2, 3, 3)
    assert not weight.grad.numpy().any()


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "groups", "filters", "rows"),
    [
        ((5, 5), 1, 1, 1, 6, 4),  # LeNet C1: fewer zeros than weights
        ((5, 5), 1, 1, 1, 16, 4),
        ((5, 5), 1, 1, 1, 32, 2),  # 64 rows of the product
        ((5, 5), 1, 1, 1, 96, 1),
        ((5, 5), 1, 1, 2, 32, 4),  # 16 filters in each group
        ((11, 11), 4, 1, 1, 8, 2),
        ((1, 1), 1, 1, 1, 6, 1),
        ((3, 3), 1, 2, 1, 6, 1),
    ],
)
def test_rows_of_a_band(kernel, stride, dilation, groups, filters, rows):
    window = Window(kernel, (stride, stride), (dilation, dilation), groups)
    assert window.band_rows(filters) == rows
    assert sum(count for _, count in window.bands(filters, 11)) == 11


CORNERS = [
    (conv2d, (2, 3, 14, 9), (4, 3, 5, 3), {"stride": (2, 1)}),  # bands of two rows, two input rows apart
    (conv2d, (2, 3, 14, 9), (4, 3, 4, 3), {"dilation": (2, 1)}),  # no bands
    (conv2d, (2, 3, 14, 9), (4, 3, 4, 3), {"dilation": (1, 2)}),  # bands of three rows, the last of two
    (conv_transpose2d, (2, 3, 4, 5), (3, 4, 3, 3), {"dilation": 3, "output_padding": (2, 1)}),  # more than the stride
    (conv_transpose2d, (2, 3, 4, 5), (3, 4, 5, 3), {"stride": 2, "output_padding": (0, 1), "padding": (1, 2)}),
]


@pytest.mark.parametrize(("function", "image", "weight", "settings"), CORNERS)
def test_corners_that_random_draws_rarely_meet(function, image, weight, settings):
    x, w = (Tensor(draws(*shape, seed=seed), requires_grad=True) for seed, shape in enumerate([image, weight]))
    twins = [torch.tensor(t.numpy(), requires_grad=True) for t in (x, w)]
    y, expected = function(x, w, **settings), getattr(torch.nn.functional, function.info.name)(*twins, **settings)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    y.backward(dy)
    expected.backward(torch.from_numpy(dy))
    pairs = [(y, expected.detach()), (x.grad, twins[0].grad), (w.grad, twins[1].grad)]
    assert all(relative_error(ours.numpy(), theirs.numpy()) < 1e-13 for ours, theirs in pairs)


def test_output_is_laid_out_with_the_batch_innermost():
    y = conv2d(draws(3, 2, 6, 6), draws(4, 2, 3, 3)).numpy()
    assert y.transpose(1, 2, 3, 0).flags.c_contiguous


def test_frozen_input_and_weight_get_no_gradient():
    x, weight, bias = draws(2, 2, 5, 5), draws(3, 2, 3, 3), Tensor(np.zeros(3), requires_grad=True)
    conv2d(x, weight, bias).backward(np.ones((2, 3, 3, 3)))
    assert x.grad is None
    assert weight.grad is None
    assert bias.grad.tolist() == [18.0, 18.0, 18.0]


def test_an_input_changed_in_place_is_noticed():
    x, weight = draws(2, 2, 5, 5), Tensor(np.ones((3, 2, 3, 3)), requires_grad=True)
    x = Tensor(np.ascontiguousarray(x.numpy().transpose(1, 2, 3, 0)), requires_grad=False)
    image = Tensor(np.empty((2, 2, 5, 5)))
    image._data = x._data.transpose(3, 0, 1, 2)  # already in the kernel's layout: saved without a copy
    y = conv2d(image, weight)
    with no_grad():
        image.writable()[...] = 0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward(np.ones(y.shape))


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "weight", "bias", "settings", "message"),
    [
        ((8, 8), (4, 3, 3, 3), None, {}, r"input must be a float tensor of shape \(\*n, c, h, w\), got .*\(8, 8\)"),
        (
            (1, 3, 8, 8),
            (4, 3, 3),
            None,
            {},
            r"weight must be a float tensor of shape \(f, cg, kh, kw\), got .*\(4, 3, 3\)",
        ),
        ((1, 3, 8, 8), (4, 2, 3, 3), None, {}, r"expects 2 channels, input has 3.*\(1, 3, 8, 8\).*\(4, 2, 3, 3\).*= 1"),
        ((1, 4, 8, 8), (4, 4, 3, 3), None, {"groups": 2}, "expects 8 channels, input has 4"),
        ((1, 3, 8, 8), (4, 1, 3, 3), None, {"groups": 3}, "groups must divide C = 3 and F = 4"),
        ((1, 3, 8, 8), (4, 1, 3, 3), None, {"groups": 0}, "groups must be >= 1, got 0"),
        ((1, 3, 8, 8), (4, 3, 3, 3), (3,), {}, r"bias must have shape \(4,\), got \(3,\)"),
        ((1, 3, 4, 8), (4, 3, 5, 3), None, {}, r"kernel covers \(5, 3\).*padded input has only \(4, 8\)"),
        ((1, 3, 4, 4), (4, 3, 3, 3), None, {"dilation": 2}, r"kernel covers \(5, 5\) with dilation \(2, 2\)"),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"stride": 0}, "stride must be an integer >= 1 or a pair of them, got 0"),
        (
            (1, 3, 8, 8),
            (4, 3, 3, 3),
            None,
            {"padding": -1},
            "padding must be an integer >= 0 or a pair of them, got -1",
        ),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"dilation": (1, 0)}, r"dilation must be .*got \(1, 0\)"),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"padding": "full"}, "padding must be 'same', 'valid'.*got 'full'"),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"padding": "same", "stride": 2}, r"needs stride 1, got \(2, 2\)"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_conv2d_says_what_does_not_fit(image, weight, bias, settings, message):
    with pytest.raises(ValueError, match=message):
        conv2d(draws(*image), draws(*weight), None if bias is None else draws(*bias), **settings)


@pytest.mark.parametrize(
    ("image", "weight", "bias", "settings", "message"),
    [
        ((8, 8), (3, 4, 3, 3), None, {}, r"conv_transpose2d: input must be a float tensor of shape \(\*n, c, h, w\)"),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {}, r"expects 4 channels, input has 3.*\(1, 3, 8, 8\).*\(4, 3, 3, 3\)"),
        ((1, 3, 8, 8), (3, 1, 3, 3), None, {"groups": 2}, "groups must divide C = 3"),
        ((1, 4, 8, 8), (4, 3, 3, 3), (3,), {"groups": 2}, r"bias must have shape \(6,\), got \(3,\)"),
        (
            (1, 3, 8, 8),
            (3, 4, 3, 3),
            None,
            {"output_padding": 1},
            r"output_padding \(1, 1\) must be smaller than stride",
        ),
        ((1, 3, 1, 1), (3, 4, 2, 2), None, {"padding": 1}, r"padding \(1, 1\) leaves nothing of \(2, 2\)"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_conv_transpose2d_says_what_does_not_fit(image, weight, bias, settings, message):
    with pytest.raises(ValueError, match=message):
        conv_transpose2d(draws(*image), draws(*weight), None if bias is None else draws(*bias), **settings)


# ---- layers ---------------------------------------------------------------------------------------------------------

LAYERS = [
    (Conv2d, torch.nn.Conv2d, (4, 6, 3), {}),
    (Conv2d, torch.nn.Conv2d, (4, 6, (3, 2)), {"stride": (2, 1), "padding": 1, "dilation": 2, "bias": False}),
    (Conv2d, torch.nn.Conv2d, (4, 6, 3, 1, "same", 1, 2), {}),
    (ConvTranspose2d, torch.nn.ConvTranspose2d, (4, 6, 3), {}),
    (ConvTranspose2d, torch.nn.ConvTranspose2d, (4, 6, (3, 2), 2, 1, 1, 2, False), {}),
    (ConvTranspose2d, torch.nn.ConvTranspose2d, (4, 6, 2), {"dilation": 2, "stride": 3}),
]


@pytest.mark.parametrize(("ours", "theirs", "args", "options"), LAYERS)
def test_layer_equals_torch(ours, theirs, args, options):
    other = theirs(*args, **options).double()
    layer = ours(*args, **options, dtype=np.float64)
    layer.load_state_dict({name: value.numpy() for name, value in other.state_dict().items()})
    assert list(layer.state_dict()) == list(other.state_dict())
    image = np.random.default_rng(0).standard_normal((2, 4, 7, 6))
    y, expected = layer(Tensor(image)), other(torch.from_numpy(image))
    assert relative_error(y.numpy(), expected.detach().numpy()) < 1e-13
    y.backward(np.ones(y.shape))
    expected.sum().backward()
    for (name, parameter), twin in zip(layer.named_parameters(), other.parameters(), strict=True):
        assert relative_error(parameter.grad.numpy(), twin.grad.numpy()) < 1e-12, name


@pytest.mark.parametrize(("ours", "theirs", "args", "options"), LAYERS)
def test_initial_values_fill_torchs_interval(ours, theirs, args, options):
    layer = ours(*args, **options, generator=random.generator(0))
    fan_in = np.prod(theirs(*args, **options).weight.shape[1:])
    for name, value in layer.state_dict().items():
        assert value.dtype == np.float32
        assert np.abs(value).max() <= fan_in**-0.5, name
    assert np.abs(layer.weight.numpy()).max() > 0.9 * fan_in**-0.5
    assert abs(layer.weight.numpy().mean()) < 0.25 * fan_in**-0.5


def test_same_generator_same_layer():
    first, second = (Conv2d(2, 3, 3, generator=random.generator(7)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(*(m.state_dict().values() for m in (first, second)), strict=True))


@pytest.mark.parametrize("groups", [0, 2, 3])
def test_layer_refuses_groups_that_do_not_divide(groups):
    with pytest.raises(ValueError, match=f"groups must divide.*groups={groups}, in_channels=3, out_channels=4"):
        Conv2d(3, 4, 3, groups=groups)


def test_no_grad_records_nothing():
    layer = Conv2d(1, 2, 3)
    with no_grad():
        y = layer(Tensor(np.ones((1, 1, 4, 4), np.float32)))
    assert y.is_leaf
    assert not y.requires_grad


def test_repr_names_the_settings():
    assert repr(Conv2d(1, 6, 5, padding="same", bias=False)) == (
        "Conv2d(1, 6, kernel_size=(5, 5), stride=1, padding='same', dilation=1, groups=1, bias=False)"
    )
    assert "output_padding=1" in repr(ConvTranspose2d(1, 6, 5, stride=2, output_padding=1))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"padding": "same"},
        {"dilation": 2, "groups": 2},
        {"bias": False, "stride": (3,)},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(2, 4, 9), (4, 9)])
def test_conv1d_equals_torch(options: dict, shape: tuple[int, ...]) -> None:
    assert_twins(Conv1d(4, 6, 3, **options), torch.nn.Conv1d(4, 6, 3, **options), shape)


def test_conv1d_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"conv1d: input has shape \(3,\), it must be \(N, C, L\) or \(C, L\)"):
        conv1d(draws(3), draws(2, 3, 1))
    with pytest.raises(ValueError, match=r"conv1d: stride must be one number, got \(1, 2\)"):
        conv1d(draws(1, 3, 4), draws(2, 3, 1), None, (1, 2))
    assert repr(Conv1d(3, 2, 5)).startswith("Conv1d(3, 2, kernel_size=(5,), stride=1")
