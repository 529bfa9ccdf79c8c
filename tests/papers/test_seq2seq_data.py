"""Data of the translator: vocabularies, splits without leaks, batches with the padding where it belongs."""

from dataclasses import replace

import numpy as np
import pytest

from papers.seq2seq_attention import data, vocabulary
from papers.seq2seq_attention.config import VARIANTS
from papers.seq2seq_attention.inference import OPTIONS, generate, prompts
from papers.seq2seq_attention.vocabulary import BOS, EOS, PAD, SPECIAL, UNKNOWN, Vocabulary, learn
from tinygrad_lab.data.dates import days_of
from tinygrad_lab.data.pairs import PairData, pairs_checksum
from tinygrad_lab.random import generator

DATES = replace(VARIANTS["general"]["small"], train_items=500, batch_size=32)


def made_up(pairs: tuple, keys: tuple) -> PairData:
    return PairData(pairs, keys, "made up", "here", pairs_checksum(pairs), "none")


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("characters", ["13 марта 2019 г.", "2019年3月13日"]),
        ("words", ["K AE T", "AE K T"]),
        ("subwords", ["Y dijo Dios: Sea la luz: y fué la luz.", "¿Y ella dijo? «No».", "la luz de Dios"]),
    ],
)
def test_vocabularies_give_back_every_text(kind: str, texts: list[str]) -> None:
    known = Vocabulary(learn(kind, texts, 100))
    for text, tokens in zip(texts, known.encode_all(texts), strict=True):
        assert known.decode(tokens) == text
        assert tokens == known.encode(text)
        assert UNKNOWN not in tokens
    assert known.pieces([PAD, BOS, EOS, UNKNOWN]) == SPECIAL
    assert len(known) <= 100


def test_subwords_join_what_comes_often() -> None:
    known = Vocabulary(learn("subwords", ["la luz, la luz, la luz"] * 3, 40))
    assert known.pieces(known.encode("la luz, la")) == ["▁la", "▁luz", ",", "▁la"]


def test_unknown_and_empty_texts_are_errors_but_not_in_bulk() -> None:
    known = Vocabulary(learn("characters", ["abc"], 10))
    with pytest.raises(ValueError, match="'ab☃d' has '☃', 'd', which did not occur in training"):
        known.encode("ab☃d")
    with pytest.raises(ValueError, match="must not be empty, got ''"):
        known.encode("")
    assert known.encode_all(["ad"]) == [[4, UNKNOWN]]


def test_a_vocabulary_too_small_is_an_error() -> None:
    with pytest.raises(ValueError, match="of 5 has no room for 3 characters and 4 special tokens"):
        learn("characters", ["abc"], 5)


def test_training_batches_are_padded_at_the_end_and_count_their_tokens() -> None:
    batches = data.training_batches(DATES, generator(0))
    seen = 0
    for batch in batches:
        source, length, target = (batch[name] for name in ("source", "length", "target"))
        assert source.shape[1] == length.max()
        real = np.arange(source.shape[1]) < length[:, None]
        assert ((source == PAD) == ~real).all()
        assert (source[np.arange(len(source)), length - 1] == EOS).all()
        assert (target[:, 0] == BOS).all()
        assert (target == EOS).sum(axis=1).tolist() == [1] * len(target)
        assert batch["count"] == (target[:, 1:] != PAD).sum() == 11 * len(target)  # 2019-03-13 and EOS
        assert np.ptp(length) < 20
        seen += len(source)
    assert seen == 500


def test_long_pairs_are_left_out_of_the_training_only() -> None:
    short = replace(DATES, max_length=15)
    kept = data.training_batches(short, generator(0)).arrays["length"]
    every = data.training_batches(DATES, generator(0)).arrays["length"]
    assert kept.max() == 15
    assert len(kept) == (every <= 15).sum()
    assert sum(len(batch["source"]) for batch in data.evaluation_batches(short, "test")) == 2000


def test_example_batches_have_the_shortest_and_the_longest_sentence() -> None:
    config = VARIANTS["local-m"]["tiny"]
    batch = data.example_batch(config, generator(3))
    assert (batch["length"].max(), batch["length"].min()) == (7, 1)
    assert batch["source"].shape == (4, 7)
    assert batch["count"] == (batch["target"][:, 1:] != PAD).sum()
    assert batch["source"].max() < config.source_vocabulary
    assert batch["target"].max() < config.target_vocabulary


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


@pytest.mark.parametrize("name", ["cmudict", "eng-spa"])
def test_unknown_split(name: str) -> None:
    with pytest.raises(ValueError, match="split must be train, validation or test, got 'dev'"):
        data.dataset(replace(DATES, dataset=name), "dev")


def test_prompts_are_ten_unseen_days_in_ten_languages() -> None:
    shown = prompts(DATES)
    assert len(set(shown)) == 10
    assert sum(not text.isascii() for text in shown) >= 5
    seen = {source for source, _ in data.dataset(replace(DATES, train_items=0), "train").pairs}
    assert seen.isdisjoint(shown)
    assert len(days_of("test")) == 2000


def test_generate_shows_the_source_and_its_translation() -> None:
    json = data.vocabularies(DATES)
    target = Vocabulary(json["target"])
    asked: list[list[int]] = []

    def search(tokens: list[int], options: object) -> list[int]:
        asked.append(tokens)
        return target.encode("2019-03-13")

    shown = "".join(generate(search, DATES, "13 de marzo de 2019", OPTIONS, json))
    assert shown == "13 de marzo de 2019 → 2019-03-13"
    assert asked == [[*Vocabulary(json["source"]).encode("13 de marzo de 2019"), EOS]]
    for prompt, line in (("", "empty"), ("13 ☃", "did not occur in training"), ("1" * 50, "may have 49 tokens")):
        with pytest.raises(ValueError, match=line):
            list(generate(search, DATES, prompt, OPTIONS, json))


def test_model_and_vocabulary_mean_the_same_tokens() -> None:
    from papers.seq2seq_attention import model

    assert (model.PAD, model.BOS, model.EOS) == (vocabulary.PAD, vocabulary.BOS, vocabulary.EOS)
