"""The data of the configured task: text, or sequences for selective copying or induction."""

from collections.abc import Iterable
from typing import Any, Protocol

from tinygrad_lab.data import Batches, TextData
from tinygrad_lab.data.generated import Generated
from tinygrad_lab.typing import Generator

from .config import MambaConfig
from .tasks import synthetic, text


class Task(Protocol):
    """What every module of ``tasks`` has."""

    def example_batch(self, config: MambaConfig, rng: Generator) -> dict[str, Any]: ...
    def dataset(self, config: MambaConfig, split: str) -> TextData | Generated: ...
    def training_batches(self, config: MambaConfig, generator: Generator) -> Batches: ...
    def evaluation_batches(self, config: MambaConfig, split: str) -> Iterable[dict[str, Any]]: ...


TASKS: dict[str, Task] = {"text": text, "copying": synthetic, "induction": synthetic}


def example_batch(config: MambaConfig, rng: Generator) -> dict[str, Any]:
    """One random batch, for parity and benchmarks."""
    return TASKS[config.task].example_batch(config, rng)


def dataset(config: MambaConfig, split: str) -> TextData | Generated:
    """What is trained or tested on; ``split`` is "train", "validation" or "test"."""
    return TASKS[config.task].dataset(config, split)


def training_batches(config: MambaConfig, generator: Generator) -> Batches:
    """Shuffled or fresh batches."""
    return TASKS[config.task].training_batches(config, generator)


def evaluation_batches(config: MambaConfig, split: str) -> Iterable[dict[str, Any]]:
    """A whole split in order."""
    return TASKS[config.task].evaluation_batches(config, split)
