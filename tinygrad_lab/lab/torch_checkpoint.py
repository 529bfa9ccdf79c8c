"""Checkpoints of PyTorch runs in the same format: one safetensors file with JSON in its header, no pickle.

A state dict is a tree of dicts and lists with tensors at some leaves; the tensors go into the file under the path to
their leaf, everything else into the JSON.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.documents import REQUIRED, brief, document, shown
from tinygrad_lab.resuming import Check, check_same

PARTS = ("optimizer", "scheduler", "random")


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


def load_training(
    path: Path, model: Any, optimizer: Any, scheduler: Any, config: Any, check: Check | None = None
) -> Any:
    """Put a run back where ``save_training`` left it, and return its position; all of it or nothing.

    Args:
        check: called with the position and the states of optimizer and scheduler; a ``ValueError`` refuses them.

    Raises:
        CheckpointError: the file cannot be read, is not of a PyTorch run, or does not fit this one.
    """
    tensors, metadata = checkpoint.load(path)
    if "torch" not in metadata:
        raise CheckpointError(f"{path} does not hold a PyTorch training run")
    try:
        saved = document(metadata["torch"], "torch")
        _check_config(saved.section("config").fields, config)
        states = {part: _unpack(saved.get(part, REQUIRED), part, tensors) for part in PARTS}
        weights = {n.removeprefix("model."): tensors.pop(n) for n in [*tensors] if n.startswith("model.")}
        if tensors:  # each that is unpacked has been taken out
            raise ValueError(f"tensor {shown(min(tensors))} is of no use to the run")
        _check_weights(weights, model.state_dict())
        _check_optimizer(states["optimizer"], optimizer)
        if check is not None:
            check(saved.get("position", REQUIRED), states["optimizer"], _dict(states["scheduler"], "scheduler"))
        with _unchanged_unless_whole(optimizer, scheduler):
            torch.set_rng_state(states["random"])
            optimizer.load_state_dict(states["optimizer"])
            scheduler.load_state_dict(states["scheduler"])
            model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    except (KeyError, ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise CheckpointError(f"{path} does not fit: {brief(error)}") from error
    return saved.get("position")


# ---- what must fit ---------------------------------------------------------------------------------------------------


def _check_config(saved: Mapping[str, Any], config: Any) -> None:
    given = json.loads(json.dumps(config))  # tuples are lists in JSON
    for name in sorted({*saved, *given}):
        check_same(f"config field {name!r}", saved.get(name), given.get(name))


def _check_weights(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    check_same("names of weights", sorted(saved), sorted(own))
    for name, value in own.items():
        check_same(f"shape of {name}", saved[name].shape, tuple(value.shape))
        check_same(f"dtype of {name}", str(saved[name].dtype), str(value.dtype).removeprefix("torch."))


def _check_optimizer(saved: Any, optimizer: Any) -> None:
    state, own = _dict(saved, "optimizer"), optimizer.state_dict()
    check_same("optimizer: its parts", [*state], [*own])
    if not isinstance(state["param_groups"], list) or len(state["param_groups"]) != len(own["param_groups"]):
        raise ValueError(f"optimizer: param_groups must be {len(own['param_groups'])} groups")
    for number, (ours, theirs) in enumerate(zip(own["param_groups"], state["param_groups"], strict=True)):
        called = f"optimizer: param_groups[{number}]"
        if lacking := [name for name in ours if name not in _dict(theirs, called)]:
            raise ValueError(f"{called} has no {lacking[0]}")
        check_same(f"{called}: params", theirs["params"], ours["params"])
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, entries in _dict(state["state"], "optimizer: state").items():
        if type(index) is not int or not 0 <= index < len(parameters):
            raise ValueError(f"optimizer: state of {shown(index)}, there are {len(parameters)} parameters")
        _check_entries(f"optimizer: state {index}", entries, parameters[index].shape)


def _dict(value: Any, called: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{called} must be a dict, got {shown(value)}")
    return value


def _check_entries(called: str, entries: Any, shape: torch.Size) -> None:
    """What an optimiser keeps of a parameter: nothing, a number, or as many numbers as it has."""
    for name, value in _dict(entries, called).items():
        if value is not None and not (isinstance(value, torch.Tensor) and value.shape in ((), shape)):
            raise ValueError(f"{called}: {name} must be a tensor of shape {tuple(shape)} or ()")


@contextmanager
def _unchanged_unless_whole(optimizer: Any, scheduler: Any) -> Iterator[None]:
    """Put them and torch's random state back where they stood if anything inside fails."""
    before = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    random = torch.get_rng_state()
    try:
        yield
    except BaseException:
        optimizer.load_state_dict(before[0])
        scheduler.load_state_dict(before[1])
        torch.set_rng_state(random)
        raise


# ---- trees of tensors as JSON ----------------------------------------------------------------------------------------


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


def _unpack(value: Any, path: str, tensors: dict[str, Any]) -> Any:
    """The tree again; the tensors in it are taken out of ``tensors``, each can stand in one place only."""
    if isinstance(value, list):
        raise ValueError(f"{path}: a list stands where a value must be, {shown(value)}")
    if not isinstance(value, dict):
        return value
    kind, inside = next(iter(value.items()), (None, None))
    if kind == "tensor" and inside == path and path in tensors:
        return torch.from_numpy(tensors.pop(path).copy())
    if kind == "dict" and isinstance(inside, list) and all(_is_pair(item) for item in inside):
        return {key: _unpack(item, f"{path}.{key}", tensors) for key, item in inside}
    if kind == "list" and isinstance(inside, list):
        return [_unpack(item, f"{path}.{i}", tensors) for i, item in enumerate(inside)]
    raise ValueError(f"{path} must be a tensor of that name, a dict or a list, got {shown(value)}")


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)
