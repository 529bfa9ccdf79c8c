"""The one-cycle schedule: up and down once, the momentum the other way."""

from __future__ import annotations

from tinygrad_lab.optim.optimizer import Optimizer
from tinygrad_lab.optim.schedule import LRScheduler, Number, cosine


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, and down again, to far below the start (Smith & Topin 2018).

    Momentum (or Adam's β₁) goes the other way.

    Args:
        optimizer: whose learning rates to set.
        max_lr: the peak; one for all groups, or a list with one per group.
        total_steps: the length of the cycle; or ``epochs`` × ``steps_per_epoch``.
        pct_start: the share of the steps that go up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum is set too.
        base_momentum, max_momentum: where it is at the peak, and at both ends.
        div_factor: the start is max_lr divided by it.
        final_div_factor: the end is the start divided by it; in two phases the way down is one line.
        three_phase: down to the start first, in as many steps as up, and to the end in those that are left.

    Raises:
        ValueError: an argument out of range, no length, an optimiser without momentum; a step after the last.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Number | list[Number],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: Number = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Number = 0.85,
        max_momentum: Number = 0.95,
        div_factor: Number = 25.0,
        final_div_factor: Number = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None and epochs is not None and steps_per_epoch is not None:
            total_steps = epochs * steps_per_epoch
        if total_steps is None or total_steps < 1 or not 0 <= pct_start <= 1:
            raise ValueError(
                "OneCycleLR: needs total_steps (or epochs and steps_per_epoch) from 1 up and pct_start in [0, 1], "
                f"got {total_steps} and {pct_start}"
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        groups = len(optimizer.param_groups)
        self.max_lrs = list(max_lr) if isinstance(max_lr, list | tuple) else [max_lr] * groups
        if len(self.max_lrs) != groups:
            raise ValueError(f"OneCycleLR: {len(self.max_lrs)} max_lr for {groups} parameter groups")
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(f"OneCycleLR: {type(optimizer).__name__} has no momentum, set cycle_momentum=False")
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        up, last = pct_start * total_steps - 1, total_steps - 1
        self.ends = [up, 2 * pct_start * total_steps - 2, last] if three_phase else [up, last]
        super().__init__(optimizer)

    def _rates(self) -> list[Number]:
        if self.last_epoch > self.total_steps:  # the last call comes after the last step
            raise ValueError(
                f"OneCycleLR: the cycle has {self.total_steps} steps, step {self.last_epoch + 1} is past it"
            )
        return [self._between(*self._levels(peak)) for peak in self.max_lrs]

    def _levels(self, peak: Number) -> tuple[Number, ...]:
        """The rate at the start, and at the end of each phase."""
        start = peak / self.div_factor
        end = start / self.final_div_factor
        return (start, peak, start, end) if len(self.ends) == 3 else (start, peak, end)

    def _between(self, *levels: Number) -> Number:
        """Where a line through ``levels``, one at the start and one at each phase's end, is now."""
        phase = next((k for k, end in enumerate(self.ends) if self.last_epoch <= end), len(self.ends) - 1)
        begin, end = self.ends[phase - 1] if phase else 0, self.ends[phase]
        progress = (self.last_epoch - begin) / (end - begin) if end != begin else 1.0
        if self.anneal_strategy == "cos":
            return cosine(progress, levels[phase], levels[phase + 1])
        return levels[phase] + (levels[phase + 1] - levels[phase]) * progress

    def _apply(self) -> None:
        super()._apply()
        if self.cycle_momentum:
            low, high = self.base_momentum, self.max_momentum
            momentum = self._between(high, low, *[high] * (len(self.ends) - 1))
            for group in self.optimizer.param_groups:
                group |= {"betas": (momentum, group["betas"][1])} if "betas" in group else {"momentum": momentum}
