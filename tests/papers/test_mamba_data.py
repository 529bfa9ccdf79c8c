"""The synthetic tasks, and text as windows."""

from dataclasses import replace

import numpy as np
import pytest

from papers.mamba import data
from papers.mamba.config import VARIANTS
from papers.mamba.tasks import synthetic, text
from tinygrad_lab.data.characters import decode
from tinygrad_lab.random import generator

COPYING = VARIANTS["copying"]["small"]
INDUCTION = VARIANTS["induction"]["small"]


def test_copying_asks_for_the_tokens_in_order() -> None:
    batch = synthetic.copying(COPYING, 50, generator(0))
    content, marks = batch["tokens"][:, : COPYING.length], batch["tokens"][:, COPYING.length :]
    assert (marks == COPYING.vocab_size - 1).all()
    assert marks.shape == (50, COPYING.copies)
    for row, target in zip(content, batch["target"], strict=True):
        np.testing.assert_array_equal(row[row != synthetic.NOISE], target[COPYING.length :])
        assert (target[: COPYING.length] == synthetic.IGNORED).all()
    assert content.max() == COPYING.vocab_size - 2
    assert batch["count"] == 50 * COPYING.copies
    assert len({tuple(row) for row in (content != synthetic.NOISE)}) == 50  # other places in every sequence


def test_induction_asks_for_what_followed_the_sign() -> None:
    batch = synthetic.induction(INDUCTION, 500, generator(0))
    sign = INDUCTION.vocab_size - 1
    tokens, target = batch["tokens"], batch["target"]
    assert ((tokens == sign).sum(axis=1) == 2).all()
    assert (tokens[:, -1] == sign).all()
    first = (tokens == sign).argmax(axis=1)
    np.testing.assert_array_equal(target[:, -1], tokens[np.arange(500), first + 1])
    assert set(target[:, -1]) == set(range(sign))
    assert (target[:, :-1] == synthetic.IGNORED).all()
    assert (first.min(), first.max()) == (0, INDUCTION.length - 3)  # the answer is never the last sign itself


@pytest.mark.parametrize("config", [COPYING, INDUCTION], ids=lambda config: config.task)
def test_training_sequences_are_new_and_test_sequences_always_the_same(config) -> None:
    config = replace(config, items=64)
    batches = data.training_batches(config, generator(0))
    first, second = ([batch["tokens"] for batch in batches] for _ in range(2))
    assert not np.array_equal(first[0], second[0])
    one, other = (data.evaluation_batches(config, "test") for _ in range(2))
    np.testing.assert_array_equal(one[0]["tokens"], other[0]["tokens"])
    splits = {
        data.evaluation_batches(config, split)[0]["tokens"].tobytes() for split in ("train", "validation", "test")
    }
    assert len(splits) == 3
    described = data.dataset(config, "test")
    assert len(described) == sum(len(batch["tokens"]) for batch in one)
    assert (described.name, len(described.checksum)) == (config.task, 64)


@pytest.fixture
def config():
    return replace(VARIANTS["s6"]["small"], dataset="topics", length=32, items=24)


def test_windows_are_text_and_targets_the_next_characters(config) -> None:
    numbers = text.encoded(config, "train")
    (first, _) = data.training_batches(config, generator(0))
    np.testing.assert_array_equal(first["tokens"][:, 1:], first["target"][:, :-1])
    assert decode(first["tokens"][0]) in decode(numbers)


def test_the_held_out_text_is_read_once_from_its_beginning(config) -> None:
    batches = data.evaluation_batches(config, "test")
    read = np.concatenate([batch["target"].ravel() for batch in batches])
    held_out = text.encoded(config, "test")
    np.testing.assert_array_equal(read, held_out[1 : len(read) + 1])
    assert len(held_out) - len(read) <= config.length
    assert len(data.dataset(config, "train")) + len(data.dataset(config, "test")) == len(text.load_text("topics"))


def test_a_validation_split_is_the_end_of_the_training_text(config) -> None:
    cut = replace(config, validation=500)
    kept, held = (data.dataset(cut, split).text for split in ("train", "validation"))
    assert kept + held == data.dataset(config, "train").text
    assert len(held) == 500
    assert data.dataset(cut, "test").text == data.dataset(config, "test").text
    (batch,) = data.evaluation_batches(cut, "validation")
    np.testing.assert_array_equal(batch["tokens"].ravel(), text.encoded(cut, "validation")[: batch["tokens"].size])
    for wrong, split in ((config, "validation"), (replace(config, validation=10**7), "train")):
        with pytest.raises(ValueError, match="validation must be from 1"):
            data.dataset(wrong, split)
    with pytest.raises(ValueError, match="validation must be at least 0"):
        replace(config, validation=-1)


def test_what_does_not_fit_is_named(config) -> None:
    with pytest.raises(ValueError, match="length must be less than the"):
        data.training_batches(replace(config, length=10**7), generator(0))
    with pytest.raises(ValueError, match="vocab_size must be above 9"):
        data.training_batches(replace(config, vocab_size=20), generator(0))
