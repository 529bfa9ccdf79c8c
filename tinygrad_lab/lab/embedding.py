"""``tinygrad-lab embed``: how alike sentences are to all-MiniLM-L6-v2, on either side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab import no_grad
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.sides import one_side

SHOWN = 40  # characters of a sentence in the table


class SentenceSpace:
    """The published encoder on one side.

    Raises:
        CheckpointError: weights that are not installed, cannot be read, or do not fit their configuration.
    """

    def __init__(self, side: str) -> None:
        paper = registry.find("bert")
        self.sentences = registry.part(paper, "weights.sentences")
        folder = self.sentences.minilm_folder()
        self.pretrained = self.sentences.read_pretrained(folder)
        self.side = one_side(paper, side)
        self.model = self.side.model_module.SentenceEncoder(self.pretrained.config)
        try:
            self.side.load(self.model, self.pretrained.weights)
        except (KeyError, ValueError, RuntimeError) as error:  # torch's mismatches are RuntimeErrors
            raise CheckpointError(f"{folder} does not fit its own configuration: {error}") from error
        self.model.eval()

    def vectors(self, sentences: Sequence[str]) -> np.ndarray:
        """A row of length 1 for each sentence.

        Raises:
            UsageError: a sentence that is empty or too long.
        """
        try:
            rows: np.ndarray = self.sentences.embed(self._encode, sentences, self.pretrained)
        except ValueError as error:
            raise UsageError(f"embed: {error}") from error
        return rows

    def _encode(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        with no_grad():
            return self.side.array(self.model(**self.side.batch(batch)))


def similarities(vectors: np.ndarray) -> np.ndarray:
    """The cosine of every two rows, from -1 to 1.    (N, d) -> (N, N)"""
    return np.asarray(vectors @ vectors.T)


def as_json(sentences: Sequence[str], vectors: np.ndarray, side: str) -> dict[str, Any]:
    """Sentences, their vectors and similarities as plain data."""
    return {
        "side": side,
        "sentences": list(sentences),
        "vectors": vectors.tolist(),
        "similarities": similarities(vectors).tolist(),
    }


def print_table(sentences: Sequence[str], vectors: np.ndarray, side: str) -> None:
    """Every sentence against every other one."""
    rows = [
        (str(number), sentence if len(sentence) <= SHOWN else sentence[: SHOWN - 1] + "…", *(f"{s:.4f}" for s in row))
        for number, (sentence, row) in enumerate(zip(sentences, similarities(vectors), strict=True), 1)
    ]
    numbers = tuple(str(number) for number in range(1, len(sentences) + 1))
    console.print_table(f"Similarities of all-MiniLM-L6-v2, {side}", ("", "sentence", *numbers), rows, right=numbers)
