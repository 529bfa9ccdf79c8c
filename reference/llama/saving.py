"""Checkpoints of long runs: one safetensors file with JSON in its header, and nothing that has to be unpickled.

The tensors are those of the whole model, however many processes share it, so that another number of them can go on.  A
file is written beside its place and renamed: a kill leaves the old one or the new one, whole.
"""

import json
import os
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn, optim
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_state_dict,
)

State = dict[str, Any]


def gather(model: nn.Module, optimizer: optim.Optimizer) -> tuple[dict[str, Tensor], list[State]]:
    """All weights and moments under the model's own names, and the optimiser's settings.

    All processes must call it; the first one gets everything, the others nothing.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    if not optimizer.state:  # before the first step; asked for it, torch would make one to have something to show
        initial = cast(State, get_model_state_dict(model, options=options))
        return {f"model.{name}": tensor for name, tensor in initial.items()}, []
    weights, moments = cast(tuple[State, State], get_state_dict(model, optimizer, options=options))
    tensors = {f"model.{name}": tensor for name, tensor in weights.items()}
    for name, slots in moments.get("state", {}).items():
        tensors |= {f"optimizer.{name}.{slot}": tensor for slot, tensor in slots.items()}
    return tensors, moments.get("param_groups", [])


def scatter(model: nn.Module, optimizer: optim.Optimizer, tensors: dict[str, Tensor], groups: list[State]) -> None:
    """The other way round: every process takes its part of what all of them have read."""
    weights: State = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    moments: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            name, slot = key.removeprefix("optimizer.").rsplit(".", 1)
            moments.setdefault(name, {})[slot] = tensor
    if not moments:
        set_model_state_dict(model, weights, options=StateDictOptions(full_state_dict=True))
        return
    state: Any = {"state": moments, "param_groups": groups}
    options = StateDictOptions(full_state_dict=True)
    set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=state, options=options)


def save(path: Path, tensors: dict[str, Tensor], about: State) -> None:
    """Write tensors and JSON; the old file stays whole until the new one is."""
    content = to_bytes({name: tensor.contiguous() for name, tensor in tensors.items()}, {"run": json.dumps(about)})
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(f"cannot save {path}, which needs {len(content):,} bytes: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> tuple[dict[str, Tensor], State]:
    """Read (tensors, JSON) back.

    Raises:
        ValueError: no such file, or one that is damaged or of something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["run"])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no checkpoint of a run: {error}") from error


def read_about(path: Path) -> State:
    """The JSON alone.

    Raises:
        ValueError: no such file, or one that is damaged or of something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about: State = json.loads(file.metadata()["run"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no checkpoint of a run: {error}") from error
    return about


def check_same(path: Path, saved: State, given: State) -> None:
    """Refuse to go on with another configuration.

    Raises:
        ValueError: names what differs, and both values.
    """
    given = json.loads(json.dumps(given))  # tuples are lists in JSON
    names = sorted({*saved, *given})
    differing = [f"{n} was {saved.get(n)!r}, is {given.get(n)!r}" for n in names if saved.get(n) != given.get(n)]
    if differing:
        raise ValueError(f"{path} is of another configuration: {'; '.join(differing)}")
