"""Checkpoints: one safetensors file, with JSON in the metadata of its header. Nothing is ever unpickled.

``save`` and ``load`` handle arrays and JSON; ``save_training`` and ``load_training`` a whole training run, so that a
resumed run equals the uninterrupted one bit for bit.

A file is written beside its final place, flushed to disk and renamed: whoever kills the process, at whatever instant,
leaves the old file or the new one, whole.  (One writer per path: the temporary name is fixed, so that what a kill
leaves behind is overwritten by the next save.)
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as to_bytes

from tinygrad_lab.documents import brief, document, parse, shown
from tinygrad_lab.files import settle
from tinygrad_lab.nn.module import Module
from tinygrad_lab.optim.lr_scheduler import LRScheduler
from tinygrad_lab.optim.optimizer import Optimizer
from tinygrad_lab.resuming import Check, check_alike, check_counts, check_same, checked_training, unchanged_unless_whole
from tinygrad_lab.stored import TensorFile
from tinygrad_lab.typing import Array, Generator

FORMAT = 1  # raised when the meaning of the metadata changes
WRITTEN_HERE = "written_by"  # beside the metadata, whose own name a flipped bit may change; files of before have none


class CheckpointError(Exception):
    """A checkpoint cannot be written, cannot be read, or does not fit; the message names the path."""


# ---- arrays and JSON ------------------------------------------------------------------------------------------------


def save(path: str | os.PathLike[str], tensors: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    """Write arrays and JSON atomically.

    Args:
        path: the file to create or replace.
        tensors: arrays or Tensors by name; those that are the same memory are stored once, under the first name.
        metadata: anything JSON can hold.

    Raises:
        CheckpointError: the file cannot be written (disk full, no such folder, ...); an old one is untouched.
        TypeError: ``metadata`` that JSON cannot hold.
    """
    path = Path(path)
    arrays, aliases = _stored_once(tensors)
    checksums = {"crc32": _checksums(arrays), "layout": _checksum_of_layout(arrays, aliases)}
    about = {"format": FORMAT, "aliases": aliases, **checksums, "metadata": dict(metadata or {})}
    header = {"tinygrad_lab": json.dumps(about, default=_plain), WRITTEN_HERE: "tinygrad_lab"}
    content = to_bytes(arrays, header)  # its save_file would leave a file of a new random name at every kill
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
        settle(temporary, path)
    except OSError as error:
        raise CheckpointError(f"cannot save {path}, which needs {len(content):,} bytes: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read (tensors, metadata) as they were given to ``save``; tied tensors are the same array again.

    Any other safetensors file is read as well, with the metadata of its header.

    Raises:
        CheckpointError: no such file, not a safetensors file, truncated, or damaged.
    """
    file = _opened(Path(path))
    try:
        tensors = dict(file.read(sorted(file.entries)))
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    if "tinygrad_lab" not in file.metadata:
        if WRITTEN_HERE in file.metadata:
            raise CheckpointError(f"{path} is damaged: its metadata is missing")
        return tensors, dict(file.metadata)
    try:
        aliases, metadata = _checked_about(file, tensors)
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    tensors.update({alias: tensors[name] for alias, name in aliases.items()})
    return tensors, metadata


def _opened(path: Path) -> TensorFile:
    try:
        return TensorFile(path)
    except ValueError as error:
        missing = not path.exists() and not path.is_symlink()
        raise CheckpointError(f"{path} does not exist" if missing else str(error)) from error


def _checked_about(file: TensorFile, tensors: Mapping[str, Array]) -> tuple[dict[str, str], dict[str, Any]]:
    """(Names of tensors that are stored under another one, metadata) of a file that ``save`` wrote."""
    about = document(parse(file.metadata["tinygrad_lab"], "its metadata"), "its metadata")
    if about.get("format") != FORMAT:
        found = shown(about.get("format"))
        raise CheckpointError(f"{file.path} has format {found}, this version reads format {FORMAT}")
    checksums, aliases, metadata = (about.section(name).fields for name in ("crc32", "aliases", "metadata"))
    if wrong := [name for name, checksum in _checksums(tensors).items() if checksums.get(name) != checksum]:
        raise ValueError(f"wrong checksum of {', '.join(wrong[:3])}")
    since = WRITTEN_HERE in file.metadata or "layout" in about.fields
    if since and about.get("layout") != _checksum_of_layout(tensors, aliases):
        raise ValueError("wrong checksum of the arrays' names, types and shapes")
    for alias, name in aliases.items():
        if alias in tensors or not isinstance(name, str) or name not in tensors:
            raise ValueError(f"its metadata: alias {shown(alias)} of {shown(name)}")
    return dict(aliases), dict(metadata)


def _stored_once(tensors: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays to store, and for names of the same memory the name it is stored under."""
    arrays: dict[str, Array] = {}
    aliases: dict[str, str] = {}
    first_names: dict[tuple[Any, ...], str] = {}
    alive = []  # or a temporary's address could be used again
    for name, tensor in tensors.items():
        array = np.asarray(tensor)
        alive.append(array)
        memory = (array.ctypes.data, array.shape, array.strides, array.dtype.str)
        if array.size and memory in first_names:
            aliases[name] = first_names[memory]
            continue
        first_names[memory] = name
        # safetensors writes the memory as it lies: a transposed array would come back scrambled, without an error
        arrays[name] = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    return arrays, aliases


def _checksums(arrays: Mapping[str, Array]) -> dict[str, int]:
    return {name: zlib.crc32(array.reshape(-1).view(np.uint8)) for name, array in arrays.items()}


def _checksum_of_layout(arrays: Mapping[str, Array], aliases: Mapping[str, Any]) -> int:
    """Of which arrays there are, and under which names; the others are of what is in them."""
    layout = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    return zlib.crc32(json.dumps([layout, dict(aliases)], sort_keys=True).encode())


def _plain(value: Any) -> Any:
    """NumPy's arrays and scalars as lists and numbers, for JSON; integers stay exact."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"checkpoint metadata must be JSON, got {type(value).__name__}")


# ---- a training run -------------------------------------------------------------------------------------------------


def save_training(
    path: str | os.PathLike[str],
    model: Module,
    optimizer: Optimizer,
    scheduler: LRScheduler | None = None,
    generators: Mapping[str, Generator] | None = None,
    position: Any = None,
    config: Any = None,
) -> None:
    """Write everything that a run needs to go on as if it had never stopped.

    Weights are stored under their own names, the optimiser's slots as ``optimizer.<parameter>.<slot>``.

    Args:
        path: the file to create or replace.
        model: its parameters and persistent buffers.
        optimizer: of parameters of ``model``.
        scheduler: the learning rate schedule.
        generators: every random generator the run draws from, by name.
        position: any JSON: epoch, place in the data, the best loss so far.
        config: any JSON that describes the run; ``load_training`` compares it.

    Raises:
        CheckpointError: the file cannot be written.
        ValueError: the optimiser has a parameter that the model has not.
    """
    weights = model.state_dict()
    slots, optimizer_state = _pack_optimizer(optimizer, _names_of_parameters(model, optimizer))
    if clash := sorted(weights.keys() & slots.keys()):
        raise ValueError(f"save_training: the model has weights named like optimiser state: {', '.join(clash)}")
    training = {
        "config": config,
        "position": position,
        "optimizer": optimizer_state,
        "scheduler": scheduler and {"class": type(scheduler).__name__, "state": scheduler.state_dict()},
        "generators": {name: rng.bit_generator.state for name, rng in (generators or {}).items()},
        "slots": sorted(slots),
    }
    save(path, {**weights, **slots}, {"training": training})


def load_training(
    path: str | os.PathLike[str],
    model: Module,
    optimizer: Optimizer,
    scheduler: LRScheduler | None = None,
    generators: Mapping[str, Generator] | None = None,
    config: Any = None,
    check: Check | None = None,
) -> Any:
    """Put a run back where ``save_training`` left it, and return its ``position``.

    The objects must be built as they were for the run that was saved.  Nothing is changed unless everything fits.

    Args:
        check: called with the position and the states of optimizer and scheduler; a ``ValueError`` refuses them.

    Raises:
        CheckpointError: the file cannot be read, or something in it does not fit.
    """
    tensors, metadata = load(path)
    if "training" not in metadata:
        raise CheckpointError(f"{path} holds weights, not a training run")
    try:
        training = checked_training(metadata["training"])
        _check_config(training["config"], config)
        names = _names_of_parameters(model, optimizer)
        slots = _take_slots(tensors, training["slots"], model)
        optimizer_state = _unpack_optimizer(optimizer, names, slots, training["optimizer"])
        _check_scheduler(training["scheduler"], scheduler)
        saved = training["scheduler"] and training["scheduler"]["state"]
        if check is not None:
            check(training["position"], optimizer_state, saved or {})
        _check_optimizer(optimizer, optimizer_state)
        states = _checked_generator_states(training["generators"], generators or {})
        for name, own in model.state_dict().items():  # load_state_dict would convert, and the run would be another
            if name in tensors:
                check_same(f"dtype of {name}", str(tensors[name].dtype), str(own.dtype))
        with unchanged_unless_whole(optimizer, scheduler, generators or {}):
            optimizer.load_state_dict(optimizer_state)
            if scheduler is not None:
                scheduler.load_state_dict(saved)
            for name, rng in (generators or {}).items():
                rng.bit_generator.state = states[name]
            model.load_state_dict(tensors)  # the last, since it changes nothing unless everything fits
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise CheckpointError(f"{path} does not fit: {brief(error)}") from error
    return training["position"]


def load_weights(path: str | os.PathLike[str], model: Module) -> None:
    """Load the weights of a training checkpoint, or of any safetensors file with the model's names.

    Raises:
        CheckpointError: the file cannot be read or does not fit; the model is unchanged.
    """
    tensors, metadata = load(path)
    try:
        slots = checked_training(metadata["training"])["slots"] if "training" in metadata else ()
        model.load_state_dict({name: array for name, array in tensors.items() if name not in slots})
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path} does not fit: {brief(error)}") from error


def _names_of_parameters(model: Module, optimizer: Optimizer) -> list[str]:
    """The model's name of each of the optimiser's parameters, in the optimiser's order."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for parameter in parameters:
        if id(parameter) not in names:
            raise ValueError(f"the optimizer has a parameter of shape {parameter.shape} that the model has not")
    return [names[id(parameter)] for parameter in parameters]


def _pack_optimizer(optimizer: Optimizer, names: list[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Slots by name, and the rest as JSON, with names for torch's parameter numbers."""
    state = optimizer.state_dict()
    slots: dict[str, Array] = {}
    counters: dict[str, dict[str, Any]] = {}
    for number, entries in state["state"].items():
        name = names[number]
        slots |= {f"optimizer.{name}.{slot}": v for slot, v in entries.items() if isinstance(v, np.ndarray)}
        counters[name] = {entry: v for entry, v in entries.items() if not isinstance(v, np.ndarray)}
    groups = [{**group, "params": [names[number] for number in group["params"]]} for group in state["param_groups"]]
    return slots, {"class": type(optimizer).__name__, "groups": groups, "counters": counters}


def _unpack_optimizer(
    optimizer: Optimizer, names: list[str], slots: dict[str, Array], saved: dict[str, Any]
) -> dict[str, Any]:
    """The inverse of ``_pack_optimizer``."""
    check_same("optimizer", saved["class"], type(optimizer).__name__)
    numbers = {name: number for number, name in enumerate(names)}
    if unknown := [name for name in saved["counters"] if name not in numbers]:
        raise ValueError(f"optimizer state of {unknown[0]}, which the optimizer has not")
    remaining = iter(names)
    own_groups = [[next(remaining) for _ in group["params"]] for group in optimizer.param_groups]
    check_same("parameter groups", [group["params"] for group in saved["groups"]], own_groups)
    state = {numbers[name]: dict(entries) for name, entries in saved["counters"].items()}
    for key, array in slots.items():
        name, _, slot = key.removeprefix("optimizer.").rpartition(".")
        if name not in numbers:
            raise ValueError(f"slot {key}, of a parameter that the optimizer has not")
        state.setdefault(numbers[name], {})[slot] = array
    groups = [
        {option: tuple(value) if isinstance(value, list) else value for option, value in group.items()}
        | {"params": [numbers[name] for name in group["params"]]}
        for group in saved["groups"]
    ]
    for group, own in zip(groups, optimizer.param_groups, strict=True):
        for option in sorted(group.keys() & own.keys() - {"params"}):  # of several the same one is named each time
            check_alike(f"optimizer option {option}", group[option], own[option])
    return {"state": state, "param_groups": groups}


def _take_slots(tensors: dict[str, Array], names: list[str], model: Module) -> dict[str, Array]:
    """Take the optimiser's slots out of the tensors of a file; the others are the model's."""
    if lacking := [name for name in names if name not in tensors]:
        raise ValueError(f"slots: there is no tensor {shown(lacking[0])}")
    slots = {name: tensors.pop(name) for name in names}
    if odd := sorted(tensors.keys() - model.state_dict().keys()):
        raise ValueError(f"tensor {shown(odd[0])} is no weight of the model and not among the slots")
    return slots


def _check_optimizer(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    try:
        optimizer.check_state_dict(saved)
    except ValueError as error:
        raise ValueError(f"optimizer: {error}") from error


def _check_config(saved: Any, given: Any) -> None:
    given = json.loads(json.dumps(given, default=_plain))  # tuples are lists in JSON
    if isinstance(saved, dict) and isinstance(given, dict):
        for key in sorted(saved.keys() | given.keys()):
            check_same(f"config field {key!r}", saved.get(key), given.get(key))
    elif given is not None:
        check_same("config", saved, given)


def _check_scheduler(saved: dict[str, Any] | None, scheduler: LRScheduler | None) -> None:
    check_same("scheduler", saved and saved["class"], scheduler and type(scheduler).__name__)
    if saved and scheduler is not None:
        check_alike("scheduler", saved["state"], scheduler.state_dict())


def _checked_generator_states(saved: dict[str, Any], generators: Mapping[str, Generator]) -> dict[str, Any]:
    check_same("generators", sorted(saved), sorted(generators))
    for name, rng in generators.items():
        check_same(f"bit generator of {name!r}", saved[name]["bit_generator"], type(rng.bit_generator).__name__)
        try:
            type(rng.bit_generator)(0).state = saved[name]
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"generators: {name!r}: its state cannot be taken ({error})") from error
        check_counts(f"generators: {name!r}", saved[name])
    return saved
