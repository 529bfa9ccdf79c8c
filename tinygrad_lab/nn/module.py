"""Modules: trees of parameters, buffers and submodules, with torch.nn's names and state_dict keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, runtime_checkable

import numpy as np

from tinygrad_lab.modes import state
from tinygrad_lab.ops.gate import gated_constructor
from tinygrad_lab.ops.kinds import why_no_array
from tinygrad_lab.tensor import Tensor

Item = TypeVar("Item")
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Hook = Callable[[Any, tuple[Any, ...], Any], Any]  # (module, arguments, output) -> another output, or None
M = TypeVar("M", bound="Module")  # typing.Self would say the same, but the run-time type checker refuses it here


class Parameter(Tensor):
    """A Tensor that a module registers as trainable when it is assigned as an attribute."""

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = True) -> None:
        super().__init__(data, dtype, requires_grad)


@runtime_checkable
class HasForward(Protocol[P, R_co]):
    """To a type checker a module is called as its own ``forward`` is, and returns what that returns."""

    _hooks: list[Hook]

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class RemovableHandle:
    """What registering a hook returns."""

    def __init__(self, hooks: list[Hook], hook: Hook) -> None:
        self._hooks, self._hook, self._hangs = hooks, hook, True

    def remove(self) -> None:
        """Take the hook off again; a second call does nothing."""
        if self._hangs:
            self._hooks.remove(self._hook)
        self._hangs = False


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` did not find, and what it had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base class of all layers and models: assign parameters and modules as attributes, write ``forward``."""

    training: bool
    _parameters: OrderedDict[str, Parameter | None]
    _buffers: OrderedDict[str, Tensor | None]
    _modules: OrderedDict[str, Module | None]
    _hooks: list[Hook]
    _transient: set[str]  # names of the buffers that state_dict leaves out

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have the settings of this package's own layers checked; a model's are its author's."""
        super().__init_subclass__(**kwargs)
        plain = cls.__init__ is Module.__init__  # no settings, which is to be said in the layer's own name
        if cls.__module__.startswith(__package__) and ("__init__" in vars(cls) or plain):
            cls.__init__ = gated_constructor(cls.__init__)  # type: ignore[method-assign]  # the same one, behind a gate

    def __init__(self) -> None:
        object.__setattr__(self, "_parameters", OrderedDict())
        object.__setattr__(self, "_buffers", OrderedDict())
        object.__setattr__(self, "_modules", OrderedDict())
        object.__setattr__(self, "_hooks", [])
        object.__setattr__(self, "_transient", set())
        object.__setattr__(self, "training", True)

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Compute the output; each class writes its own. Call the module itself, which runs the hooks too."""
        raise TypeError(f"{type(self).__name__} defines no forward()")

    def __call__(self: HasForward[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        state.modules.append(self)
        try:
            output = self.forward(*args, **kwargs)
        finally:
            state.modules.pop()
        for hook in list(self._hooks):  # a hook may remove itself
            replaced = hook(self, args, output)
            output = output if replaced is None else replaced
        return output

    def register_forward_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every forward, until ``remove()`` is called on the result.

        What a hook returns takes the place of the output, for the hooks after it too; None leaves it as it is.
        """
        self._hooks.append(hook)
        return RemovableHandle(self._hooks, hook)

    # ---- attributes -------------------------------------------------------------------------------------------------
    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
        registry = self._registry_for(name, value)
        for other in (self._parameters, self._buffers, self._modules):
            if other is not registry:
                other.pop(name, None)
        if registry is not None:
            registry[name] = value  # an old name keeps its place in the order
        object.__setattr__(self, name, value)

    def _registry_for(self, name: str, value: Any) -> OrderedDict[str, Any] | None:
        """Where an attribute belongs; a registered name refuses what is not of its kind, which would drop it silently.

        None stands for an absent one.
        """
        if isinstance(value, Parameter):
            return self._parameters
        if isinstance(value, Module):
            return self._modules
        for registry, kind in ((self._parameters, Parameter), (self._buffers, Tensor), (self._modules, Module)):
            if name in registry:
                if value is None or isinstance(value, kind):
                    return registry
                raise TypeError(
                    f"{type(self).__name__}.{name} must stay a {kind.__name__}, got {type(value).__name__}; "
                    f"to make it something else, del {name} first"
                )
        return None

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            registry.pop(name, None)
        object.__delattr__(self, name)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is not trained; it belongs to the state if it is ``persistent``.

        Raises:
            KeyError: the name is taken by something that is not a buffer, empty or has a dot.
            TypeError: what is no Tensor.
        """
        self._check_name("register_buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name} must be a Tensor or None, got {type(tensor).__name__}")
        if hasattr(self, name) and name not in self._buffers:
            raise KeyError(f"register_buffer: {type(self).__name__} already has an attribute {name!r}")
        (self._transient.discard if persistent else self._transient.add)(name)
        self._buffers[name] = tensor
        object.__setattr__(self, name, tensor)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Register a parameter, or record that an optional one (a bias, say) is absent."""
        self._check_name("register_parameter", name)
        self._parameters.setdefault(name, None)
        setattr(self, name, parameter)

    def _check_name(self, caller: str, name: str) -> None:
        """Refuse a name under which ``state_dict`` could not be told from a module's."""
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{caller}: name must be a word without a dot, got {name!r} for {type(self).__name__}")

    # ---- the tree ---------------------------------------------------------------------------------------------------
    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules right below this one, with the names of their attributes."""
        return ((name, child) for name, child in self._modules.items() if child is not None)

    def children(self) -> Iterator[Module]:
        """Yield the modules right below this one."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module (named ``prefix``) and all below it, each once, depth first."""
        return _first_names(self._all_paths(prefix))

    def _all_paths(self, path: str = "") -> Iterator[tuple[str, Module]]:
        """As ``named_modules``, but a shared module under every path that leads to it."""
        yield path, self
        for name, child in self.named_children():
            yield from child._all_paths(f"{path}.{name}" if path else name)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once, depth first."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, target: str) -> Module:
        """Return the module under a dotted name; the empty name is this module.

        Raises:
            AttributeError: there is none of that name.
        """
        module = self
        for place, name in enumerate(target.split(".") if target else []):
            child = module._modules.get(name)
            if child is None:
                path = ".".join(target.split(".")[:place]) or type(self).__name__
                raise AttributeError(f"get_submodule: {path} has no module {name!r}, it has {list(module._modules)}")
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter under a dotted name.

        Raises:
            AttributeError: there is none of that name.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        parameter = module._parameters.get(name)
        if parameter is None:
            raise AttributeError(
                f"get_parameter: {path or type(self).__name__} has no parameter {name!r}, "
                f"it has {list(module._parameters)}"
            )
        return parameter

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call ``fn`` on every module below and then on this one, to initialise weights, say; return this one."""
        for child in dict.fromkeys(self.children()):  # what has two names here, once
            child.apply(fn)
        fn(self)
        return self

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter once, under its first name (tied parameters have several)."""
        return _first_names(self._named("_parameters"))

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every buffer once, under its first name."""
        return _first_names(self._named("_buffers"))

    def _named(self, registry: str) -> Iterator[tuple[str, Any]]:
        for path, module in self.named_modules():
            for name, value in getattr(module, registry).items():
                if value is not None:
                    yield (f"{path}.{name}" if path else name), value

    # ---- state ------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, np.ndarray]:
        """Return parameters and persistent buffers by dotted name, in torch's order.

        What is shared stands under each of its names.  The arrays are read-only views of the live
        ones, as torch's are references: copy what must outlast a step.
        """
        return {name: tensor.numpy() for name, tensor in self._stateful()}

    def _stateful(self) -> Iterator[tuple[str, Tensor]]:
        for path, module in self._all_paths():
            buffers = [(name, tensor) for name, tensor in module._buffers.items() if name not in module._transient]
            for name, tensor in [*module._parameters.items(), *buffers]:
                if tensor is not None:
                    yield (f"{path}.{name}" if path else name), tensor

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into the existing parameters and buffers; nothing is changed unless everything fits.

        Args:
            state_dict: arrays (or anything ``np.asarray`` accepts) by dotted name.
            strict: whether missing and unexpected names are errors; in any case they are what is returned.

        Raises:
            KeyError: missing or unexpected names, all of them listed.
            TypeError: what is no dict.
            ValueError: an entry of the wrong shape, or of a kind that cannot be read or cast (float into integer).
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict of {type(self).__name__}: state_dict must be a dict, got {type(state_dict).__name__}"
            )
        own = dict(self._stateful())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and (missing or unexpected):
            raise KeyError(f"load_state_dict of {type(self).__name__}: missing {missing}, unexpected {unexpected}")
        arrays = {name: _as_array(name, state_dict[name]) for name in own if name in state_dict}
        for name, array in arrays.items():
            if array.shape != own[name].shape:
                raise ValueError(f"load_state_dict: {name} has shape {array.shape}, the model needs {own[name].shape}")
            if not np.can_cast(array.dtype, own[name].dtype, "same_kind"):
                raise ValueError(f"load_state_dict: {name} is {array.dtype}, the model needs {own[name].dtype}")
        for name, array in arrays.items():
            own[name]._version[0] += 1
            own[name]._data[...] = array
        return IncompatibleKeys(missing, unexpected)

    # ---- modes ------------------------------------------------------------------------------------------------------
    def train(self: M, mode: bool = True) -> M:
        """Set training mode (dropout drops, batch_norm uses the batch), here and in all below."""
        if not isinstance(mode, bool):
            raise TypeError(f"train of {type(self).__name__}: mode must be a bool, got {mode!r}")
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self: M) -> M:
        """Set evaluation mode."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Freeze (False) or unfreeze every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; or fill them with 0, in place."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.zero_()

    def to(self: M, *given: Any, device: Any = None, dtype: Any = None) -> M:
        """Convert floating point parameters, buffers and gradients to ``dtype``, in place of the old arrays.

        As in torch "cpu", the only device there is, may stand before the dtype or alone.

        Raises:
            TypeError: a ``dtype`` that is not floating point.
        """
        devices = [device, *(name for name in given if isinstance(name, str) and name == "cpu")]
        if wrong := [name for name in devices if name not in (None, "cpu")]:
            raise ValueError(f"Module.to: device must be 'cpu', got {wrong[0]!r}")
        dtype = next((name for name in given if not (isinstance(name, str) and name == "cpu")), dtype)
        if dtype is None:
            return self
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"Module.to: dtype must be floating point, got {np.dtype(dtype)}")
        for _, tensor in [*self.named_parameters(), *self.named_buffers()]:
            for converted in (tensor, tensor.grad):
                if converted is not None and converted.dtype.kind == "f":
                    converted._data = converted._data.astype(dtype)
        return self

    def cpu(self: M) -> M:
        """Return the module itself: it is there already."""
        return self

    def float(self: M) -> M:
        """Convert what is floating point to float32; see ``to``."""
        return self.to(np.float32)

    def double(self: M) -> M:
        """Convert what is floating point to float64; see ``to``."""
        return self.to(np.float64)

    def extra_repr(self) -> str:
        """Return what a layer shows of itself between the parentheses of its repr."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        if not children:
            return f"{type(self).__name__}({extra})"
        body = "\n  ".join([extra, *children] if extra else children)
        return f"{type(self).__name__}(\n  {body}\n)"


def _first_names(named: Iterable[tuple[str, Item]]) -> Iterator[tuple[str, Item]]:
    """Each object once, under the first of its names."""
    seen: set[int] = set()
    for name, item in named:
        if id(item) not in seen:
            seen.add(id(item))
            yield name, item


def _as_array(name: str, value: Any) -> np.ndarray:
    """An entry of a state as an array; of a tensor that learns, torch's too, the values."""
    try:
        return np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"load_state_dict: {name} cannot be read as an array: {why_no_array(error)}") from None
