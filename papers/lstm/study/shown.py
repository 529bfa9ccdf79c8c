"""What the stepper shows of the LSTM: a line of a rhyme, a Reber string, or one adding problem."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.data.characters import CHARACTERS
from tinygrad_lab.data.little import STAR
from tinygrad_lab.random import generator as seeded
from tinygrad_lab.shown import Batch, Item, endless, text_batches, text_item
from tinygrad_lab.typing import Generator

from ..config import LSTMConfig
from ..data import training_batches
from ..tasks import adding
from ..tasks.reber import batch_of, embedded_string

STEPS = 600


def configuration(config: LSTMConfig) -> LSTMConfig:
    """Room for a line, nothing dropped, and a rate at which it is learned in seconds."""
    faster = replace(config, dropout=0.0, learning_rate=4e-2, batch_size=16)
    return replace(faster, length=8, hidden=10) if config.task == "text" else faster


def batches(config: LSTMConfig, generator: Generator) -> Iterator[Batch]:
    """Windows of the rhyme, or what the task generates."""
    if config.task == "text":
        return text_batches(STAR, config.length, config.batch_size, generator, CHARACTERS, "sequence")
    return endless(lambda: training_batches(config, generator))


def item(config: LSTMConfig) -> Item:
    """The first line, a string, or two numbers to add."""
    if config.task == "text":
        return text_item(STAR, config.length, CHARACTERS, "sequence")
    if config.task == "adding":
        return Item(adding.draw(config, 1, seeded(1)), "an adding problem")
    string = embedded_string(seeded(1))
    words = {"sequence": config.alphabet, "target": config.alphabet}
    return Item(batch_of([string]), f"the Reber string {string.symbols}", words, {"sequence": slice(None)})
