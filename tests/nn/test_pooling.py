"""Pooling: stated rules on tiny images, what is refused, and the layers against torch's."""

import weakref

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_twins
from tests.numerics import relative_error
from tinygrad_lab.modes import no_grad
from tinygrad_lab.nn.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from tinygrad_lab.ops.pooling import CHUNK, avg_pool2d, max_pool2d
from tinygrad_lab.tensor import Tensor


def pixels(rows: list[list[float]]) -> Tensor:
    return Tensor(np.array([[rows]], np.float64), requires_grad=True)


def test_first_of_equal_maxima_in_row_major_order_gets_the_gradient():
    x = pixels([[1, 2], [2, 2]])
    max_pool2d(x, 2).backward()
    assert x.grad.tolist() == [[[[0, 1], [0, 0]]]]


def test_overlapping_windows_add_up():
    x = pixels([[0, 5, 0]])
    max_pool2d(x, (1, 2), stride=1).backward(np.array([[[[1.0, 10.0]]]]))
    assert x.grad.tolist() == [[[[0, 11, 0]]]]


def test_nan_is_the_maximum_and_its_last_place_gets_the_gradient():
    x = pixels([[np.nan, 3], [np.nan, 4]])
    y = max_pool2d(x, 2)
    y.backward()
    assert np.isnan(y.item())
    assert x.grad.tolist() == [[[[0, 0], [1, 0]]]]


def test_padding_never_wins_against_minus_infinity():
    x = pixels([[-np.inf]])
    max_pool2d(x, 2, padding=1).backward(np.ones((1, 1, 1, 1)))
    assert x.grad.tolist() == [[[[1]]]]


def test_mean_with_and_without_the_padding():
    x = pixels([[8.0]])
    assert avg_pool2d(x, 2, padding=1).tolist() == [[[[2.0]]]]
    assert avg_pool2d(x, 2, padding=1, count_include_pad=False).tolist() == [[[[8.0]]]]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(5, 2, 3, 1), (4, 3, 2, 0), (4, 3, 2, 1)],  # a third window would start beyond; the last one is cut off; it is not
)
def test_ceil_mode_counts_as_torch_does(size, kernel, stride, padding):
    image = np.random.default_rng(0).standard_normal((1, 1, size, size))
    y = avg_pool2d(Tensor(image), kernel, stride, padding, ceil_mode=True)
    expected = torch.nn.functional.avg_pool2d(torch.from_numpy(image), kernel, stride, padding, ceil_mode=True)
    assert relative_error(y.numpy(), expected.numpy()) < 1e-14


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_output_is_laid_out_with_the_batch_innermost(pool):
    y = pool(Tensor(np.ones((3, 2, 4, 4))), 2).numpy()
    assert y.transpose(1, 2, 3, 0).flags.c_contiguous


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((8, 8), {"kernel_size": 2}, r"input must be a \w+ tensor of shape \(\*n, c, h, w\), got .*\(8, 8\)"),
        ((1, 3, 8, 8), {"kernel_size": 0}, "kernel_size must be an integer >= 1 or a pair of them, got 0"),
        ((1, 3, 8, 8), {"kernel_size": 2, "stride": (1, 0)}, r"stride must be .*got \(1, 0\)"),
        ((1, 3, 8, 8), {"kernel_size": 2, "padding": -1}, "padding must be an integer >= 0.*got -1"),
        ((1, 3, 8, 8), {"kernel_size": 3, "padding": 2}, "padding must be at most half of kernel_size.*padding 2"),
        ((1, 3, 8, 2), {"kernel_size": 3}, "window is larger than the padded input: size 2, kernel_size 3"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_says_what_does_not_fit(pool, shape, settings, message):
    with pytest.raises(ValueError, match=message):
        pool(Tensor(np.ones(shape)), **settings)


def test_dilated_window_larger_than_the_image():
    with pytest.raises(ValueError, match=r"window is larger.*size 4, kernel_size 3.*dilation 2"):
        max_pool2d(Tensor(np.ones((1, 1, 4, 4))), 3, dilation=2)


@pytest.mark.parametrize(
    ("ours", "theirs", "args", "options"),
    [
        (MaxPool2d, torch.nn.MaxPool2d, (2,), {}),
        (MaxPool2d, torch.nn.MaxPool2d, (3, 2, 1, 2), {"ceil_mode": True}),
        (AvgPool2d, torch.nn.AvgPool2d, (2,), {}),
        (AvgPool2d, torch.nn.AvgPool2d, ((3, 2), 2, 1, True, False), {}),
    ],
)
def test_layer_equals_torch(ours, theirs, args, options):
    image = np.random.default_rng(0).standard_normal((2, 3, 9, 8))
    y, expected = ours(*args, **options)(Tensor(image)), theirs(*args, **options)(torch.from_numpy(image))
    assert relative_error(y.numpy(), expected.numpy()) < 1e-14
    assert list(ours(*args, **options).state_dict()) == []


def test_no_grad_records_nothing():
    with no_grad():
        assert MaxPool2d(2)(pixels([[1, 2], [3, 4]])).is_leaf


def test_repr_names_the_settings():
    assert repr(MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    assert "count_include_pad=False" in repr(AvgPool2d(2, count_include_pad=False))


@pytest.mark.parametrize("shape", [(0, 2, 4, 4), (2, 0, 4, 4)])
def test_nothing_in_nothing_out(shape):
    x = Tensor(np.empty(shape), requires_grad=True)
    y = max_pool2d(x, 3, 2, padding=1)
    y.backward(np.empty(y.shape))
    assert x.grad.shape == shape


def test_images_of_many_channels_are_worked_on_in_pieces():
    image = np.random.default_rng(0).standard_normal((2, 60, 64, 65))
    assert image.size > CHUNK
    x, twin = Tensor(image, requires_grad=True), torch.tensor(image, requires_grad=True)
    y, expected = max_pool2d(x, 3, 2), torch.nn.functional.max_pool2d(twin, 3, 2)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(dy)
    expected.backward(torch.from_numpy(dy))
    np.testing.assert_array_equal(y.numpy(), expected.detach().numpy())
    assert relative_error(x.grad.numpy(), twin.grad.numpy()) < 1e-14


def test_a_row_of_more_taps_than_a_byte_can_number():
    x = pixels([[float(i) for i in range(300)]])
    max_pool2d(x, (1, 300)).backward()
    assert np.flatnonzero(x.grad.numpy()).tolist() == [299]


def test_max_pooling_does_not_keep_its_images():
    x = Tensor(np.random.default_rng(0).standard_normal((1, 1, 4, 4)), requires_grad=True)
    image = x * 1
    memory = weakref.ref(image._data)
    y = max_pool2d(image, 2)
    del image
    assert memory() is None
    y.backward(np.ones(y.shape))
    assert x.grad.numpy().sum() == 4


@pytest.mark.parametrize("size", [1, 3, (2, 7), (None, 2), 9])
def test_adaptive_pooling_equals_torch(size) -> None:
    assert_twins(AdaptiveAvgPool2d(size), torch.nn.AdaptiveAvgPool2d(size), (2, 3, 6, 7))


def test_adaptive_pooling_spreads_a_nan_as_torch_does() -> None:
    x = np.zeros((1, 1, 5, 7))
    x[0, 0, 2, 3] = np.nan
    ours = AdaptiveAvgPool2d((3, 4))(Tensor(x)).numpy()
    np.testing.assert_array_equal(ours, torch.nn.AdaptiveAvgPool2d((3, 4))(torch.tensor(x)).numpy())


def test_adaptive_pooling_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"input has shape \(2, 3\), it must be images"):
        AdaptiveAvgPool2d(1)(Tensor(np.zeros((2, 3))))
    with pytest.raises(ValueError, match="output_size must be one or two sizes from 1 up, got 0"):
        AdaptiveAvgPool2d(0)(Tensor(np.zeros((1, 2, 3))))
    assert repr(AdaptiveAvgPool2d((7, 7))) == "AdaptiveAvgPool2d(output_size=(7, 7))"
