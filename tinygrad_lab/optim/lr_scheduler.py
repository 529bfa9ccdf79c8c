"""Learning rate schedules, with torch.optim.lr_scheduler's names and protocol.

Every schedule is a formula: ``rate(t, base)`` is the learning rate of step t, from 0, of a group whose optimiser was
built with ``base``.  (Torch computes most of them from the previous rate; the values are the same.)  A schedule owns
``lr``: what anybody else writes there is overwritten by the next ``step()``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_lab.optim.optimizer import Optimizer

Number = float | int
Rate = Callable[[int], Number]  # of the number of the step, from 0


class LRScheduler:
    """Base class, a constant rate; subclasses write ``rate``. Call ``step()`` after ``optimizer.step()``.

    Building one sets the optimiser's learning rates for its first step.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.base_lrs: list[Number] = [group["lr"] for group in optimizer.param_groups]
        self.last_epoch = 0
        self._apply()

    def rate(self, t: int, base: Number) -> Number:  # noqa: ARG002 (a constant does not look at t)
        """Return the learning rate of step ``t``, counted from 0, for a group built with ``base``."""
        return base

    def step(self) -> None:
        """Set the learning rates for the next step (or epoch, whichever the caller counts)."""
        self.last_epoch += 1
        self._apply()

    def get_last_lr(self) -> list[Number]:
        """Return the learning rate of each group as last set."""
        return list(self._last_lr)

    def _apply(self) -> None:
        self._last_lr = self._rates()
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate

    def _rates(self) -> list[Number]:
        return [self.rate(self.last_epoch, base) for base in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Tell where the schedule stands; its arguments are not part of it."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where ``state_dict`` stood, and set the optimiser's learning rates accordingly."""
        groups = len(self.optimizer.param_groups)
        if len(state_dict["base_lrs"]) != groups:
            raise ValueError(
                f"load_state_dict: the optimiser has {groups} groups, the state {len(state_dict['base_lrs'])}"
            )
        self.base_lrs = list(state_dict["base_lrs"])
        self.last_epoch = int(state_dict["last_epoch"])
        self._apply()


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


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from base to eta_min in T_max steps, and back up in the next T_max (Loshchilov & Hutter 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: Number = 0.0) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, t: int, base: Number) -> Number:
        return _cosine(t / self.T_max, base, self.eta_min)


class CosineWithWarmup(LRScheduler):
    """Linear from base / (W + 1) up to base at step W, then half a cosine to min_lr at step ``total_steps``; then flat.

    Args:
        optimizer: whose learning rates to set.
        warmup_steps: W; 0 starts at base.
        total_steps: where min_lr is reached.
        min_lr: the rate at the end, for every group.
    """

    def __init__(self, optimizer: Optimizer, warmup_steps: int, total_steps: int, min_lr: Number = 0) -> None:
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
        return _cosine(min(progress, 1.0), base, self.min_lr)


class Noam(LRScheduler):
    """factor × d_model^−½ × min(s^−½, s W^−3/2) with s = t + 1 (Vaswani et al. 2017, eq. 3), whatever base is.

    Args:
        optimizer: whose learning rates to set.
        d_model: the width of the model.
        warmup_steps: W, the step at which the rate peaks.
        factor: 1 in the paper.
    """

    def __init__(self, optimizer: Optimizer, d_model: int, warmup_steps: int, factor: Number = 1) -> None:
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


def _cosine(progress: float, start: Number, end: Number) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
