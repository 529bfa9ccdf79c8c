"""Probes of BERT's models measure what they are called, and naive Bayes is what its formula says."""

from dataclasses import replace

import numpy as np
import pytest

from papers.bert import data
from papers.bert.config import VARIANTS
from papers.bert.model import build
from papers.bert.study import naive_bayes, probes
from tinygrad_lab.random import generator

TOPICS = replace(
    VARIANTS["no-nsp"]["small"], dataset="topics", vocab_size=300, hidden_size=8, intermediate_size=8, length=24,
    num_hidden_layers=1,
)  # fmt: skip


@pytest.mark.parametrize(("context", "hide", "seen"), [("both", True, 0), ("both", False, 100), ("left", True, 0)])
def test_words_are_hidden_or_shown_at_the_same_places(
    monkeypatch: pytest.MonkeyPatch, context: str, hide: bool, seen: int
) -> None:
    """A model that repeats what it reads is right where words are shown and wrong where they are hidden."""
    asked = []

    def repeat(model, batch, places):
        asked.append(places)
        return batch["input_ids"].ravel()[places]

    monkeypatch.setattr(probes, "best_words", repeat)
    task = "masked" if context == "both" else "left-to-right"
    found = probes.word_accuracy(build(TOPICS), replace(TOPICS, context=context, task=task), hide)
    assert found == pytest.approx(seen, abs=10)  # a word may repeat the one before it
    shift = 0 if context == "both" else 1
    width = next(iter(probes.sentences(TOPICS, "test")))["input_ids"].shape[1]
    assert ((asked[0] + shift) % width > 0).all()  # never [CLS]


def test_the_commonest_word_is_better_than_any_other() -> None:
    share = probes.most_frequent(TOPICS)
    assert 100 / TOPICS.vocab_size < share < 30


def test_ridge_separates_what_is_separable() -> None:
    rng = generator(0)
    labels = rng.integers(0, 3, 300)
    x = np.eye(3)[labels] @ rng.standard_normal((3, 5)) * 10 + rng.standard_normal((300, 5))
    classify = probes.ridge(x[:200], labels[:200], 3)
    assert (classify(x[200:]) == labels[200:]).mean() > 0.95


def test_naive_bayes_is_bayes_rule_on_counts() -> None:
    """Three words, two classes, by hand: three sentences of class 0 and one of class 1."""
    bags = np.array([[2, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 3]])
    words, classes = naive_bayes.log_probabilities(bags, np.array([0, 0, 0, 1]), 2)
    np.testing.assert_allclose(np.exp(words), [[4 / 7, 2 / 7, 1 / 7], [1 / 6, 1 / 6, 4 / 6]])
    np.testing.assert_allclose(np.exp(classes), [4 / 6, 2 / 6])
    asked = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 0, 1]])
    joint = [
        [4 / 6 * 4 / 7, 2 / 6 * 1 / 6], [4 / 6 * 1 / 7, 2 / 6 * 4 / 6], [4 / 6, 2 / 6],
        [4 / 6 * 4 / 7 * 1 / 7, 2 / 6 * 1 / 6 * 4 / 6],
    ]  # fmt: skip
    assert naive_bayes.classify(asked, words, classes).tolist() == np.argmax(joint, axis=1).tolist()


def test_bags_count_what_a_model_reads() -> None:
    config = replace(VARIANTS["classification"]["small"], dataset="topics", vocab_size=300, length=8)
    tokens = data.encoded(config, "test").tokens
    bags = naive_bayes.bags(config, "test", np.array([3, 0]))
    assert bags.shape == (2, 300)
    assert bags.sum(axis=1).tolist() == [min(6, len(tokens[3])), min(6, len(tokens[0]))]
    assert bags[0, tokens[3][0]] >= 1


def test_naive_bayes_knows_topics_by_their_words() -> None:
    config = replace(VARIANTS["classification"]["small"], dataset="topics", vocab_size=300, items=400)
    test = data.encoded(config, "test").label
    largest = 100 * np.bincount(test).max() / len(test)
    assert naive_bayes.accuracy(config) > 2 * largest


def test_features_are_means_over_real_tokens() -> None:
    model = build(TOPICS, generator(0))
    found = probes.features(model, TOPICS, "test")
    tokens = data.encoded(TOPICS, "test").tokens
    assert found.shape == (len(tokens), 8)
    alone = data.inputs([(tokens[4], None)], TOPICS.length)
    y, _ = model.eval().bert(*probes.tensors(alone))
    np.testing.assert_allclose(found[4], y.numpy()[0].mean(axis=0), rtol=1e-4, atol=1e-6)
