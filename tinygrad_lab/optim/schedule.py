"""What all learning rate schedules share: where they stand, whose rates they set, and a half cosine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinygrad_lab.ops.gate import gated_constructor
from tinygrad_lab.optim.optimizer import Optimizer

Number = float | int


class LRScheduler:
    """Base class, a constant rate; subclasses write ``rate``. Call ``step()`` after ``optimizer.step()``.

    Building one sets the optimiser's learning rates for its first step.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have the settings of every schedule checked."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = gated_constructor(cls.__init__)  # type: ignore[method-assign]  # the same one, behind a gate

    @gated_constructor
    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.base_lrs: list[Any] = [group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups]
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


def cosine(progress: float, start: Number, end: Number) -> float:
    """Return where half a cosine from ``start`` to ``end`` is after a share ``progress`` of it."""
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
