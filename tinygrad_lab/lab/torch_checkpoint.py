"""Checkpoints of PyTorch runs in the same format: one safetensors file with JSON in its header, no pickle.

A state dict is a tree of dicts and lists with tensors at some leaves; the tensors go into the file under the path to
their leaf, everything else into the JSON.
"""

import json
from pathlib import Path
from typing import Any

import torch

from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError


def save_training(path: Path, model: Any, optimizer: Any, scheduler: Any, position: Any, config: Any) -> None:
    """Everything a run needs to go on as if it had never stopped, torch's random state included.

    Raises:
        CheckpointError: the file cannot be written.
    """
    tensors: dict[str, Any] = {}
    state = {
        "optimizer": _pack(optimizer.state_dict(), "optimizer", tensors),
        "scheduler": _pack(scheduler.state_dict(), "scheduler", tensors),
        "random": _pack(torch.get_rng_state(), "random", tensors),
    }
    weights = {f"model.{name}": value.detach().numpy() for name, value in model.state_dict().items()}
    checkpoint.save(path, {**weights, **tensors}, {"torch": {"config": config, "position": position, **state}})


def load_training(path: Path, model: Any, optimizer: Any, scheduler: Any, config: Any) -> Any:
    """Put a run back where ``save_training`` left it, and return its position.

    Raises:
        CheckpointError: the file cannot be read, is not of a PyTorch run, or is of another configuration.
    """
    tensors, metadata = checkpoint.load(path)
    if "torch" not in metadata:
        raise CheckpointError(f"{path} does not hold a PyTorch training run")
    saved = metadata["torch"]
    given = json.loads(json.dumps(config))  # tuples are lists in JSON
    differing = sorted(key for key in {*saved["config"], *given} if saved["config"].get(key) != given.get(key))
    if differing:
        raise CheckpointError(f"{path} is of another configuration: {', '.join(differing)} differ")
    weights = {n.removeprefix("model."): torch.from_numpy(v) for n, v in tensors.items() if n.startswith("model.")}
    model.load_state_dict(weights)
    optimizer.load_state_dict(_unpack(saved["optimizer"], tensors))
    scheduler.load_state_dict(_unpack(saved["scheduler"], tensors))
    torch.set_rng_state(_unpack(saved["random"], tensors))
    return saved["position"]


def _pack(value: Any, path: str, tensors: dict[str, Any]) -> Any:
    """The tree as JSON; dicts become lists of pairs, since JSON would turn their integer keys into strings."""
    if isinstance(value, torch.Tensor):
        tensors[path] = value.detach().numpy().copy()
        return {"tensor": path}
    if isinstance(value, dict):
        return {"dict": [[key, _pack(item, f"{path}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_pack(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]}
    return value


def _unpack(value: Any, tensors: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return torch.from_numpy(tensors[value["tensor"]].copy())
    if "dict" in value:
        return {key: _unpack(item, tensors) for key, item in value["dict"]}
    return [_unpack(item, tensors) for item in value["list"]]
