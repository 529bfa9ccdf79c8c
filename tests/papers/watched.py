"""What a training program prints, beside what its parts were given and gave out."""

import builtins
from typing import Any

import pytest


class Watched:
    """The module of a training program, while its main() runs.

    Attributes:
        steps: what each optimiser's schedule was made for.
        losses: those of every epoch.
        metrics: what was measured first after so many epochs.
        held: lines about an epoch that were not shown at once, to whoever reads them through a pipe.
    """

    def __init__(self, module: Any, patch: pytest.MonkeyPatch) -> None:
        self.steps: list[int] = []
        self.losses: list[list[float]] = []
        self.metrics: dict[int, dict[str, float]] = {}
        self.held: list[tuple[Any, ...]] = []
        for name in ("configure_optimizer", "train", "evaluate"):
            patch.setattr(module, name, getattr(self, f"_{name}")(getattr(module, name)))
        patch.setattr(module, "print", self._print, raising=False)

    def _configure_optimizer(self, function: Any) -> Any:
        def configure_optimizer(model: Any, config: Any, steps: int) -> Any:
            self.steps.append(steps)
            return function(model, config, steps)

        return configure_optimizer

    def _train(self, function: Any) -> Any:
        def train(*parts: Any) -> list[float]:
            self.losses.append(list(function(*parts)))
            return self.losses[-1]

        return train

    def _evaluate(self, function: Any) -> Any:
        def evaluate(*parts: Any) -> dict[str, float]:
            found = function(*parts)
            self.metrics.setdefault(len(self.losses), found)
            return found

        return evaluate

    def _print(self, *words: Any, flush: bool = False, **options: Any) -> None:
        self.held += [] if flush else [words]
        builtins.print(*words, flush=flush, **options)

    def said_after(self, epochs: int) -> str:
        """What has to be printed when so many have passed."""
        losses = self.losses[epochs - 1]
        said = {"training loss": sum(losses) / len(losses), **self.metrics[epochs]}
        return "  ".join(f"{name} {value:.4f}" for name, value in said.items())

    def check(self, starts: list[str], lines: list[str]) -> None:
        """One line an epoch, complete and at once; and schedules as long as the trainings that they are for."""
        assert all(len(losses) > 1 for losses in self.losses)  # else their sum is their mean
        assert lines == [f"{start}  {self.said_after(epochs)}" for epochs, start in enumerate(starts, 1)]
        assert self.held == []
        epochs = len(starts) // len(self.steps)
        assert self.steps == [sum(map(len, self.losses[at : at + epochs])) for at in range(0, len(starts), epochs)]
