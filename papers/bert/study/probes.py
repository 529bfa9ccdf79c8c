"""What a pre-trained model knows, looked at without training it further."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator
from tinygrad_lab.study import Arrays

from .. import data
from ..config import BertConfig
from ..model import BertForMaskedLM
from ..text.masking import choose
from ..text.wordpiece import MASK

# ---- words at chosen places ------------------------------------------------------------------------------------------


def word_accuracy(model: BertForMaskedLM, config: BertConfig, hide: bool) -> float:
    """Percent of the words at chosen places of the test sentences that the model names, the same places for all.

    A left-to-right model names a word from those before it, whether it is hidden or not.

    Args:
        model: in whose head the answer is read.
        config: of the model.
        hide: whether [MASK] stands there, or the word itself.
    """
    rng, right, asked = generator(0), 0, 0
    for batch in sentences(config, "test"):
        ids = batch["input_ids"]
        chosen = choose(ids, config.masked_share, rng)
        shown = np.where(chosen & hide & (config.context == "both"), MASK, ids)
        places = np.flatnonzero(chosen)
        named = best_words(model, batch | {"input_ids": shown}, places - (config.context == "left"))
        right += int((named == ids.ravel()[places]).sum())
        asked += len(places)
    return 100 * right / asked


def best_words(model: BertForMaskedLM, batch: Arrays, places: np.ndarray) -> np.ndarray:
    """The likeliest token at each place."""
    with no_grad():
        scores, _ = model.eval()(*tensors(batch), Tensor(places))
    words: np.ndarray = scores.argmax(dim=1).numpy()
    return words


def most_frequent(config: BertConfig) -> float:
    """Percent of the same words that are the commonest one of the training sentences: what one gets for nothing."""
    counts = np.bincount(np.concatenate(data.encoded(config, "train").tokens), minlength=config.vocab_size)
    rng, right, asked = generator(0), 0, 0
    for batch in sentences(config, "test"):
        words = batch["input_ids"][choose(batch["input_ids"], config.masked_share, rng)]
        right += int((words == counts.argmax()).sum())
        asked += len(words)
    return 100 * right / asked


# ---- the feature-based approach --------------------------------------------------------------------------------------


def feature_accuracy(model: BertForMaskedLM, config: BertConfig, items: int) -> float:
    """Percent of test sentences that a linear classifier on the frozen encoder puts into the right class.

    Features are the mean of the last layer's vectors over a sentence's tokens.

    Args:
        model: frozen.
        config: of the model.
        items: labelled sentences for the classifier.
    """
    rows = training_rows(config, items)
    known, asked = features(model, config, "train", rows), features(model, config, "test")
    train, test = data.encoded(config, "train").label[rows], data.encoded(config, "test").label
    return 100 * float((ridge(known, train, config.num_labels)(asked) == test).mean())


def features(model: BertForMaskedLM, config: BertConfig, split: str, rows: np.ndarray | None = None) -> np.ndarray:
    """Mean vectors of sentences.    -> (N, d)"""
    parts = []
    for batch in sentences(config, split, rows):
        with no_grad():
            y, _ = model.eval().bert(*tensors(batch))
        real = batch["attention_mask"][:, :, None]
        parts.append((y.numpy() * real).sum(axis=1) / real.sum(axis=1))
    return np.concatenate(parts)


def ridge(x: np.ndarray, labels: np.ndarray, classes: int, strength: float = 1e-2) -> Any:
    """Least squares on standardised features with a penalty; returns the function from features to classes."""
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-8

    def design(x: np.ndarray) -> np.ndarray:
        return np.concatenate([(x - mean) / scale, np.ones((len(x), 1))], axis=1).astype(np.float64)

    a, b = design(x), np.eye(classes)[labels]
    weights = np.linalg.solve(a.T @ a + strength * len(a) * np.eye(a.shape[1]), a.T @ b)
    return lambda x: (design(x) @ weights).argmax(axis=1)


# ---- parts -----------------------------------------------------------------------------------------------------------


def training_rows(config: BertConfig, items: int) -> np.ndarray:
    """The labelled sentences that fine-tuning sees too."""
    return data.chosen_rows(np.arange(len(data.encoded(config, "train").tokens)), items, config.seed)


def sentences(config: BertConfig, split: str, rows: np.ndarray | None = None) -> Iterable[Arrays]:
    """Single sentences in batches of 100: all of a split, or some."""
    tokens = data.encoded(config, split).tokens
    order = range(len(tokens)) if rows is None else rows
    for start in range(0, len(order), 100):
        yield data.inputs([(tokens[row], None) for row in order[start : start + 100]], config.length)


def tensors(batch: Arrays) -> tuple[Tensor, Tensor, Tensor]:
    """The arguments of the encoder."""
    return Tensor(batch["input_ids"]), Tensor(batch["attention_mask"]), Tensor(batch["token_type_ids"])
