"""Padding in every mode, the nearest pixel, and vectors of length one: edges, and what is refused."""

from itertools import product

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_twins
from tinygrad_lab.nn import Upsample
from tinygrad_lab.nn import functional as F
from tinygrad_lab.tensor import Tensor

X = Tensor(np.arange(12.0).reshape(1, 3, 4))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (((1, 1), "mirror"), "mode must be one of constant, reflect, replicate, circular, got 'mirror'"),
        (((4, 0), "reflect"), r"\(4, 0\) does not fit dim 2 of length 4 in mode 'reflect'"),
        (((0, 5), "circular"), r"\(0, 5\) does not fit dim 2 of length 4"),
        (((-5, 1), "replicate"), r"\(-5, 1\) does not fit dim 2 of length 4"),
        (((1, 1, 1), "reflect"), "pads all but one or two dimensions"),
        (
            ((1, 1, 1, 1, 1, 1), "reflect"),
            r"pads all but one or two dimensions, got \(1, 1, 1, 1, 1, 1\) for \(1, 3, 4\)",
        ),
        (((1, 1), "reflect", 3.0), "mode 'reflect' takes no value, got 3.0"),
    ],
)
def test_padding_names_what_does_not_fit(args: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        F.pad(X, *args)


@pytest.mark.parametrize("options", [{"scale_factor": 2}, {"size": (5, 9)}, {"scale_factor": (1.5, 3.0)}], ids=str)
def test_upsampling_equals_torch(options: dict) -> None:
    assert_twins(Upsample(**options), torch.nn.Upsample(**options), (2, 3, 4, 5))


@pytest.mark.parametrize("outputs", [1, 2, 3, 7, 10, 11, 20, 33, 97])
def test_the_nearest_pixel_is_torchs_at_every_length(outputs: int) -> None:
    for length, dtype in product(range(1, 40), (np.float32, np.float64)):
        x = np.arange(length, dtype=dtype).reshape(1, 1, length)
        ours = F.interpolate(Tensor(x), outputs).numpy()
        np.testing.assert_array_equal(ours, torch.nn.functional.interpolate(torch.tensor(x), outputs).numpy())


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((X, 3), {"mode": "bilinear"}, "mode must be 'nearest', got 'bilinear'"),
        ((X, 3), {"align_corners": True}, "align_corners, recompute_scale_factor and antialias are not for mode"),
        ((X,), {}, "exactly one of size and scale_factor must be given"),
        ((X, 3, 2.0), {}, "exactly one of size and scale_factor must be given"),
        ((X, (3, 3)), {}, "does not fit the 1 dimensions of positions"),
        ((X, 0), {}, "0 does not fit the 1 dimensions"),
        ((X, None, 0.1), {}, "a dimension of length 4 would have no positions left"),
        ((X, None, 1.1), {}, r"scale_factor 1\.1 makes 4 of 4 positions, where torch reads it as 1 in some cases"),
        ((X, None, 2.2), {}, r"scale_factor 2\.2 makes 8 of 4 positions, where torch reads it as 2 in some cases"),
        ((X[0], 3), {}, r"input has shape \(3, 4\), it must be \(N, C, \*\)"),
    ],
)
def test_interpolation_names_what_does_not_fit(args: tuple, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        F.interpolate(*args, **options)


def test_vectors_of_length_zero_stay_and_have_no_angle() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    mine, other = F.normalize(ours), torch.nn.functional.normalize(theirs)
    np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-15)
    (mine * Tensor([[1.0], [2.0]]).double()).sum().backward()
    (other * torch.tensor([[1.0], [2.0]])).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)
    assert F.cosine_similarity(Tensor(x), Tensor(x)).tolist() == pytest.approx([0.0, 1.0])
    with pytest.raises(ValueError, match="normalize: p must be 1 or 2, got 3"):
        F.normalize(Tensor(x), 3)
    with pytest.raises(ValueError, match=r"cosine_similarity: shapes \(2, 2\) and \(3,\) do not fit together"):
        F.cosine_similarity(Tensor(x), Tensor([1.0, 2.0, 3.0]))
