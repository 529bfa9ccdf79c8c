"""What all optimisers share: groups of parameters with their options, state per parameter, blockwise updates.

An update touches four or five arrays as large as the model.  Written over whole arrays, each of its dozen elementary
operations would stream them through main memory; written over blocks that stay in the cache, memory is read once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any

import numpy as np

from tinygrad_lab.modes import no_grad
from tinygrad_lab.ops.gate import gated_constructor
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array

BLOCK = 1 << 16  # elements: as float32, a parameter's piece, its gradient, two slots and a scratch array take 1.3 MB
NEWER = {"amsgrad", "maximize"}  # options that states written before there were any do not have
OF_TORCH = {"foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay"}  # how, not what it computes
BESIDES = {"params", "name", "initial_lr"}  # what a group may have besides options: the last is a schedule's

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

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Optimizer:
        """Say what a subclass lacks that was written as for torch."""
        if "_update" in cls.__abstractmethods__:
            raise TypeError(
                f"{cls.__name__}: write _update(parameter, group), which changes one parameter in place; "
                "step() calls it for every parameter that has a gradient"
            )
        return super().__new__(cls)

    def __init__(self, params: Params, defaults: Mapping[str, Any]) -> None:
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise TypeError(
                f"{type(self).__name__}: params must be an iterable of Tensors or of groups, got {_instead(params)}"
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
        """Optimise more parameters, with the options of ``group`` or the defaults.

        Raises:
            TypeError, ValueError: no group, no such option, an option of a wrong kind or out of range.
        """
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"a parameter group must be a dict with 'params', got {type(group).__name__}")
        params = group["params"]
        if not isinstance(params, Iterable):
            raise TypeError(f"{type(self).__name__}: params of a group must be Tensors, got {_instead(params)}")
        if unknown := sorted(set(group) - set(self.defaults) - BESIDES - OF_TORCH):
            raise ValueError(f"{type(self).__name__}: a group has {unknown}, the options are {sorted(self.defaults)}")
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
        """Raise TypeError on an option of another kind than its default, ValueError on one out of range."""
        for name, default in self.defaults.items():
            if name in group:
                _check_alike(f"{type(self).__name__}: {name}", group[name], default)
        for name in ("lr", "weight_decay"):
            if name in group and group[name] < 0:
                raise ValueError(f"{type(self).__name__}: {name} must be at least 0, got {group[name]}")

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
            raise TypeError(f"{type(self).__name__}: params: can only optimise Tensors, got {_instead(parameter)}")
        if not parameter.is_leaf:
            raise ValueError(
                f"{type(self).__name__}: cannot optimise the result of an operation (shape {parameter.shape}): "
                "only leaves receive a gradient"
            )
        if id(parameter) in known:
            raise ValueError(f"{type(self).__name__}: params: one of shape {parameter.shape} was given twice")

    # ---- state ------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Return torch's form: ``state`` and ``param_groups`` know parameters by running number.

        Slots are the live arrays, not copies: copy the dictionary deeply to keep it over a step.
        """
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters())}
        groups = [{**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups]
        state = {numbers[id(parameter)]: dict(entries) for parameter, entries in self.state.items()}
        return {"state": state, "param_groups": groups}

    def check_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Raise ValueError unless ``load_state_dict`` would succeed."""
        _check_form(state_dict)
        sizes = [len(group["params"]) for group in self.param_groups]
        saved = [len(group["params"]) for group in state_dict["param_groups"]]
        if sizes != saved:
            raise ValueError(f"load_state_dict: parameters per group are {sizes}, the state has {saved}")
        for group in state_dict["param_groups"]:
            if missing := sorted(set(self.defaults) - set(group) - NEWER):
                raise ValueError(f"load_state_dict: a group lacks the options {missing} of {type(self).__name__}")
            self._check_options({**group, **self._options(group)})
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


def _instead(given: Any) -> str:
    """What was given where parameters belong, and what may have been meant."""
    if isinstance(given, Tensor):
        return "one Tensor: write [tensor]"
    return f"{type(given).__name__}{': write .parameters()' if hasattr(given, 'parameters') else ''}"


def _check_alike(called: str, value: Any, default: Any) -> None:
    """Raise TypeError unless an option is what its default is, a number or numbers or a flag; ValueError on NaN."""
    if isinstance(default, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(default):
            raise TypeError(f"{called} must be {len(default)} numbers, got {what_is(value)}")
        for one, by_default in zip(value, default, strict=True):
            _check_alike(called, one, by_default)
    elif isinstance(default, bool):
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{called} must be a bool, got {what_is(value)}")
    elif isinstance(default, Real):
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{called} must be a number, got {what_is(value)}")
        if math.isnan(value):
            raise ValueError(f"{called} must be a number, got {value}")


def _check_form(state_dict: Any) -> None:
    """Raise TypeError or ValueError unless it looks like the state of an optimiser."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"load_state_dict: state_dict must be a dict, got {type(state_dict).__name__}")
    if not {"state", "param_groups"} <= set(state_dict):
        raise ValueError(f"load_state_dict: needs 'state' and 'param_groups', got {sorted(state_dict)}")
    state, groups = state_dict["state"], state_dict["param_groups"]
    if not isinstance(state, Mapping) or not all(isinstance(entries, Mapping) for entries in state.values()):
        raise TypeError("load_state_dict: state must be a dict of dicts by the number of the parameter")
    if not isinstance(groups, list | tuple) or not all(isinstance(g, Mapping) and "params" in g for g in groups):
        raise TypeError("load_state_dict: param_groups must be a list of dicts with 'params'")


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
