"""Threads record and run backward independently of each other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from tinygrad_lab.modes import detect_anomaly, no_grad
from tinygrad_lab.tensor import Tensor

THREADS = 4


def in_threads(work):
    """Results of ``work(i)`` in THREADS threads that start together."""
    start = Barrier(THREADS)

    def run(i):
        start.wait(10)
        return work(i)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_each_thread_gets_its_own_gradients():
    shared = Tensor(np.arange(1.0, 6.0))

    def work(i):
        gradients = []
        for _ in range(30):
            x = Tensor(np.full(5, float(i + 1)), requires_grad=True)
            y = x
            for _ in range(20):
                y = y * shared + x
            y.sum().backward()
            gradients.append(x.grad.numpy())
        return gradients

    powers = np.array([sum(s**k for k in range(21)) for s in range(1, 6)], float)  # d/dx of x (1 + s + ... + s²⁰)
    for gradients in in_threads(work):
        for gradient in gradients:
            np.testing.assert_allclose(gradient, powers, rtol=1e-12)


def test_no_grad_in_one_thread_leaves_the_others_recording():
    both_inside = Barrier(THREADS)

    def work(i):
        x = Tensor([1.0], requires_grad=True)
        if i % 2:
            with no_grad():
                both_inside.wait(10)
                y = x * 2
                both_inside.wait(10)
        else:
            both_inside.wait(10)
            y = x * 2
            both_inside.wait(10)
        return y.requires_grad

    assert in_threads(work) == [True, False] * (THREADS // 2)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_mode_in_one_thread_leaves_the_others_alone():
    inside = Barrier(THREADS)

    def work(i):
        if i:
            inside.wait(10)
            return bool(np.isneginf(Tensor([0.0]).log().item()))
        with detect_anomaly():
            inside.wait(10)
            with pytest.raises(FloatingPointError):
                Tensor([0.0]).log()
        return True

    assert in_threads(work) == [True] * THREADS
