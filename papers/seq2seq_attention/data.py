"""Pairs of strings as batches of tokens: sources end with EOS, targets begin with BOS and end with EOS."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import numpy as np

from papers.seq2seq_attention.config import Seq2SeqConfig
from papers.seq2seq_attention.vocabulary import BOS, EOS, KINDS, PAD, UNKNOWN, Vocabulary, learn
from tinygrad_lab.data import Batches, PairData, load_pairs
from tinygrad_lab.data.dates import load_dates
from tinygrad_lab.data.pairs import pairs_checksum
from tinygrad_lab.typing import Generator

DEVELOPMENT_WORDS = 2670  # of CMUdict's training words, as in the literature; which ones is our choice
HELD_OUT_CHAPTERS = 24  # of the Bible, for testing, and as many for validation
TRAINING_SAMPLE = 2000  # pairs that stand for the training data when it is evaluated


def example_batch(config: Seq2SeqConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random tokens, for parity and benchmarks; lengths from 1 to ``max_length``, both of which occur."""
    lengths = rng.integers(1, config.max_length + 1, (2, config.batch_size))
    lengths[0, 0], lengths[0, -1] = config.max_length, 1
    sources, targets = (
        [rng.integers(UNKNOWN, size, n - 1).tolist() for n in row]
        for row, size in zip(lengths, (config.source_vocabulary, config.target_vocabulary), strict=True)
    )
    return _trimmed(_arrays(sources, targets))


def dataset(config: Seq2SeqConfig, split: str) -> PairData:
    """The pairs of a split: "train" (of which ``train_items``, if so many are asked for), "validation" or "test"."""
    data = _split(config.dataset, split)
    if split != "train" or not config.train_items:
        return data
    chosen = np.sort(np.random.Generator(np.random.SFC64(0)).permutation(len(data))[: config.train_items])
    return _subset(data, chosen)


def vocabularies(config: Seq2SeqConfig) -> dict[str, str]:
    """The vocabularies of both sides, learned from all training pairs."""
    return _vocabularies(config.dataset, config.source_vocabulary, config.target_vocabulary)


def training_batches(config: Seq2SeqConfig, generator: Generator) -> Batches:
    """Shuffled batches of pairs of similar length, none longer than ``max_length`` tokens on either side."""
    arrays = encoded(config, dataset(config, "train"))
    longest = np.maximum(arrays["length"], (arrays["target"] != PAD).sum(axis=1) - 1)
    kept = {name: array[longest <= config.max_length] for name, array in arrays.items()}
    return Batches(
        kept, config.batch_size, generator, transform=lambda batch, _: _trimmed(batch), lengths=kept["length"]
    )


def evaluation_batches(config: Seq2SeqConfig, split: str) -> Batches:
    """All pairs of a split, however long, shortest sources first; of the training pairs a sample."""
    data = dataset(config, split)
    if split == "train":
        data = _subset(data, np.arange(len(data))[:: max(1, len(data) // TRAINING_SAMPLE)])
    arrays = encoded(config, data)
    order = np.argsort(arrays["length"], kind="stable")
    arrays = {name: array[order] for name, array in arrays.items()}
    return Batches(arrays, 200, shuffle=False, transform=lambda batch, _: _trimmed(batch))


def encoded(config: Seq2SeqConfig, data: PairData) -> dict[str, np.ndarray]:
    """Pairs as padded arrays of tokens: {"source": (N, S), "length": (N,), "target": (N, T + 1)}."""
    json = vocabularies(config)
    sides = zip(*data.pairs, strict=True)
    sources, targets = (
        Vocabulary(json[side]).encode_all(texts) for side, texts in zip(("source", "target"), sides, strict=True)
    )
    return _arrays(sources, targets)


def padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of different lengths as one array, PAD at their ends."""
    out = np.full((len(rows), max(map(len, rows))), PAD)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out


def _arrays(sources: Sequence[list[int]], targets: Sequence[list[int]]) -> dict[str, Any]:
    return {
        "source": padded([[*row, EOS] for row in sources]),
        "length": np.array([len(row) + 1 for row in sources]),
        "target": padded([[BOS, *row, EOS] for row in targets]),
    }


def _trimmed(batch: dict[str, Any]) -> dict[str, Any]:
    """Without columns of nothing but padding; the count is of the tokens to be predicted."""
    real = batch["target"][:, 1:] != PAD
    width = int(real.sum(axis=1).max()) + 1
    return {
        "source": batch["source"][:, : batch["length"].max()],
        "length": batch["length"],
        "target": batch["target"][:, :width],
        "count": float(real.sum()),
    }


# ---- splits ----------------------------------------------------------------------------------------------------------


@cache
def _split(name: str, split: str) -> PairData:
    if name == "dates":
        return load_dates(split)
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split must be train, validation or test, got {split!r}")
    if name == "cmudict":
        return _words(split)
    return _verses(split)


def _words(split: str) -> PairData:
    """CMUdict's own split, and some of its training words, with all their pronunciations, set aside for validation."""
    if split == "test":
        return load_pairs("cmudict", "test")
    data = load_pairs("cmudict", "train")
    aside = set(Random(0).sample(sorted(set(data.keys)), DEVELOPMENT_WORDS))
    return _subset(data, [i for i, word in enumerate(data.keys) if (word in aside) == (split == "validation")])


def _verses(split: str) -> PairData:
    """By chapter; verses that stand literally in a held-out chapter too are left out of the training."""
    data = load_pairs("eng-spa", "all")
    chapters = [key.rpartition(":")[0] for key in data.keys]
    shuffled = Random(0).sample(list(dict.fromkeys(chapters)), 2 * HELD_OUT_CHAPTERS)
    held_out = {"test": set(shuffled[:HELD_OUT_CHAPTERS]), "validation": set(shuffled[HELD_OUT_CHAPTERS:])}
    if split != "train":
        return _subset(data, [i for i, chapter in enumerate(chapters) if chapter in held_out[split]])
    known = {text for pair, c in zip(data.pairs, chapters, strict=True) if c in set(shuffled) for text in pair}
    return _subset(
        data,
        [i for i, c in enumerate(chapters) if c not in set(shuffled) and known.isdisjoint(data.pairs[i])],
    )


def _subset(data: PairData, rows: Sequence[int] | np.ndarray) -> PairData:
    pairs = tuple(data.pairs[i] for i in rows)
    return replace(data, pairs=pairs, keys=tuple(data.keys[i] for i in rows), checksum=pairs_checksum(pairs))


@cache
def _vocabularies(name: str, source_size: int, target_size: int) -> dict[str, str]:
    source_kind, target_kind = KINDS[name]
    sources, targets = zip(*_split(name, "train").pairs, strict=True)
    return {"source": learn(source_kind, sources, source_size), "target": learn(target_kind, targets, target_size)}
