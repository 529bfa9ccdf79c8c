"""Pairs of strings as batches of tokens: sources end with EOS, targets begin with BOS and end with EOS.

Three data sets: written dates and their ISO form, words and their phonemes, English verses and Spanish ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
from jaxtyping import Int

from tinygrad_lab.data import Batches, PairData, load_pairs
from tinygrad_lab.data.dates import load_dates
from tinygrad_lab.data.pairs import pairs_checksum
from tinygrad_lab.data.translation.vocabulary import BOS, EOS, PAD, UNKNOWN, Vocabulary, learn, learn_joint
from tinygrad_lab.typing import Generator

KINDS = {  # what the tokens of (source, target) are
    "dates": ("characters", "characters"),
    "cmudict": ("characters", "words"),
    "eng-spa": ("subwords", "subwords"),
}
DATASETS = tuple(KINDS)
DEVELOPMENT_WORDS = 2670  # of CMUdict's training words, as in the literature; which ones is our choice
HELD_OUT_CHAPTERS = 24  # of the Bible, for testing, and as many for validation
TRAINING_SAMPLE = 2000  # pairs that stand for the training data when it is evaluated


def load(name: str, split: str, items: int = 0) -> PairData:
    """Return the pairs of a split: "train" (of which ``items``, if so many are asked for),
    "validation" or "test".
    """
    data = _split(name, split)
    if split != "train" or not items:
        return data
    return _subset(data, np.sort(np.random.Generator(np.random.SFC64(0)).permutation(len(data))[:items]))


@cache
def separate_vocabularies(name: str, source_size: int, target_size: int) -> dict[str, str]:
    """Learn {"source": JSON, "target": JSON} from all training pairs, each side numbered by itself."""
    source_kind, target_kind = KINDS[name]
    sources, targets = zip(*_split(name, "train").pairs, strict=True)
    return {"source": learn(source_kind, sources, source_size), "target": learn(target_kind, targets, target_size)}


@cache
def joint_vocabularies(name: str, size: int) -> dict[str, str]:
    """Learn {"source": JSON, "target": JSON} from all training pairs, with one numbering for both."""
    sources, targets = zip(*_split(name, "train").pairs, strict=True)
    source, target = learn_joint(KINDS[name], sources, targets, size)
    return {"source": source, "target": target}


def training_batches(
    data: PairData, vocabularies: Mapping[str, str], batch_size: int, max_length: int, generator: Generator
) -> Batches:
    """Return shuffled batches of pairs of similar length, at most ``max_length`` tokens a side."""
    arrays = encoded(data, vocabularies)
    longest = np.maximum(arrays["length"], (arrays["target"] != PAD).sum(axis=1) - 1)
    kept = {name: array[longest <= max_length] for name, array in arrays.items()}
    return Batches(kept, batch_size, generator, transform=lambda batch, _: trimmed(batch), lengths=kept["length"])


def evaluation_batches(data: PairData, vocabularies: Mapping[str, str], split: str) -> Batches:
    """Return all pairs of a split, however long, shortest sources first; of the training pairs a
    sample.
    """
    if split == "train":
        data = _subset(data, np.arange(len(data))[:: max(1, len(data) // TRAINING_SAMPLE)])
    arrays = encoded(data, vocabularies)
    order = np.argsort(arrays["length"], kind="stable")
    arrays = {name: array[order] for name, array in arrays.items()}
    return Batches(arrays, 200, shuffle=False, transform=lambda batch, _: trimmed(batch))


def random_batch(rng: Generator, items: int, max_length: int, source_size: int, target_size: int) -> dict[str, Any]:
    """Draw random tokens in ``items`` pairs; lengths from 1 to ``max_length``, both of which occur."""
    lengths = rng.integers(1, max_length + 1, (2, items))
    lengths[0, 0], lengths[0, -1] = max_length, 1
    sources, targets = (
        [rng.integers(UNKNOWN, size, n - 1).tolist() for n in row]
        for row, size in zip(lengths, (source_size, target_size), strict=True)
    )
    return trimmed(paired(sources, targets))


def encoded(data: PairData, vocabularies: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return pairs as padded arrays of tokens.

    {"source": (N, S), "length": (N,), "target": (N, T + 1)}
    """
    sides = zip(*data.pairs, strict=True)
    sources, targets = (
        Vocabulary(vocabularies[side]).encode_all(texts)
        for side, texts in zip(("source", "target"), sides, strict=True)
    )
    return paired(sources, targets)


def padded(rows: Sequence[Sequence[int]]) -> Int[np.ndarray, "n longest"]:
    """Return rows of different lengths as one array, PAD at their ends."""
    out = np.full((len(rows), max(map(len, rows))), PAD)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out


def trimmed(batch: dict[str, Any]) -> dict[str, Any]:
    """Drop columns of nothing but padding; the count is of the tokens to be predicted."""
    real = batch["target"][:, 1:] != PAD
    width = int(real.sum(axis=1).max()) + 1
    return {
        "source": batch["source"][:, : batch["length"].max()],
        "length": batch["length"],
        "target": batch["target"][:, :width],
        "count": float(real.sum()),
    }


def paired(sources: Sequence[list[int]], targets: Sequence[list[int]]) -> dict[str, Any]:
    """Put EOS at the ends of sources, and targets between BOS and EOS; the arrays of ``encoded``."""
    return {
        "source": padded([[*row, EOS] for row in sources]),
        "length": np.array([len(row) + 1 for row in sources]),
        "target": padded([[BOS, *row, EOS] for row in targets]),
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
