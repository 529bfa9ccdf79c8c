"""Adapters without their model: A and B alone, in the two files and under the names that the PEFT library uses.

    adapter_model.safetensors   base_model.model.<layer>.lora_A.weight (r, k) and .lora_B.weight (d, r)
    adapter_config.json         rank, alpha, dropout, the adapted layers; also in the header of the first file

So an adapter made here can be read there, and the other way round.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import nn, no_grad
from tinygrad_lab.checkpoint import CheckpointError, load, save
from tinygrad_lab.documents import brief, read_document

from ..model import adapters, attach

PREFIX = "base_model.model."
FACTORS = ("lora_A", "lora_B")
ENDS = tuple(f".{factor}.weight" for factor in FACTORS)
OUTER = ("embed_tokens", "lm_head")  # tables of words, which may be one
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
# What PEFT can do beyond the paper, and the only value of each that we can follow.
PLAIN = {
    "peft_type": "LORA", "bias": "none", "fan_in_fan_out": False, "use_rslora": False, "use_dora": False,
    "rank_pattern": {}, "alpha_pattern": {}, "modules_to_save": None,
}  # fmt: skip
# What changes nothing once A and B are there; whatever else an adapter sets is something that we do not know.
FREE = {
    "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
    "task_type", "inference_mode", "auto_mapping", "peft_version", "base_model_name_or_path", "revision",
    "megatron_core", "qalora_group_size", "eva_config", "init_lora_weights",
}  # fmt: skip
STARTS = (True, False, None, "gaussian", "orthogonal", "eva")  # the others change the base model too


def adapter_state(model: nn.Module) -> dict[str, np.ndarray]:
    """Copies of A and B of every adapter, and nothing else."""
    return {
        f"{PREFIX}{name}.{factor}.weight": getattr(layer, factor).weight.numpy().copy()
        for name, layer in adapters(model).items()
        for factor in FACTORS
    }


def adapter_config(model: nn.Module) -> dict[str, Any]:
    """What has to be known besides A and B, with PEFT's words.

    Raises:
        ValueError: the model has no adapters.
    """
    layers = adapters(model)
    if not layers:
        raise ValueError("adapter_config: the model has no adapters; attach() makes them")
    first = next(iter(layers.values()))
    about = {"r": first.rank, "lora_alpha": first.alpha, "lora_dropout": first.lora_dropout.p}
    return PLAIN | about | {"target_modules": list(layers)}


def load_adapter_state(model: nn.Module, state: Mapping[str, Any]) -> None:
    """Put A and B into the adapters of a model; nothing is changed unless everything fits.

    Raises:
        KeyError: missing or unexpected names, all of them listed.
        ValueError: an entry of the wrong shape.
        RuntimeError: the model is merged: its weights hold the update of the old A and B.
    """
    layers = adapters(model)
    if any(layer.unmerged is not None for layer in layers.values()):
        raise RuntimeError("load_adapter_state: the model is merged; unmerge() first")
    own = {f"{PREFIX}{name}.{f}.weight": getattr(layer, f).weight for name, layer in layers.items() for f in FACTORS}
    check_state(state, {name: tensor.shape for name, tensor in own.items()})
    with no_grad():
        for name, tensor in own.items():
            tensor.writable()[...] = state[name]


def check_state(state: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare names and shapes with what is needed.

    Raises:
        KeyError: missing or unexpected names, all of them listed.
        ValueError: an entry of the wrong shape.
    """
    missing, unexpected = sorted(shapes.keys() - state.keys()), sorted(state.keys() - shapes.keys())
    if missing or unexpected:
        raise KeyError(f"the adapter does not fit: missing {missing}, unexpected {unexpected}")
    for name, shape in shapes.items():
        if tuple(state[name].shape) != shape:
            raise ValueError(f"the adapter does not fit: {name} is {tuple(state[name].shape)}, needed is {shape}")


def save_adapter(folder: Path, model: nn.Module) -> None:
    """Write both files into a folder, which is made if need be.

    Raises:
        ValueError: the model has no adapters.
        CheckpointError: the files cannot be written.
    """
    about = adapter_config(model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"cannot save {folder}: {error}") from error
    save(folder / WEIGHTS, adapter_state(model), about)


def load_adapter(folder: Path, model: nn.Module) -> list[str]:
    """Attach the adapters of a folder to their base model, which is left alone unless everything fits.

    Args:
        folder: with both files, ours or PEFT's.
        model: the base, without adapters.

    Returns:
        The names of the adapted layers.

    Raises:
        CheckpointError: a file that is missing or cannot be read, or an adapter that is more than the paper's.
        KeyError, ValueError: an adapter of another model: see ``check_state`` and ``attach``.
    """
    about, state = read_config(folder / CONFIG), load(folder / WEIGHTS)[0]
    modules, rank = dict(model.named_modules()), about["r"]
    for name in state:
        check_linear(folder / CONFIG, name, modules)
    names = list(dict.fromkeys(name.removeprefix(PREFIX).rpartition(".lora_")[0] for name in state))
    shapes: dict[str, tuple[int, ...]] = {}
    for name in names:
        if isinstance(layer := modules.get(name), nn.Linear):
            sizes = (rank, layer.in_features), (layer.out_features, rank)
            shapes |= {f"{PREFIX}{name}.{factor}.weight": size for factor, size in zip(FACTORS, sizes, strict=True)}
    try:
        check_state(state, shapes)
        attached = attach(model, names, rank, about["lora_alpha"], about["lora_dropout"])
    except (KeyError, ValueError) as error:
        raise type(error)(f"{folder / WEIGHTS}: {brief(error)}") from error
    load_adapter_state(model, state)
    return attached


def check_linear(path: Path, name: str, modules: Mapping[str, nn.Module]) -> None:
    """Raise CheckpointError for a tensor that is not of a linear layer, as PEFT can write of embeddings."""
    layer = re.split(r"\.(?=lora_|base_layer|weight)", name.removeprefix(PREFIX))[0]
    outer = layer.endswith(OUTER) and not (layer in modules and name.endswith(ENDS))
    if outer or "lora_embedding" in name:
        raise CheckpointError(
            f"{path}: target_modules: {layer} is no linear layer of this model; only such are adapted"
        )


def read_config(path: Path) -> dict[str, Any]:
    """An adapter's JSON.

    Raises:
        CheckpointError: it cannot be read, lacks something, or describes more than the paper's LoRA.
    """
    try:
        fields = read_document(path)
        odd, about = unknown_settings(fields.fields), dict(fields.fields)
        missing = [name for name in ("r", "lora_alpha", "lora_dropout") if about.get(name) is None]
        if not odd and not missing:
            about |= {"r": fields.count("r", most=1 << 20), "lora_alpha": fields.number("lora_alpha")}
            if type(about["lora_dropout"]) not in (int, float) or not 0 <= about["lora_dropout"] < 1:
                raise fields.wrong("lora_dropout", "a share from 0 to 1")
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    if odd or missing:
        raise CheckpointError(f"{path} is no plain LoRA adapter: unknown settings {odd!s:.300}, missing {missing}")
    return about


def unknown_settings(about: Mapping[str, Any]) -> list[str]:
    """The settings of an adapter that make it more than A and B, or something else: peft_type='VERA'."""
    odd = [name for name, value in PLAIN.items() if about.get(name, value) not in (value, None)]
    odd = [f"{name}={about[name]!r:.40}" if name == "peft_type" else name for name in odd]
    if about.get("init_lora_weights") not in STARTS:
        odd.append("init_lora_weights")
    return odd + [name for name, value in about.items() if value and name not in FREE | PLAIN.keys()]
