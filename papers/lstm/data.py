"""The data of the configured task: text, the adding problem, or strings of the embedded Reber grammar."""

from collections.abc import Iterable
from typing import Any, Protocol

from tinygrad_lab.data import Batches, TextData
from tinygrad_lab.data.generated import Generated
from tinygrad_lab.typing import Generator

from .config import LSTMConfig
from .tasks import adding, reber, text


class Task(Protocol):
    """What every module of ``tasks`` has."""

    def example_batch(self, config: LSTMConfig, rng: Generator) -> dict[str, Any]: ...
    def dataset(self, config: LSTMConfig, split: str) -> TextData | Generated: ...
    def training_batches(self, config: LSTMConfig, generator: Generator) -> Batches: ...
    def evaluation_batches(self, config: LSTMConfig, split: str) -> Iterable[dict[str, Any]]: ...


TASKS: dict[str, Task] = {"text": text, "adding": adding, "reber": reber}


def example_batch(config: LSTMConfig, rng: Generator) -> dict[str, Any]:
    """One random batch, for parity and benchmarks."""
    return TASKS[config.task].example_batch(config, rng)


def dataset(config: LSTMConfig, split: str) -> TextData | Generated:
    """What is trained or tested on; ``split`` is "train", "validation" or "test"."""
    return TASKS[config.task].dataset(config, split)


def training_batches(config: LSTMConfig, generator: Generator) -> Batches:
    """Shuffled batches."""
    return TASKS[config.task].training_batches(config, generator)


def evaluation_batches(config: LSTMConfig, split: str) -> Iterable[dict[str, Any]]:
    """A whole split in order."""
    return TASKS[config.task].evaluation_batches(config, split)
