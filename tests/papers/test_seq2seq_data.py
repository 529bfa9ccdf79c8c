"""Data of the translator: batches with the padding where it belongs, prompts, what a translation looks like."""

from dataclasses import replace

import numpy as np
import pytest

from papers.seq2seq_attention import data, model
from papers.seq2seq_attention.config import VARIANTS
from papers.seq2seq_attention.inference import OPTIONS, generate, prompts
from tinygrad_lab.data.dates import days_of
from tinygrad_lab.data.translation import vocabulary
from tinygrad_lab.data.translation.vocabulary import BOS, EOS, PAD, Vocabulary
from tinygrad_lab.random import generator

DATES = replace(VARIANTS["general"]["small"], train_items=500, batch_size=32)


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
    assert (model.PAD, model.BOS, model.EOS) == (vocabulary.PAD, vocabulary.BOS, vocabulary.EOS)
