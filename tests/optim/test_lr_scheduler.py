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
    ("CosineAnnealingLR", (1,), {}),
    ("LinearLR", (), {}),
    ("LinearLR", (), {"start_factor": 0.5, "end_factor": 0.1, "total_iters": 9}),
    ("LinearLR", (), {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 1}),  # as far as each may go
    ("OneCycleLR", (0.7,), {"total_steps": 30, "cycle_momentum": False}),
    ("OneCycleLR", ([0.7, 0.1],), {"epochs": 3, "steps_per_epoch": 9, "three_phase": True, "cycle_momentum": False}),
    (
        "OneCycleLR",
        (0.7,),
        {"total_steps": 27, "anneal_strategy": "linear", "pct_start": 0.45, "div_factor": 5.0, "final_div_factor": 50.0}
        | {"cycle_momentum": False},
    ),
    ("OneCycleLR", (0.7,), {"total_steps": 26, "pct_start": 0.0, "cycle_momentum": False}),  # down only
    ("OneCycleLR", (0.7,), {"total_steps": 26, "pct_start": 1.0, "cycle_momentum": False}),  # up only
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


# ---- several schedules, momentum, and the one that looks at a value --------------------------------------------------


def both_sides(build: Callable[[Any, Any], Any], kind: str = "SGD", **options: Any) -> tuple[Any, Any]:
    """The same optimiser and ``build(optimizer, lr_scheduler)`` on both sides."""
    mine = getattr(optim, kind)([Parameter(np.ones(2))], lr=0.3, **options)
    other = getattr(torch.optim, kind)([torch.nn.Parameter(torch.ones(2))], lr=0.3, **options)
    return build(mine, lr_scheduler), build(other, torch.optim.lr_scheduler)


def warmup_then_two(optimizer: Any, library: Any) -> Any:
    parts = [
        library.LinearLR(optimizer, 0.1, total_iters=4),
        library.CosineAnnealingLR(optimizer, 6, eta_min=0.01),
        library.ExponentialLR(optimizer, 0.8),
    ]
    return library.SequentialLR(optimizer, parts, [4, 10])


def group_of(schedule: Any) -> dict:
    return schedule.optimizer.param_groups[0]


@pytest.mark.filterwarnings("ignore:.*optimizer.step", "ignore:The epoch parameter")
def test_one_schedule_after_another_equals_torch() -> None:
    mine, other = both_sides(warmup_then_two)
    for _ in range(25):
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-12)
        assert group_of(mine)["lr"] == mine.get_last_lr()[0]
        mine.step()
        other.step()
    again, _ = both_sides(warmup_then_two)
    again.load_state_dict(mine.state_dict())
    for _ in range(3):
        assert again.get_last_lr() == mine.get_last_lr()
        again.step()
        mine.step()


@pytest.mark.parametrize(("kind", "options"), [("SGD", {"momentum": 0.9}), ("AdamW", {})])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.filterwarnings("ignore:.*optimizer.step")
def test_one_cycle_sets_momentum_as_torch_does(kind: str, options: dict, three_phase: bool) -> None:
    def build(optimizer: Any, library: Any) -> Any:
        return library.OneCycleLR(optimizer, 0.5, total_steps=20, three_phase=three_phase)

    mine, other = both_sides(build, kind, **options)
    for _ in range(20):
        ours, theirs = group_of(mine), group_of(other)
        np.testing.assert_allclose(ours["lr"], theirs["lr"], rtol=1e-12)
        name = "betas" if kind == "AdamW" else "momentum"
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12)
        mine.step()  # the last time after the last step
        other.step()
    with pytest.raises(ValueError, match="the cycle has 20 steps, step 22 is past it"):
        mine.step()


LOSSES = [5.0, 4.0, 4.0, 4.01, 3.99995, 4.0, 4.0, 4.0, 4.0, math.nan, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"patience": 0, "cooldown": 2, "factor": 0.5},
        {"patience": 1, "mode": "max", "threshold": 0.5, "threshold_mode": "abs"},
        {"patience": 1, "mode": "max"},
        {"patience": 0, "min_lr": 0.01, "threshold_mode": "abs"},
        {"patience": 0, "eps": 0.02},
    ],
    ids=str,
)
def test_plateau_equals_torch_and_resumes(options: dict) -> None:
    def build(optimizer: Any, library: Any) -> Any:
        return library.ReduceLROnPlateau(optimizer, **options)

    mine, other = both_sides(build)
    rates = set()
    for step, loss in enumerate(LOSSES):
        if step == 6:
            resumed, _ = both_sides(build)
            resumed.load_state_dict(mine.state_dict())
            mine = resumed
        mine.step(loss)
        other.step(loss)
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-12)
        assert group_of(mine)["lr"] == mine.get_last_lr()[0]
        rates |= set(mine.get_last_lr())
    assert len(rates) > 1


def test_what_a_second_schedule_starts_from_is_what_the_optimiser_was_built_with() -> None:
    def build(optimizer: Any, library: Any) -> Any:
        library.LinearLR(optimizer, 0.1)
        return library.ExponentialLR(optimizer, 0.5)

    mine, other = both_sides(build)
    assert mine.base_lrs == other.base_lrs == [0.3]


@pytest.mark.parametrize(("name", "options"), [
    ("CosineAnnealingLR", {"T_max": 0}),
    ("LinearLR", {"start_factor": 0.0}),
    ("LinearLR", {"start_factor": 1.01}),
    ("LinearLR", {"end_factor": -0.01}),
    ("LinearLR", {"end_factor": 1.01}),
    ("LinearLR", {"total_iters": 0}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 0}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 5, "pct_start": -0.01}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 5, "pct_start": 1.01}),
])  # fmt: skip
def test_refuses_what_is_just_out_of_range(name: str, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{name}: "):
        getattr(lr_scheduler, name)(ours(), **options)


@pytest.mark.parametrize(("pct_start", "rate"), [(0.0, 0.1 / 25 / 1e4), (1.0, 0.1)])
def test_one_cycle_of_a_single_step_is_its_end(pct_start: float, rate: float) -> None:
    """Where torch divides by zero."""
    schedule = lr_scheduler.OneCycleLR(ours(), 0.1, 1, pct_start=pct_start, cycle_momentum=False)
    assert schedule.get_last_lr() == pytest.approx([rate, rate])


@pytest.mark.parametrize(("name", "options"), [
    ("StepLR", {"step_size": 1}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("CosineWithWarmup", {"warmup_steps": 0, "total_steps": 1}),
    ("Noam", {"d_model": 1, "warmup_steps": 1}),
    ("OneCycleLR", {"max_lr": [0.1, 0.2], "total_steps": 1, "pct_start": 0, "cycle_momentum": False}),
    ("ReduceLROnPlateau", {"factor": 0.999, "patience": 0, "min_lr": [0.0, 0.0]}),
    ("SequentialLR", {"schedulers": [], "milestones": [1, 1]}),
])  # fmt: skip
def test_takes_what_is_just_in_range(name: str, options: dict[str, Any]) -> None:
    optimizer = ours()
    if name == "SequentialLR":  # two milestones at one step, so that the schedule between them has no step at all
        options = {**options, "schedulers": [lr_scheduler.ExponentialLR(optimizer, 0.5) for _ in range(3)]}
    schedule = getattr(lr_scheduler, name)(optimizer, **options)
    schedule.step(1.0) if name == "ReduceLROnPlateau" else schedule.step()
    assert np.isfinite(schedule.get_last_lr()).all()


def test_the_base_class_is_a_constant_rate() -> None:
    schedule = lr_scheduler.LRScheduler(ours())
    schedule.step()
    assert (schedule.last_epoch, schedule.get_last_lr()) == (1, [0.3, 0.01])


class Plain(optim.Optimizer):
    """Has no momentum."""

    def _update(self, parameter: Any, group: dict[str, Any]) -> None: ...


def test_a_cycle_of_momentum_needs_some() -> None:
    optimizer = Plain([Parameter(np.ones(2))], {"lr": 0.1})
    with pytest.raises(ValueError, match="OneCycleLR: Plain has no momentum, set cycle_momentum=False"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, 5)
    assert lr_scheduler.OneCycleLR(optimizer, 0.1, 5, cycle_momentum=False).get_last_lr() == pytest.approx([0.004])


def test_refuses_schedules_that_do_not_fit() -> None:
    optimizer = ours()
    exponential = lr_scheduler.ExponentialLR(optimizer, 0.5)
    with pytest.raises(ValueError, match=r"2 schedules need one milestone less, in rising order, got \[1, 2\]"):
        lr_scheduler.SequentialLR(optimizer, [exponential, exponential], [1, 2])
    with pytest.raises(ValueError, match="every schedule must be of the optimiser given"):
        lr_scheduler.SequentialLR(ours(), [exponential], [])
    with pytest.raises(ValueError, match="ReduceLROnPlateau is no formula"):
        lr_scheduler.SequentialLR(optimizer, [lr_scheduler.ReduceLROnPlateau(optimizer)], [])
    with pytest.raises(ValueError, match=r"LinearLR: needs start_factor in \(0, 1\]"):
        lr_scheduler.LinearLR(optimizer, 0)
    with pytest.raises(ValueError, match=r"needs total_steps \(or epochs and steps_per_epoch\)"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, epochs=3)
    with pytest.raises(ValueError, match="anneal_strategy must be 'cos' or 'linear', got 'step'"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, 5, anneal_strategy="step")
    with pytest.raises(ValueError, match="3 max_lr for 2 parameter groups"):
        lr_scheduler.OneCycleLR(optimizer, [0.1, 0.1, 0.1], 5)
    with pytest.raises(ValueError, match="factor below 1"):
        lr_scheduler.ReduceLROnPlateau(optimizer, factor=1.0)
    with pytest.raises(ValueError, match="1 min_lr for 2 parameter groups"):
        lr_scheduler.ReduceLROnPlateau(optimizer, min_lr=[0.1])
