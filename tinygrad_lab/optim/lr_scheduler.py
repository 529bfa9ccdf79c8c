"""Learning rate schedules, with torch.optim.lr_scheduler's names and protocol.

Every schedule but ``ReduceLROnPlateau`` is a formula: ``rate(t, base)`` is the learning rate of step t, from 0, of a
group whose optimiser was built with ``base``.  (Torch computes most of them from the previous rate; the values are the
same.)  A schedule owns ``lr``: what anybody else writes there is overwritten by the next ``step()``.

The first schedule of an optimiser keeps what it was built with as its groups' ``initial_lr``; that is the base of every
later one, as in torch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable

from tinygrad_lab.optim.one_cycle import OneCycleLR
from tinygrad_lab.optim.optimizer import Optimizer
from tinygrad_lab.optim.plateau import ReduceLROnPlateau
from tinygrad_lab.optim.schedule import LRScheduler, Number, cosine

Rate = Callable[[int], Number]  # of the number of the step, from 0


class LambdaLR(LRScheduler):
    """base × lr_lambda(t); one function for all groups, or a list with one per group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Rate | list[Rate]) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = lr_lambda if isinstance(lr_lambda, list) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"LambdaLR: {len(self.lr_lambdas)} functions for {groups} parameter groups")
        super().__init__(optimizer)

    def _rates(self) -> list[Number]:
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class StepLR(LRScheduler):
    """base × gamma^⌊t / step_size⌋"""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: Number = 0.1) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be at least 1, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """base × gamma^(number of milestones ≤ t); a milestone named twice counts twice."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: Number = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:
        return base * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """base × gamma^t"""

    def __init__(self, optimizer: Optimizer, gamma: Number) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:
        return base * self.gamma**t


class LinearLR(LRScheduler):
    """base × a factor that goes from start_factor to end_factor in total_iters steps, and stays there."""

    def __init__(
        self, optimizer: Optimizer, start_factor: Number = 1.0 / 3, end_factor: Number = 1.0, total_iters: Number = 5
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1 or total_iters < 1:
            raise ValueError(
                "LinearLR: needs start_factor in (0, 1], end_factor in [0, 1] and total_iters from 1 up, "
                f"got {start_factor}, {end_factor} and {total_iters}"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:
        progress = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * progress)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from base to eta_min in T_max steps, and back up in the next T_max (Loshchilov & Hutter 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: Number, eta_min: Number = 0.0) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:
        return cosine(t / self.T_max, base, self.eta_min)


class CosineWithWarmup(LRScheduler):
    """Linear from base / (W + 1) up to base at step W, then half a cosine to min_lr at step ``total_steps``; then flat.

    Args:
        optimizer: whose learning rates to set.
        warmup_steps: W; 0 starts at base.
        total_steps: where min_lr is reached.
        min_lr: the rate at the end, for every group.
    """

    def __init__(self, optimizer: Optimizer, warmup_steps: Number, total_steps: Number, min_lr: Number = 0) -> None:
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                "CosineWithWarmup: needs 0 <= warmup_steps < total_steps, "
                f"got warmup_steps={warmup_steps}, total_steps={total_steps}"
            )
        self.warmup_steps, self.total_steps, self.min_lr = warmup_steps, total_steps, min_lr
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:
        if t < self.warmup_steps:
            return base * (t + 1) / (self.warmup_steps + 1)
        progress = (t - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        return cosine(min(progress, 1.0), base, self.min_lr)


class Noam(LRScheduler):
    """factor × d_model^−½ × min(s^−½, s W^−3/2) with s = t + 1 (Vaswani et al. 2017, eq. 3), whatever base is.

    Args:
        optimizer: whose learning rates to set.
        d_model: the width of the model.
        warmup_steps: W, the step at which the rate peaks.
        factor: 1 in the paper.
    """

    def __init__(self, optimizer: Optimizer, d_model: int, warmup_steps: Number, factor: Number = 1) -> None:
        if d_model < 1 or warmup_steps < 1:
            raise ValueError(
                f"Noam: d_model and warmup_steps must be at least 1, got d_model={d_model}, warmup_steps={warmup_steps}"
            )
        self.d_model, self.warmup_steps, self.factor = d_model, warmup_steps, factor
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:  # noqa: ARG002 (the paper's rate has no base)
        step = t + 1
        rate: float = self.factor * self.d_model**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)
        return rate


class SequentialLR(LRScheduler):
    """One schedule after another: number k, counted from its own step 0, from milestone k - 1 on.

    Args:
        optimizer: that of all the schedules.
        schedulers: the schedules; each a formula.
        milestones: at which steps the next one begins.
    """

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int]) -> None:
        if len(schedulers) != len(milestones) + 1 or list(milestones) != sorted(milestones):
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need one milestone less, in rising order, got {milestones}"
            )
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ValueError("SequentialLR: every schedule must be of the optimiser given")
        if any(isinstance(scheduler, ReduceLROnPlateau) for scheduler in schedulers):
            raise ValueError("SequentialLR: ReduceLROnPlateau is no formula of the step, it cannot be one of several")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def _rates(self) -> list[Number]:
        place = bisect_right(self.milestones, self.last_epoch)
        chosen = self.schedulers[place]
        chosen.base_lrs = self.base_lrs
        chosen.last_epoch = self.last_epoch - (self.milestones[place - 1] if place else 0)
        chosen._apply()
        return chosen._last_lr


__all__ = [
    "CosineAnnealingLR", "CosineWithWarmup", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "Noam", "OneCycleLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
