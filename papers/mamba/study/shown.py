"""What the stepper shows of Mamba: a line of a rhyme, character by character, or one sequence of a synthetic task."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.data.little import ALPHABET, STAR
from tinygrad_lab.random import generator as seeded
from tinygrad_lab.shown import Batch, Item, endless, text_batches, text_item
from tinygrad_lab.typing import Generator

from ..config import MambaConfig
from ..data import training_batches
from ..tasks.synthetic import draw

STEPS = 600


def configuration(config: MambaConfig) -> MambaConfig:
    """Room for a line, and a rate at which it is learned in seconds."""
    faster = replace(config, learning_rate=1e-2, batch_size=16, hidden_size=8)
    return replace(faster, vocab_size=len(ALPHABET), length=17) if config.task == "text" else replace(faster, length=12)


def batches(config: MambaConfig, generator: Generator) -> Iterator[Batch]:
    """Windows of the rhyme, or new sequences."""
    if config.task == "text":
        return text_batches(STAR, config.length, config.batch_size, generator, ALPHABET)
    return endless(lambda: training_batches(config, generator))


def item(config: MambaConfig) -> Item:
    """The first line, or a sequence."""
    if config.task == "text":
        return text_item(STAR, config.length, ALPHABET)
    batch = draw(config, 1, seeded(1))
    names = ("·" if config.task == "copying" else "a") + "bcdefghijklmnopqrstuvwxyz"[: config.vocab_size - 2]
    alphabet = (*names, "?" if config.task == "copying" else "!")
    text = "".join(alphabet[token] for token in batch["tokens"][0])
    return Item(batch, f"{config.task}: {text}", {"tokens": alphabet, "target": alphabet}, {"tokens": slice(None)})
