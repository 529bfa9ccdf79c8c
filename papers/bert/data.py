"""Batches for pre-training and fine-tuning: [CLS] A [SEP] B [SEP] or [CLS] A [SEP], then [PAD]."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches
from tinygrad_lab.typing import Generator

from .config import BertConfig
from .text import corpus
from .text.corpus import Corpus
from .text.masking import mask_tokens, next_tokens
from .text.wordpiece import CLS, MASK, PAD, SEP, WordPieces, learn

FOLLOWS, RANDOM = 0, 1  # the labels of next-sentence prediction
EVALUATED = 2000  # sentences or pairs of a split that are looked at, at most
EVALUATION_BATCH = 100

Tokens = Sequence[int]


@dataclass(frozen=True)
class Encoded:
    """All sentences of a split as tokens, and of each the number of its document and its class."""

    tokens: list[list[int]]
    document: np.ndarray
    label: np.ndarray

    def starts(self) -> np.ndarray:
        """The numbers of sentences that another one of the same document follows."""
        return np.flatnonzero(self.document[1:] == self.document[:-1])


def dataset(config: BertConfig, split: str) -> Corpus:
    """The documents of "train", "validation" or "test"."""
    return corpus.load(config.dataset, split)


def vocabularies(config: BertConfig) -> dict[str, str]:
    """The word pieces, learned from all documents to train on, and the names of the classes."""
    classes = ",".join(dataset(config, "train").classes)
    return {"word pieces": _word_pieces(config.dataset, config.vocab_size), "classes": classes}


def encoded(config: BertConfig, split: str) -> Encoded:
    """The sentences of a split as tokens."""
    return _encoded(config.dataset, config.vocab_size, split)


@cache
def _word_pieces(name: str, size: int) -> str:
    return learn(corpus.load(name, "train").sentences(), size)


@cache
def _encoded(name: str, size: int, split: str) -> Encoded:
    documents = corpus.load(name, split).documents
    lengths = [len(document.sentences) for document in documents]
    tokens = WordPieces(_word_pieces(name, size)).encode_all(corpus.load(name, split).sentences())
    labels = [document.label for document in documents]
    return Encoded(tokens, np.repeat(np.arange(len(documents)), lengths), np.repeat(labels, lengths))


# ---- batches ---------------------------------------------------------------------------------------------------------


def training_batches(config: BertConfig, generator: Generator) -> Batches:
    """Shuffled batches of pairs of sentences, masked anew in every epoch, or of labelled sentences.

    Raises:
        ValueError: more ``items`` asked for than there are, or more classes in the data than the model has.
    """
    if config.task == "classification":
        return _labelled(config, "train", generator)
    return _pairs(config, "train", generator)


def evaluation_batches(config: BertConfig, split: str) -> Batches:
    """A split in order, masked always the same way; an even sample where there is more than ``EVALUATED``."""
    return _labelled(config, split) if config.task == "classification" else _pairs(config, split)


def _pairs(config: BertConfig, split: str, generator: Generator | None = None) -> Batches:
    data = encoded(config, split)
    first = _chosen(config, data.starts(), generator)

    def batch_of(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        first = batch["first"]
        second, random = follow(data, first, rng, 0.5 if config.task == "pretraining" else 0.0)
        pairs = [(data.tokens[a], data.tokens[b]) for a, b in zip(first, second, strict=True)]
        return pretraining_batch(config, inputs(pairs, config.length), random, rng)

    size = EVALUATION_BATCH if generator is None else config.batch_size
    return Batches({"first": first}, size, generator, shuffle=generator is not None, transform=batch_of)


def follow(data: Encoded, first: np.ndarray, rng: Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The second sentence of each pair, and which of them are random ones, from another document."""
    random = rng.random(len(first)) < share
    second = first + 1
    wrong = random.copy()
    while wrong.any():
        second[wrong] = rng.integers(0, len(data.tokens), int(wrong.sum()))
        wrong = random & (data.document[second] == data.document[first])
    return second, random


def _labelled(config: BertConfig, split: str, generator: Generator | None = None) -> Batches:
    data = encoded(config, split)
    if (classes := len(dataset(config, split).classes)) > config.num_labels:
        raise ValueError(f"num_labels must be at least {classes} for this data, got {config.num_labels}")
    rows = _chosen(config, np.arange(len(data.tokens)), generator)

    def batch_of(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:  # noqa: ARG001
        sentences = [(data.tokens[row], None) for row in batch["row"]]
        return inputs(sentences, config.length) | {"label": batch["label"], "count": batch["count"]}

    lengths = np.array([len(data.tokens[row]) for row in rows])
    arrays = {"row": rows, "label": data.label[rows]}
    if generator is None:
        return Batches(arrays, EVALUATION_BATCH, shuffle=False, transform=batch_of)
    return Batches(arrays, config.batch_size, generator, transform=batch_of, lengths=lengths)


def _chosen(config: BertConfig, rows: np.ndarray, generator: Generator | None) -> np.ndarray:
    """The rows to use: for training ``items`` of them, for evaluation an even sample."""
    if generator is None:
        return sample(rows)
    return chosen_rows(rows, config.items, config.seed)


def sample(rows: np.ndarray) -> np.ndarray:
    """An even sample of the rows to evaluate on, where there are more than ``EVALUATED``."""
    return rows[:: -(-len(rows) // EVALUATED)]


def chosen_rows(rows: np.ndarray, items: int, seed: int = 0) -> np.ndarray:
    """So many of the rows, which the seed draws; all of them for 0.

    Raises:
        ValueError: more than there are.
    """
    if items > len(rows):
        raise ValueError(f"items must be at most {len(rows)}, got {items}")
    chosen = np.random.Generator(np.random.SFC64(seed)).permutation(len(rows))[: items or None]
    return rows[np.sort(chosen)]


def inputs(pairs: Sequence[tuple[Tokens, Tokens | None]], length: int) -> dict[str, np.ndarray]:
    """One or two sentences each as input_ids, attention_mask and token_type_ids, cut to ``length`` tokens."""
    rows, segments = [], []
    for first, second in pairs:
        a, b = (first[: length - 2], []) if second is None else truncated(first, second, length - 3)
        tail = [] if second is None else [*b, SEP]
        rows.append([CLS, *a, SEP, *tail])
        segments.append([0] * (len(a) + 2) + [1] * len(tail))
    input_ids = padded(rows)
    return {"input_ids": input_ids, "attention_mask": input_ids != PAD, "token_type_ids": padded(segments)}


def truncated(first: Tokens, second: Tokens, room: int) -> tuple[Tokens, Tokens]:
    """Both sentences in ``room`` tokens: the longer one loses some at its end, or both where both are long."""
    first = first[: max(room // 2, room - len(second))]
    return first, second[: room - len(first)]


def padded(rows: Sequence[Tokens]) -> np.ndarray:
    """Rows of different lengths as one array, 0 at their ends."""
    out = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out


def pretraining_batch(
    config: BertConfig, batch: dict[str, np.ndarray], random: np.ndarray, rng: Generator
) -> dict[str, Any]:
    """What is to be predicted: hidden tokens or, left to right, the next ones; and which second sentences are random.

    The loss has two denominators: ``count`` tokens and ``pairs``.
    """
    if config.task == "left-to-right":
        shown, labels = batch["input_ids"], next_tokens(batch["input_ids"])
    else:
        shown, labels = mask_tokens(batch["input_ids"], config, rng)
    whole: dict[str, Any] = batch | {"input_ids": shown, "labels": labels, "count": float((labels >= 0).sum())}
    if config.task == "pretraining":
        whole |= {"next_sentence": np.where(random, RANDOM, FOLLOWS), "pairs": float(len(random))}
    return whole


def example_batch(config: BertConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random tokens, for parity and benchmarks; every sequence but the first is shorter than it may be."""
    room = config.length - 3
    lengths = rng.integers(1, room // 2, (config.batch_size, 2))
    lengths[0] = room // 2, room - room // 2
    sentences = [tuple(rng.integers(MASK + 1, config.vocab_size, n).tolist() for n in pair) for pair in lengths]
    if config.task == "classification":
        label = rng.integers(0, config.num_labels, config.batch_size)
        batch = inputs([(first, None) for first, _ in sentences], config.length)
        return batch | {"label": label, "count": float(config.batch_size)}
    random = rng.random(config.batch_size) < 0.5
    return pretraining_batch(config, inputs(sentences, config.length), random, rng)
