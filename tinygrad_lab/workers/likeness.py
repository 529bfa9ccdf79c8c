"""A model as bytes, without its parameters' numbers: what a worker makes its own model from.

These bytes are made at every step and compared with those the workers have.  So whatever changes in
a model is seen, ``train()`` and ``requires_grad``, a layer or a constant, however deep it lies; and
as a rule nothing does, and nothing is sent.  What is assigned to a class or a module is not in it:
workers import those once.  Three things are left out and named by number instead:
the numbers of parameters, which are in shared memory; generators, in whose place each part draws
from a stream of its own; and the loss, which is found by its name.

They go through a socket from one process to its own workers, and are never kept in a file.
"""

import io
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Generator

Name = tuple[str, str]  # of a module and what is in it


def likeness(model: Any, tensors: Sequence[Tensor], generators: Sequence[Generator]) -> bytes:
    """Write down all of a model but the numbers in ``tensors``, its parameters.

    Raises:
        Exception: of any kind, on something that cannot be written down, a lambda for instance.
    """
    file = io.BytesIO()
    _Writer(file, tensors, generators).dump(model)
    return file.getvalue()


def made_from(written: bytes, arrays: Sequence[Array]) -> tuple[Any, list[Tensor], dict[int, Generator]]:
    """Make the model again, with ``arrays`` as its parameters' numbers.

    Returns:
        The model; its parameters and its generators by number, these only stand for the real ones.
    """
    reader = _Reader(io.BytesIO(written), arrays)
    model = reader.load()
    return model, [reader.tensors[number] for number in range(len(arrays))], reader.generators


def _parameter(number: int, kind: type[Tensor], requires_grad: bool) -> Tensor:
    """What stands for a parameter; ``_Reader`` knows which."""
    raise NotImplementedError


def _generator(number: int) -> Generator:
    """What stands for a generator; ``_Reader`` makes one."""
    raise NotImplementedError


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, tensors: Sequence[Tensor], generators: Sequence[Generator]) -> None:
        super().__init__(file, protocol=5)
        self._tensors = {id(tensor): number for number, tensor in enumerate(tensors)}
        self._generators = {id(generator): number for number, generator in enumerate(generators)}

    def reducer_override(self, thing: Any) -> Any:
        """Say how something is made again; it is asked once for each, so what is tied stays tied."""
        if id(thing) in self._tensors:
            return _parameter, (self._tensors[id(thing)], type(thing), thing.requires_grad)
        if isinstance(thing, Generator):
            if id(thing) not in self._generators:
                raise pickle.PicklingError("a generator that no module holds as an attribute")
            return _generator, (self._generators[id(thing)],)
        if isinstance(thing, type) or callable(thing):
            check_findable(getattr(thing, "__module__", None))
        return NotImplemented


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, arrays: Sequence[Array]) -> None:
        super().__init__(file)
        self._arrays = arrays
        self.tensors: dict[int, Tensor] = {}
        self.generators: dict[int, Generator] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name in ("_parameter", "_generator"):
            return getattr(self, name)
        return super().find_class(module, name)

    def _parameter(self, number: int, kind: type[Tensor], requires_grad: bool) -> Tensor:
        tensor = self.tensors[number] = kind.__new__(kind)
        tensor._set(self._arrays[number], None, 0, [0])
        tensor._requires_grad = requires_grad
        return tensor

    def _generator(self, number: int) -> Generator:
        generator = self.generators[number] = np.random.Generator(np.random.SFC64(0))
        return generator


# ---- functions by name ----------------------------------------------------------------------------


def name_of(loss: Callable[..., Any]) -> Name:
    """Return the name under which another process finds ``loss``.

    Raises:
        PicklingError: it has none, as a function within a function.
    """
    name = loss.__module__, loss.__qualname__
    check_findable(loss.__module__)
    try:
        found = named(name)
    except AttributeError:
        found = None
    if found is not loss:
        raise pickle.PicklingError(f"{loss.__qualname__} is not found under its name")
    return name


def named(name: Name) -> Callable[..., Any]:
    """Return the function of that name; of one that is decorated with ``in_parts``, what is within."""
    __import__(name[0])
    found: Any = sys.modules[name[0]]
    for part in name[1].split("."):
        found = getattr(found, part)
    whole: Callable[..., Any] = getattr(found, "of_a_part", found)
    return whole


def check_findable(module: str | None) -> None:
    """Refuse a module that another process could not import: a notebook's or a script's own.

    Raises:
        PicklingError: it is one.
    """
    if module == "__main__" or getattr(sys.modules.get(module or ""), "__spec__", True) is None:
        raise pickle.PicklingError(f"{module} cannot be imported")
