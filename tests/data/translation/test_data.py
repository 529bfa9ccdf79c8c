"""Splits without leaks."""

import pytest

from tinygrad_lab.data.pairs import PairData, pairs_checksum
from tinygrad_lab.data.translation import data


def made_up(pairs: tuple, keys: tuple) -> PairData:
    return PairData(pairs, keys, "made up", "here", pairs_checksum(pairs), "none")


def test_words_set_aside_take_all_their_pronunciations_along(monkeypatch: pytest.MonkeyPatch) -> None:
    words = tuple(f"W{i // 2}" for i in range(400))
    made = made_up(tuple((word, f"P{i}") for i, word in enumerate(words)), words)
    monkeypatch.setattr(data, "load_pairs", lambda name, split: made)
    monkeypatch.setattr(data, "DEVELOPMENT_WORDS", 30)
    training, validation = (data._words(split) for split in ("train", "validation"))
    assert len(set(validation.keys)) == 30
    assert len(validation) == 60
    assert set(training.keys).isdisjoint(validation.keys)
    assert len(training) + len(validation) == 400


def test_no_held_out_verse_stands_in_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """By chapter; a verse that repeats one of a held-out chapter, in either language, is left out too."""
    keys = tuple(f"Book {c}:{v}" for c in range(60) for v in range(5))
    pairs = tuple((f"e{i % 250}", f"s{i % 270}") for i in range(300))  # the last ones repeat the first
    monkeypatch.setattr(data, "load_pairs", lambda name, split: made_up(pairs, keys))
    parts = {split: data._verses(split) for split in ("train", "validation", "test")}
    chapters = {split: {key.partition(":")[0] for key in part.keys} for split, part in parts.items()}
    assert chapters["train"].isdisjoint(chapters["test"] | chapters["validation"])
    assert len(chapters["test"]) == len(chapters["validation"]) == data.HELD_OUT_CHAPTERS
    for side in (0, 1):
        held_out = {pair[side] for split in ("validation", "test") for pair in parts[split].pairs}
        assert held_out.isdisjoint(pair[side] for pair in parts["train"].pairs)
    assert len(parts["train"]) < 300 - 2 * 5 * data.HELD_OUT_CHAPTERS
