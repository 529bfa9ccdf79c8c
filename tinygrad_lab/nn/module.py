"""Modules: trees of parameters, buffers and submodules, with torch.nn's names and state_dict keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from tinygrad_lab.tensor import Tensor, state


class Parameter(Tensor):
    """A Tensor that a module registers as trainable when it is assigned as an attribute."""

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = True) -> None:
        super().__init__(data, dtype, requires_grad)


class Module:
    """Base class of all layers and models: assign parameters and modules as attributes, write ``forward``."""

    training: bool

    def __init__(self) -> None:
        object.__setattr__(self, "_parameters", OrderedDict())
        object.__setattr__(self, "_buffers", OrderedDict())
        object.__setattr__(self, "_modules", OrderedDict())
        object.__setattr__(self, "_hooks", [])
        object.__setattr__(self, "_transient", set())
        object.__setattr__(self, "training", True)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{type(self).__name__} defines no forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        state.modules.append(self)
        try:
            output = self.forward(*args, **kwargs)
        finally:
            state.modules.pop()
        for hook in self._hooks:
            hook(self, args, output)
        return output

    def register_forward_hook(self, hook: Callable[[Module, tuple, Any], None]) -> Callable[[], None]:
        """Call ``hook(module, args, output)`` after every forward; returns a function that removes it."""
        self._hooks.append(hook)
        return lambda: self._hooks.remove(hook)

    # ---- attributes -------------------------------------------------------------------------------------------------
    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
        for registry in (self._parameters, self._modules):
            registry.pop(name, None)
        if isinstance(value, Parameter):
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._modules[name] = value
        elif name in self._buffers:
            self._buffers[name] = value
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """A tensor that belongs to the state but is not trained; kept out of state_dict unless ``persistent``."""
        self._buffers[name] = tensor
        if not persistent:
            self._transient.add(name)
        object.__setattr__(self, name, tensor)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Register a parameter, or record that an optional one (a bias, say) is absent."""
        if parameter is None:
            self._parameters[name] = None
        setattr(self, name, parameter)

    # ---- the tree ---------------------------------------------------------------------------------------------------
    def named_children(self) -> Iterator[tuple[str, Module]]:
        yield from self._modules.items()

    def children(self) -> Iterator[Module]:
        yield from self._modules.values()

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module (named ``prefix``) and all below it, each once, depth first."""
        seen: set[int] = set()

        def walk(module: Module, path: str) -> Iterator[tuple[str, Module]]:
            if id(module) in seen:
                return
            seen.add(id(module))
            yield path, module
            for name, child in module.named_children():
                yield from walk(child, f"{path}.{name}" if path else name)

        return walk(self, prefix)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, under its first name (tied parameters have several)."""
        seen: set[int] = set()
        for name, parameter in self._named("_parameters"):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        yield from self._named("_buffers")

    def _named(self, registry: str) -> Iterator[tuple[str, Any]]:
        for path, module in self.named_modules():
            for name, value in getattr(module, registry).items():
                if value is not None:
                    yield (f"{path}.{name}" if path else name), value

    # ---- state ------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, np.ndarray]:
        """Parameters and persistent buffers by dotted name, as read-only views of the live arrays, in torch's order."""
        return {name: tensor.numpy() for name, tensor in self._stateful()}

    def _stateful(self) -> Iterator[tuple[str, Tensor]]:
        for path, module in self.named_modules():
            entries = [*module._parameters.items()]
            entries += [(k, v) for k, v in module._buffers.items() if k not in module._transient]
            for name, tensor in entries:
                if tensor is not None:
                    yield (f"{path}.{name}" if path else name), tensor

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Copy values into the existing parameters and buffers; nothing is changed unless everything fits.

        Args:
            state_dict: arrays (or anything ``np.asarray`` accepts) by dotted name.
            strict: whether missing and unexpected names are errors.

        Raises:
            KeyError: missing or unexpected names, all of them listed.
            ValueError: an entry of the wrong shape, or of a kind that cannot be cast (float into integer).
        """
        own = dict(self._stateful())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and (missing or unexpected):
            raise KeyError(f"load_state_dict of {type(self).__name__}: missing {missing}, unexpected {unexpected}")
        arrays = {name: np.asarray(state_dict[name]) for name in own if name in state_dict}
        for name, array in arrays.items():
            if array.shape != own[name].shape:
                raise ValueError(f"load_state_dict: {name} has shape {array.shape}, the model needs {own[name].shape}")
            if not np.can_cast(array.dtype, own[name].dtype, "same_kind"):
                raise ValueError(f"load_state_dict: {name} is {array.dtype}, the model needs {own[name].dtype}")
        for name, array in arrays.items():
            own[name]._version[0] += 1
            own[name]._data[...] = array

    # ---- modes ------------------------------------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Self:
        """Training mode (dropout drops, batch_norm uses the batch) on this module and all below it."""
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, dtype: Any) -> Self:
        """Convert floating point parameters and buffers to ``dtype``, in place of the old arrays."""
        for module in self.modules():
            for tensor in [*module._parameters.values(), *module._buffers.values()]:
                if tensor is not None and tensor.dtype.kind == "f":
                    tensor._data = tensor._data.astype(dtype)
                    tensor.grad = None
        return self

    def float(self) -> Self:
        return self.to(np.float32)

    def double(self) -> Self:
        return self.to(np.float64)

    def extra_repr(self) -> str:
        """What a layer shows of itself between the parentheses of its repr."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        body = "\n  ".join(lines)
        return f"{type(self).__name__}({self.extra_repr()}" + (f"\n  {body}\n)" if lines else ")")
