"""A short run of every paper: two epochs of six steps, some tenths of a second; with workers, too."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any
from unittest import mock

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.training import trainable
from tinygrad_lab.workers import paying, threads

DIGITS = {"dataset": "digits", "batch_size": 256}
PAIRS = {"train_items": 96, "batch_size": 16}
SHORT: dict[str, tuple[str, dict[str, Any]]] = {  # by paper: a variant, and what makes it short
    "lora": ("lora", {"vocabulary": 96, "windows": 18}),  # noise, and four batches to evaluate
    "dropout": ("dropout", DIGITS),
    "autoencoder": ("vae", DIGITS),
    "lenet": ("1998", DIGITS),
    "alexnet": ("2012", {"dataset": "digits", "train_items": 96, "batch_size": 16}),
    "lstm": ("reber", {"batch_size": 48}),
    "seq2seq_attention": ("general", PAIRS),
    "transformer": ("sinusoidal", PAIRS),
    "bert": ("bert", {"items": 24}),
    "llama": ("llama", {"windows": 18}),
    "forgetting_transformer": ("llama", {"windows": 18}),
    "mamba": ("s6", {"items": 18}),
}
EPOCHS = 2
EVALUATED = 4  # batches; some papers have a hundred


def configuration(slug: str) -> Any:
    """Of the short run of a paper."""
    variant, changes = SHORT[slug]
    return replace(trainable(registry.find(slug), variant, "tiny"), epochs=EPOCHS, **changes)


def options(slug: str) -> list[str]:
    """The same as words for ``train``."""
    variant, changes = SHORT[slug]
    fields = {"epochs": EPOCHS, **changes}
    words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in fields.items()]
    return ["--size", "tiny", "--variant", variant, *(word for pair in words for word in pair)]


@contextmanager
def few_evaluated() -> Iterator[None]:
    """Evaluate on a few batches only, as long as the block lasts."""
    with ExitStack() as stack:
        for slug in SHORT:
            data = registry.part(registry.find(slug), "data")
            whole = data.evaluation_batches

            def few(*arguments: Any, whole: Any = whole) -> Any:
                return islice(whole(*arguments), EVALUATED)

            stack.enter_context(mock.patch.object(data, "evaluation_batches", few))
        yield


@contextmanager
def workers_on(number: int = 2) -> Iterator[None]:
    """Have the engine share every step, however small, with worker processes; never with threads."""
    with (
        mock.patch.dict(os.environ, TINYGRAD_LAB_WORKERS=str(number)),
        mock.patch.object(paying, "WORTHWHILE", 0),
        mock.patch.object(threads, "WORTHWHILE", float("inf")),
    ):
        yield
