"""Published BERT weights under one set of names: those of ``model.py``, which are Hugging Face's."""

from pathlib import Path

import numpy as np

from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.stored import INDEX, read_folder

OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
POSITIONS = "embeddings.position_ids"  # 0, 1, 2, ...: in older files, no weight
DECODER = "cls.predictions.decoder"
TIED = {  # what a file may leave out, because it is the same tensor under another name
    f"{DECODER}.weight": "bert.embeddings.word_embeddings.weight",
    f"{DECODER}.bias": "cls.predictions.bias",
}


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file; where it is not there, of those that the index beside it names.

    Raises:
        CheckpointError: a file that is missing, truncated or damaged.
    """
    if path.exists() or not (path.parent / INDEX).exists():
        return our_names(checkpoint.load(path)[0])
    try:
        return our_names(read_folder(path.parent))
    except ValueError as error:
        raise CheckpointError(str(error)) from error


def our_names(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Old names made new, tied tensors under each of their names, position numbers left out."""
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in OLD_NAMES.items():
            name = name.replace(old, new)
        if not name.endswith(POSITIONS):
            renamed[name] = tensor
    if "cls.predictions.bias" in renamed:
        renamed |= {name: renamed[same] for name, same in TIED.items() if name not in renamed and same in renamed}
    return renamed
