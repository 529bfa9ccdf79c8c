"""The Cloze task of section 3.1 and appendix A.1: which tokens are to be predicted, and what stands in their place."""

import numpy as np

from tinygrad_lab.typing import Generator

from ..config import BertConfig
from ..model import IGNORED
from .wordpiece import CLS, MASK, PAD, SEP

KEPT = (PAD, CLS, SEP)  # never to be predicted


def mask_tokens(input_ids: np.ndarray, config: BertConfig, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """What the model reads, and the labels: the true token where one is to be predicted, elsewhere IGNORED.

    Of the n tokens of a sequence, round(0.15 n) are to be predicted, at least one: any but [CLS] and [SEP]. Of these,
    80 % become [MASK], 10 % any token of the vocabulary (a special one, or the same, is possible) and 10 % stay: no
    token can be trusted, so a vector must be kept for every one.

    Args:
        input_ids: (B, T), [PAD] at the ends of shorter sequences.
        config: the three shares.
        rng: what is drawn anew for every batch; the paper's data has ten fixed copies with a mask each.
    """
    chosen = choose(input_ids, config.masked_share, rng)
    fate = rng.random(input_ids.shape)
    anything = rng.integers(0, config.vocab_size, input_ids.shape)
    hidden = chosen & (fate < config.mask_token_share)
    replaced = chosen & ~hidden & (fate < config.mask_token_share + config.random_token_share)
    shown = np.where(hidden, MASK, np.where(replaced, anything, input_ids))
    return shown, np.where(chosen, input_ids, IGNORED)


def choose(input_ids: np.ndarray, share: float, rng: Generator) -> np.ndarray:
    """Which tokens are to be predicted: round(share n) of every sequence's, one at least, none of them more likely."""
    wanted = np.maximum(1, np.rint(share * (input_ids != PAD).sum(axis=1)))
    lot = np.where(np.isin(input_ids, KEPT), 2.0, rng.random(input_ids.shape))
    rank = lot.argsort(axis=1).argsort(axis=1)
    chosen: np.ndarray = (rank < wanted[:, None]) & (lot < 2.0)
    return chosen


def next_tokens(input_ids: np.ndarray) -> np.ndarray:
    """Labels of a left-to-right model: what follows each token, as far as the sequence goes."""
    labels = np.full_like(input_ids, IGNORED)
    labels[:, :-1] = np.where(input_ids[:, 1:] == PAD, IGNORED, input_ids[:, 1:])
    return labels
