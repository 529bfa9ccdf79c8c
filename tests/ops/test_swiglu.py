"""SwiGLU at the ends of the scale, and bad input."""

import numpy as np
import pytest

from tinygrad_lab.ops.swiglu import swiglu
from tinygrad_lab.tensor import Tensor


def test_a_gate_far_from_zero_is_open_or_shut() -> None:
    gate = Tensor(np.array([-1000.0, 0.0, 1000.0], np.float32), requires_grad=True)
    up = Tensor(np.full(3, 2.0, np.float32), requires_grad=True)
    y = swiglu(gate, up)
    y.backward(np.ones(3))
    np.testing.assert_array_equal(y.numpy(), [0, 0, 2000])
    np.testing.assert_array_equal(gate.grad.numpy(), [0, 1, 2])
    np.testing.assert_array_equal(up.grad.numpy(), [0, 0, 1000])


def test_bad_input_is_named() -> None:
    unchecked = swiglu.info.body.__wrapped__  # as users run it: only tests check annotations
    with pytest.raises(ValueError, match=r"swiglu: gate has shape \(2, 3\), up \(3,\); they must be the same"):
        unchecked(np.ones((2, 3)), np.ones(3))
