"""A text as windows of tokens, for training without the lab: PyTorch and a file, on as many processes as there are.

Which windows a batch has depends on nothing but a seed and the number of the step.  So a run that is resumed goes on
with the same batches, and several processes share each one without a word to each other.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..data import CHARACTERS, encoded, next_tokens, parts, shuffled, topics, windows
from .config import LlamaBatch, LlamaConfig


@dataclass(frozen=True)
class Tokens:
    """A text in numbers.

    Attributes:
        train, test: the first nine tenths, without their end where one is left out, and the rest; (N,) each.
        bytes_of: how many bytes of text a token stands for, (V,).
        pieces: of byte pair encoding, as the tokenizers library's JSON; None for characters.
    """

    train: Tensor
    test: Tensor
    bytes_of: Tensor
    pieces: str | None = None


def read_text(dataset: str, file: Path | None = None) -> str:
    """The text of a file, or of the data set of that name.

    Args:
        dataset: "tinyshakespeare" or "timemachine", of which $TINYGRAD_LAB_DATA/text has the files; "topics", Python's
            own help; "auto", the first or else the last of them.
        file: any text instead.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if file is None and dataset != "topics":
        name = "tinyshakespeare" if dataset == "auto" else dataset
        file = Path(os.environ.get("TINYGRAD_LAB_DATA", ".")) / "text" / f"{name}.txt"
        if dataset == "auto" and not file.exists():
            file = None
    if file is not None:
        return file.read_text(encoding="utf-8")
    return topics()


def tokenise(text: str, config: LlamaConfig) -> Tokens:
    """Characters, or pieces of byte pair encoding learned from the training part.

    Raises:
        ValueError: a character that is not one of ASCII's, or a vocabulary that has no room for the tokens.
    """
    first, last = parts(text)
    first = first[: len(first) - config.validation]
    if config.tokens == "bpe":
        return _pieces((first, last), config.vocab_size)
    train, test = encoded(first), encoded(last)
    if config.vocab_size < len(CHARACTERS):
        raise ValueError(f"vocab_size must be at least {len(CHARACTERS)} for characters, got {config.vocab_size}")
    return Tokens(train, test, torch.ones(config.vocab_size, dtype=torch.int64))


def _pieces(both: tuple[str, str], size: int) -> Tokens:
    import tokenizers as library

    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    if size < len(alphabet):
        raise ValueError(f"vocab_size must be at least {len(alphabet)}, one for each byte, got {size}")
    pieces = library.Tokenizer(library.models.BPE())
    pieces.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(alphabet), show_progress=False)
    pieces.train_from_iterator(both[0].splitlines(keepends=True), trainer)
    train, test = (torch.tensor(pieces.encode(part).ids) for part in both)
    lengths = torch.tensor([len(pieces.id_to_token(token) or "") for token in range(pieces.get_vocab_size())])
    return Tokens(train, test, lengths, pieces.to_str())


def training_batch(tokens: Tensor, config: LlamaConfig, step: int, rank: int = 0, ranks: int = 1) -> LlamaBatch:
    """The windows of a step, from random places; of several processes each has its share of them.

    Every share carries the count of the whole batch, so the losses and gradients of all add up to those of one process.

    Raises:
        ValueError: a text that is not longer than a window, or shares that would not be equal.
    """
    places = len(tokens) - config.context
    if places < 1:
        raise ValueError(f"context must be less than the {len(tokens)} tokens of the text, got {config.context}")
    if config.batch_size % ranks:
        raise ValueError(f"batch_size must be a multiple of the {ranks} processes, got {config.batch_size}")
    rng = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    start = torch.randint(places, (config.batch_size,), generator=rng)[rank::ranks]
    batch: LlamaBatch = next_tokens((windows(tokens, config.context)[start],))
    return {**batch, "count": float(config.batch_size * config.context)}


def training_batches(tokens: Tokens, config: LlamaConfig) -> DataLoader[LlamaBatch]:
    """Windows from random places, other ones in every epoch."""
    return shuffled(next_tokens, config.batch_size, windows(tokens.train, config.context), items=config.windows)


def evaluation_batches(tokens: Tokens, config: LlamaConfig, rows: int = 64) -> Iterator[LlamaBatch]:
    """The held-out text in windows one after the other; "bytes" is how much text the targets of a batch stand for."""
    for some in windows(tokens.test, config.context, step=config.context).split(rows):
        batch: LlamaBatch = next_tokens((some,))
        yield {**batch, "bytes": float(tokens.bytes_of[batch["target"]].sum())}
