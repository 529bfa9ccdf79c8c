"""Linear, Identity, Flatten."""

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_twins
from tinygrad_lab import random
from tinygrad_lab.nn.linear import Flatten, Identity, Linear
from tinygrad_lab.ops.linear import FEW_ROWS, linear
from tinygrad_lab.tensor import Tensor


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 5), (5,), (2, 4, 5), (FEW_ROWS + 1, 5), (0, 5)])
def test_linear_equals_torch(bias: bool, shape: tuple[int, ...]) -> None:
    assert_twins(Linear(5, 7, bias), torch.nn.Linear(5, 7, bias), shape)


def test_linear_starts_as_torch_does() -> None:
    layer = Linear(400, 300, generator=random.generator(0))
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert np.abs(values).max() <= 1 / 20
        assert np.abs(values).max() > 0.95 / 20
        assert abs(values.std() - 1 / 20 / 3**0.5) < 0.003


def test_the_generator_decides_the_start() -> None:
    first, again = (Linear(3, 2, generator=random.generator(5)) for _ in range(2))
    np.testing.assert_array_equal(first.weight.numpy(), again.weight.numpy())
    np.testing.assert_array_equal(first.bias.numpy(), again.bias.numpy())


def test_identity_and_flatten() -> None:
    x = Tensor(np.arange(24.0).reshape(2, 3, 4))
    assert Identity(54, unused=True)(x) is x
    assert Flatten()(x).shape == (2, 12)
    assert Flatten(0, 1)(x).shape == (6, 4)


def test_wrong_shapes_are_named() -> None:
    unchecked = linear.info.body.__wrapped__  # as users run it: only tests check annotations, and those speak first
    with pytest.raises(ValueError, match=r"input has shape \(2, 4\).*last axis 5"):
        unchecked(np.ones((2, 4)), np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"bias has shape \(4,\).*needs \(3,\)"):
        unchecked(np.ones((2, 5)), np.ones((3, 5)), np.ones(4))
