"""Schedules equal torch's where torch has them, and their papers' formulas where it does not."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tinygrad_lab import optim
from tinygrad_lab.nn.module import Parameter
from tinygrad_lab.optim import lr_scheduler

CASES: list[tuple[str, tuple, dict[str, Any]]] = [
    ("StepLR", (3,), {}),
    ("StepLR", (1,), {"gamma": 0.5}),
    ("MultiStepLR", ([2, 5, 5, 9],), {"gamma": 0.3}),
    ("ExponentialLR", (0.9,), {}),
    ("CosineAnnealingLR", (7,), {}),
    ("CosineAnnealingLR", (4,), {"eta_min": 0.05}),
    ("LambdaLR", (lambda t: 1 / (t + 1),), {}),
    ("LambdaLR", ([lambda t: 0.5**t, lambda t: 1 + t],), {}),
]


def optimizer_with_two_groups(library: Any, parameter: Callable) -> Any:
    groups = [{"params": [parameter()]}, {"params": [parameter()], "lr": 0.01}]
    return library.SGD(groups, lr=0.3)


def ours() -> optim.SGD:
    return optimizer_with_two_groups(optim, lambda: Parameter(np.ones(2)))


@pytest.mark.parametrize(("name", "args", "options"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_equals_torch(name: str, args: tuple, options: dict) -> None:
    mine = getattr(lr_scheduler, name)(ours(), *args, **options)
    optimizer = optimizer_with_two_groups(torch.optim, lambda: torch.nn.Parameter(torch.ones(2)))
    other = getattr(torch.optim.lr_scheduler, name)(optimizer, *args, **options)
    for _ in range(25):
        assert mine.last_epoch == other.last_epoch
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-12, atol=1e-15)
        assert [group["lr"] for group in mine.optimizer.param_groups] == mine.get_last_lr()
        optimizer.step()
        mine.step()
        other.step()


def test_noam_is_the_papers_equation() -> None:
    schedule = lr_scheduler.Noam(ours(), d_model=512, warmup_steps=4)
    rates = []
    for _ in range(12):
        rates.append(schedule.get_last_lr())
        schedule.step()
    expected = [512**-0.5 * min(s**-0.5, s * 4**-1.5) for s in range(1, 13)]
    np.testing.assert_allclose(rates, [[rate, rate] for rate in expected], rtol=1e-14)
    assert int(np.argmax(expected)) + 1 == 4  # the peak is at step warmup_steps
    assert lr_scheduler.Noam(ours(), 512, 4, factor=2).get_last_lr()[0] == 2 * rates[0][0]


def test_cosine_with_warmup() -> None:
    schedule = lr_scheduler.CosineWithWarmup(ours(), warmup_steps=4, total_steps=12, min_lr=0.002)
    rates = []
    for _ in range(16):
        rates.append(schedule.get_last_lr()[0])
        schedule.step()
    np.testing.assert_allclose(rates[:5], [0.06, 0.12, 0.18, 0.24, 0.3])
    np.testing.assert_allclose(rates[8], (0.3 + 0.002) / 2)  # half-way down
    np.testing.assert_allclose(rates[6], 0.002 + 0.298 * (1 + math.cos(math.pi / 4)) / 2)
    np.testing.assert_allclose(rates[12:], 0.002)
    assert lr_scheduler.CosineWithWarmup(ours(), 0, 5).get_last_lr() == [0.3, 0.01]


@pytest.mark.parametrize(("name", "args", "options"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_state_dict_resumes(name: str, args: tuple, options: dict) -> None:
    first = getattr(lr_scheduler, name)(ours(), *args, **options)
    for _ in range(5):
        first.step()
    optimizer = ours()
    optimizer.param_groups[0]["lr"] = 99.0  # what a resumed run was built with does not matter
    second = getattr(lr_scheduler, name)(optimizer, *args, **options)
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        assert second.get_last_lr() == first.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        first.step()
        second.step()


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="StepLR: step_size must be at least 1, got 0"):
        lr_scheduler.StepLR(ours(), 0)
    with pytest.raises(ValueError, match="T_max must be at least 1"):
        lr_scheduler.CosineAnnealingLR(ours(), 0)
    with pytest.raises(ValueError, match="1 functions for 2 parameter groups"):
        lr_scheduler.LambdaLR(ours(), [lambda _: 1.0])
    with pytest.raises(ValueError, match="warmup_steps=5, total_steps=5"):
        lr_scheduler.CosineWithWarmup(ours(), 5, 5)
    with pytest.raises(ValueError, match="d_model and warmup_steps must be at least 1"):
        lr_scheduler.Noam(ours(), 512, 0)
    with pytest.raises(ValueError, match="the optimiser has 2 groups, the state 1"):
        lr_scheduler.StepLR(ours(), 1).load_state_dict({"base_lrs": [0.1], "last_epoch": 3})
