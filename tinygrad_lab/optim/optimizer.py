"""What all optimisers share: groups of parameters with their options, state per parameter, blockwise updates.

An update touches four or five arrays as large as the model.  Written over whole arrays, each of its dozen elementary
operations would stream them through main memory; written over blocks that stay in the cache, memory is read once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_lab.modes import no_grad
from tinygrad_lab.ops.gate import gated_constructor
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array

BLOCK = 1 << 16  # elements: as float32, a parameter's piece, its gradient, two slots and a scratch array take 1.3 MB
NEWER = {"amsgrad", "maximize"}  # options that states written before there were any do not have
OF_TORCH = {"foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay"}  # how, not what it computes

Group = dict[str, Any]
Params = Any  # an iterable of Tensors or of groups; checked by hand, for clear messages


class Optimizer(ABC):
    """Base class: ``_update(parameter, group)`` is what a subclass writes.

    Args:
        params: parameters, or groups ``{"params": [...], "lr": ..., ...}`` whose options override the defaults.
        defaults: the options of every group that does not set them.

    Raises:
        ValueError: no parameters, one given twice, one that is the result of an operation, an option out of range.
        TypeError: something that is not a Tensor.
    """

    STATE: tuple[str, ...] | None = None  # every name that an entry of ``state`` may have; None: whatever there is
    param_groups: list[Group]
    state: dict[Tensor, dict[str, Any]]  # per parameter: arrays of its shape ("slots"), and counters

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have the settings of every optimiser checked."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = gated_constructor(cls.__init__)  # type: ignore[method-assign]  # the same one, behind a gate

    def __init__(self, params: Params, defaults: Mapping[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                f"{type(self).__name__}: params must be an iterable of Tensors or of groups, "
                "got one Tensor: write [tensor]"
            )
        self.defaults = dict(defaults)
        self.param_groups = []
        self.state = {}
        self._scratch: dict[np.dtype, tuple[Array, Array]] = {}
        given = list(params)
        if not given:
            raise ValueError(f"{type(self).__name__}: the list of parameters is empty")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Any) -> None:
        """Optimise more parameters, with the options of ``group`` or the defaults."""
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"a parameter group must be a dict with 'params', got {type(group).__name__}")
        params = group["params"]
        complete = {**self.defaults, **group, "params": [params] if isinstance(params, Tensor) else list(params)}
        known = {id(parameter) for other in self.param_groups for parameter in other["params"]}
        for parameter in complete["params"]:
            self._check_parameter(parameter, known)
            known.add(id(parameter))
        self._check_options(complete)
        self.param_groups.append(complete)

    def step(self) -> None:
        """Change every parameter that has a gradient; those without are left alone."""
        with no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._update(parameter, group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; or fill them with 0, in place."""
        for parameter in self._parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.zero_()

    # ---- for subclasses ---------------------------------------------------------------------------------------------
    @abstractmethod
    def _update(self, parameter: Tensor, group: Group) -> None:
        """Change one parameter in place, given its gradient."""

    def _needed(self, group: Group) -> list[str]:  # noqa: ARG002 (nothing, unless a subclass says so)
        """What the state of a parameter must have once it has anything."""
        return []

    def _check_options(self, group: Group) -> None:
        """Raise ValueError on an option out of range."""
        if group["lr"] < 0:
            raise ValueError(f"{type(self).__name__}: lr must be at least 0, got {group['lr']}")
        if group["weight_decay"] < 0:
            raise ValueError(f"{type(self).__name__}: weight_decay must be at least 0, got {group['weight_decay']}")

    def _slots(self, parameter: Tensor, *names: str) -> list[Array]:
        """Arrays of the parameter's shape that persist from step to step, zero at first."""
        state = self.state.setdefault(parameter, {})
        for name in names:
            if name not in state:
                state[name] = np.zeros(parameter.shape, parameter.dtype)
        return [state[name] for name in names]

    def _count(self, parameter: Tensor) -> int:
        """The number of this step of this parameter, from 1."""
        state = self.state.setdefault(parameter, {})
        state["step"] = state.get("step", 0) + 1
        return int(state["step"])

    def _blocks(
        self, parameter: Tensor, *slots: Array, decay: float = 0.0, maximize: bool = False
    ) -> Iterator[tuple[Array, ...]]:
        """Pieces of (weight, gradient, *slots) and a scratch array; all but the gradient are for writing.

        With ``decay`` the gradient is that of the loss plus decay/2 |weight|²; with ``maximize`` of minus the loss.
        """
        assert parameter.grad is not None
        arrays = (parameter.writable(), parameter.grad._data, *slots)
        work, decayed = self._scratch_for(parameter.dtype)
        for w, g, *rest in _pieces(arrays):
            if decay or maximize:
                own = decayed[: w.size].reshape(w.shape)
                penalty = np.multiply(w, decay, out=own) if decay else 0.0
                g = np.subtract(penalty, g, out=own) if maximize else np.add(penalty, g, out=own)
            yield w, g, *rest, work[: w.size].reshape(w.shape)

    def _scratch_for(self, dtype: np.dtype) -> tuple[Array, Array]:
        if dtype not in self._scratch:
            self._scratch[dtype] = np.empty(BLOCK, dtype), np.empty(BLOCK, dtype)
        return self._scratch[dtype]

    def _check_parameter(self, parameter: Any, known: set[int]) -> None:
        if not isinstance(parameter, Tensor):
            raise TypeError(f"{type(self).__name__}: params: can only optimise Tensors, got {type(parameter).__name__}")
        if not parameter.is_leaf:
            raise ValueError(
                f"{type(self).__name__}: cannot optimise the result of an operation (shape {parameter.shape}): "
                "only leaves receive a gradient"
            )
        if id(parameter) in known:
            raise ValueError(f"{type(self).__name__}: params: one of shape {parameter.shape} was given twice")

    # ---- state ------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Return torch's form: ``state`` by running number of the parameter, ``param_groups`` with
        numbers for parameters.

        Slots are the live arrays, not copies: copy the dictionary deeply to keep it over a step.
        """
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters())}
        groups = [{**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups]
        state = {numbers[id(parameter)]: dict(entries) for parameter, entries in self.state.items()}
        return {"state": state, "param_groups": groups}

    def check_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Raise ValueError unless ``load_state_dict`` would succeed."""
        if not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(f"load_state_dict: needs 'state' and 'param_groups', got {sorted(state_dict)}")
        sizes = [len(group["params"]) for group in self.param_groups]
        saved = [len(group["params"]) for group in state_dict["param_groups"]]
        if sizes != saved:
            raise ValueError(f"load_state_dict: parameters per group are {sizes}, the state has {saved}")
        for group in state_dict["param_groups"]:
            if missing := sorted(set(self.defaults) - set(group) - NEWER):
                raise ValueError(f"load_state_dict: a group lacks the options {missing} of {type(self).__name__}")
            self._check_options(group)
        for _ in self._loaded(state_dict):
            pass

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over options and (copies of the) state; nothing is changed unless everything fits.

        A state of torch's optimiser of the same name is taken as it is, tensors included.

        Raises:
            ValueError: other groups, a slot of another name or shape, a missing slot or option.
        """
        self.check_state_dict(state_dict)
        loaded = list(self._loaded(state_dict))
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update(self._options(saved))
        self.state.clear()
        for parameter, entries in loaded:
            self.state[parameter] = {
                name: np.array(value, parameter.dtype, order="C") if isinstance(value, np.ndarray) else value
                for name, value in entries.items()
            }

    def _options(self, saved: Group) -> Group:
        """The options of a saved group; one that the state is too old to have is off."""
        newer: Group = {name: False for name in NEWER if name in self.defaults}
        return newer | {n: _number(v) for n, v in saved.items() if n != "params" and n not in OF_TORCH}

    def _loaded(self, state_dict: Mapping[str, Any]) -> Iterator[tuple[Tensor, dict[str, Any]]]:
        """Each parameter with its entries as arrays and counts, after they were found to fit."""
        parameters = list(self._parameters())
        groups = [self._options(group) for group in state_dict["param_groups"] for _ in group["params"]]
        for number, given in state_dict["state"].items():
            if not isinstance(number, int) or not 0 <= number < len(parameters):
                raise ValueError(f"load_state_dict: state for parameter {number}, there are {len(parameters)}")
            shape, of = parameters[number].shape, f"of parameter {number}"
            entries = {n: _entry(f"{n} {of}", n, v, shape) for n, v in given.items() if v is not None}
            if self.STATE is not None and (unknown := sorted(set(entries) - set(self.STATE))):
                raise ValueError(
                    f"load_state_dict: the state {of} has {unknown}, {type(self).__name__} knows {list(self.STATE)}"
                )
            if entries and (missing := [n for n in self._needed(groups[number]) if n not in entries]):
                raise ValueError(f"load_state_dict: the state {of} lacks {missing} of {type(self).__name__}")
            yield parameters[number], entries

    def _parameters(self) -> Iterator[Tensor]:
        return (parameter for group in self.param_groups for parameter in group["params"])

    def __repr__(self) -> str:
        groups = [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups]
        return f"{type(self).__name__}({', '.join(map(str, groups))})"


def _entry(called: str, name: str, value: Any, shape: tuple[int, ...]) -> Any:
    """An entry of a parameter's state, from whatever tensor: a whole number, or an array of the parameter's shape."""
    try:
        array = np.asarray(value)
        if name == "step":
            return int(array.item())
    except (TypeError, ValueError) as error:
        raise ValueError(f"load_state_dict: {called} cannot be read: {error}") from error
    if array.dtype.kind not in "fiu":
        raise ValueError(f"load_state_dict: {called} must be an array of numbers, got {type(value).__name__}")
    if array.shape != shape:
        raise ValueError(f"load_state_dict: {called} has shape {array.shape}, the parameter has {shape}")
    return array


def _number(value: Any) -> Any:
    """An option as a plain number where it is a tensor of one, as torch allows for the learning rate."""
    return np.asarray(value).item() if hasattr(value, "__array__") else value


def _pieces(arrays: tuple[Array, ...]) -> Iterator[tuple[Array, ...]]:
    """Arrays of one shape, the first of which may be changed: whole if small, else in flat blocks."""
    first = arrays[0]
    if first.size <= BLOCK:
        yield arrays
        return
    flat = [array.reshape(-1) for array in arrays]  # views, or copies where the layout is unusual
    for start in range(0, first.size, BLOCK):
        yield tuple([array[start : start + BLOCK] for array in flat])
    if not np.may_share_memory(flat[0], first):
        first[...] = flat[0].reshape(first.shape)
