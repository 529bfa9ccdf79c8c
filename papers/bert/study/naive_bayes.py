"""Naive Bayes on bags of words: what a classifier gets that knows no order, no context and no text but its examples.

The class c with the largest log p(c) + sum over words w of n_w log p(w | c), where n_w is how often the sentence has w;
both p are shares among the labelled sentences, with one added to every count.
"""

import numpy as np
from jaxtyping import Float, Int

from .. import data
from ..config import BertConfig

Counts = Int[np.ndarray, "n v"]


def accuracy(config: BertConfig) -> float:
    """Percent right of the test sentences that a fine-tuned model is judged on, from the sentences it learned from."""
    known, asked = data.encoded(config, "train"), data.encoded(config, "test")
    rows = data.chosen_rows(np.arange(len(known.tokens)), config.items, config.seed)
    places = data.sample(np.arange(len(asked.tokens)))
    scores = log_probabilities(bags(config, "train", rows), known.label[rows], config.num_labels)
    return 100 * float((classify(bags(config, "test", places), *scores) == asked.label[places]).mean())


def bags(config: BertConfig, split: str, rows: np.ndarray) -> Counts:
    """How often each word piece occurs in each of the sentences, as far as a model reads it."""
    tokens = data.encoded(config, split).tokens
    return np.stack([np.bincount(tokens[row][: config.length - 2], minlength=config.vocab_size) for row in rows])


def log_probabilities(
    bags: Counts, labels: Int[np.ndarray, " n"], classes: int
) -> tuple[Float[np.ndarray, "c v"], Float[np.ndarray, " c"]]:
    """Log p(w | c) and log p(c) with one added to every count."""
    of_class = np.eye(classes)[labels].T
    words, sentences = of_class @ bags + 1.0, of_class.sum(axis=1) + 1.0
    return np.log(words / words.sum(axis=1, keepdims=True)), np.log(sentences / sentences.sum())


def classify(bags: Counts, words: Float[np.ndarray, "c v"], classes: Float[np.ndarray, " c"]) -> Int[np.ndarray, " n"]:
    """The likeliest class of each bag."""
    chosen: np.ndarray = (bags @ words.T + classes).argmax(axis=1)
    return chosen
