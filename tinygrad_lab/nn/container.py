"""Modules that hold other modules or parameters, under torch's keys: positions in Sequential, ModuleList and
ParameterList, names in ModuleDict."""

from abc import ABC, abstractmethod
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.tensor import Tensor


def checked(container: Module, place: Any, member: Any, kind: type) -> Any:
    """Return what is to be held, if it is of the kind that can be.

    Raises:
        TypeError: it is not; left out silently, it would be missing from the model.
    """
    if isinstance(member, kind):
        return member
    got, hint = type(member).__name__, ""
    if isinstance(member, type):
        got, hint = f"the class {member.__name__}", f": make one, {member.__name__}()"
    elif isinstance(member, list | tuple):
        hint = ": write *modules"
    raise TypeError(f"{type(container).__name__}: what stands at {place} must be a {kind.__name__}, got {got}{hint}")


class _ByPosition(Module, ABC):
    """Children named "0", "1", ..."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        """One module, or a container of the same kind with some of them."""
        if isinstance(index, slice):
            return self._of(dict(list(self.named_children())[index]))
        return list(self.children())[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(range(len(self))[index]), self._checked(index, module))

    def append(self, module: Module) -> Any:
        """Add one at the end; returns self."""
        setattr(self, str(len(self)), self._checked(len(self), module))
        return self

    def _checked(self, place: Any, module: Any) -> Any:
        return checked(self, place, module, Module)

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several at the end; returns self."""
        for module in modules:
            self.append(module)
        return self

    @abstractmethod
    def _of(self, modules: dict[str, Module]) -> Module:
        """A container of the same kind with these modules."""


class Sequential(_ByPosition):
    """Each module applied to the output of the one before.

    Args:
        modules: in order, or one mapping from names to modules.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        for module in modules:
            if isinstance(module, Mapping):
                for name, child in module.items():
                    setattr(self, name, self._checked(name, child))
            else:
                self.append(module)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def _of(self, modules: dict[str, Module]) -> Module:
        return Sequential(modules)  # under their old names, as in torch


class ModuleList(_ByPosition):
    """A list of modules; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def _of(self, modules: dict[str, Module]) -> Module:
        return ModuleList(modules.values())


class ModuleDict(Module):
    """A dictionary of modules; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self[name] = module

    def __getitem__(self, name: str) -> Any:
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        if name not in self._modules and hasattr(self, name):
            raise KeyError(f"ModuleDict: {name!r} is an attribute of every ModuleDict, choose another name")
        setattr(self, name, checked(self, repr(name), module, Module))

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def keys(self) -> KeysView[str]:
        """Return the names, in order."""
        return self._modules.keys()

    def values(self) -> ValuesView[Any]:
        """Return the modules, in order."""
        return self._modules.values()

    def items(self) -> ItemsView[str, Any]:
        """Return the modules with their names, in order."""
        return self._modules.items()


class ParameterList(Module):
    """A list of parameters, named "0", "1", ...; other tensors become parameters.  It has no forward of its own."""

    def __init__(self, values: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.extend(values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return (getattr(self, name) for name in self._parameters)

    def __getitem__(self, index: int | slice) -> Any:
        """One parameter, or a list with some of them."""
        parameters: list[Any] = list(self._parameters.values())
        return ParameterList(parameters[index]) if isinstance(index, slice) else parameters[index]

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, str(range(len(self))[index]), _as_parameter(value))

    def append(self, value: Tensor) -> "ParameterList":
        """Add one at the end; returns self."""
        setattr(self, str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> "ParameterList":
        """Add several at the end; returns self."""
        for value in values:
            self.append(value)
        return self


def _as_parameter(value: Tensor) -> Parameter:
    if not isinstance(value, Tensor):
        raise TypeError(f"ParameterList: must hold tensors, got {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value)
