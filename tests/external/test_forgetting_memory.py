"""Forgetting attention over 8,192 tokens, forward and backward: seconds of work, megabytes of memory."""

import tracemalloc

import numpy as np

from tinygrad_lab import Tensor
from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator


def test_a_long_forward_and_backward_pass_needs_less_than_300_megabytes() -> None:
    rng = generator(0)
    shape = (1, 4, 8192, 64)
    q, k, v = (Tensor(rng.standard_normal(shape, np.float32), requires_grad=True) for _ in range(3))
    log_f = Tensor(-rng.exponential(0.02, shape[:3]).astype(np.float32), requires_grad=True)
    tracemalloc.start()
    F.forgetting_attention(q, k, v, log_f).backward(np.ones(shape, np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6
    assert all(np.isfinite(tensor.grad.numpy()).all() for tensor in (q, k, v, log_f))
