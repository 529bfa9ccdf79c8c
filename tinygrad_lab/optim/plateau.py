"""The schedule that looks at how training goes: lower rates where it has stopped to get better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinygrad_lab.optim.optimizer import Optimizer
from tinygrad_lab.optim.schedule import LRScheduler, Number


class ReduceLROnPlateau(LRScheduler):
    """The learning rates × factor whenever what ``step(metrics)`` is told has not become better for a while.

    Args:
        optimizer: whose learning rates to set.
        mode: "min" where less is better, "max" where more is.
        factor: below 1.
        patience: how many steps without a better value are tolerated.
        threshold: better is better by more than that: a share of the best with ``threshold_mode`` "rel", else as it is.
        threshold_mode: "rel" or "abs".
        cooldown: steps after a reduction that are not counted.
        min_lr: the least, one for all groups or a list with one per group.
        eps: a smaller change is not made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: Number = 0.1,
        patience: int = 10,
        threshold: Number = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Number | list[Number] = 0,
        eps: Number = 1e-8,
    ) -> None:
        if factor >= 1 or mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceLROnPlateau: needs factor below 1, mode 'min' or 'max' and threshold_mode 'rel' or 'abs', "
                f"got {factor}, {mode!r} and {threshold_mode!r}"
            )
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ValueError(f"ReduceLROnPlateau: {len(self.min_lrs)} min_lr for {groups} parameter groups")
        self.mode, self.factor, self.patience, self.eps = mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def step(self, metrics: Any) -> None:  # type: ignore[override]  # as in torch: it is the one that needs a value
        """Look at the value of this epoch, and lower the rates if it is time."""
        value = float(metrics)
        self.last_epoch += 1
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._apply()

    def _better(self, value: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        relative = self.threshold_mode == "rel"
        bar = self.best * (1 + sign * self.threshold) if relative else self.best + sign * self.threshold
        return value < bar if self.mode == "min" else value > bar

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lower = max(group["lr"] * self.factor, least)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower

    def _rates(self) -> list[Number]:
        return [group["lr"] for group in self.optimizer.param_groups]  # there is no formula: they are as they are

    def state_dict(self) -> dict[str, Any]:
        counters = {name: getattr(self, name) for name in ("best", "num_bad_epochs", "cooldown_counter")}
        return {**super().state_dict(), **counters, "last_lr": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, state_dict["last_lr"], strict=False):
            group["lr"] = rate
        for name in ("best", "num_bad_epochs", "cooldown_counter"):
            setattr(self, name, state_dict[name])
        super().load_state_dict(state_dict)
