"""Whose memory an array is, and whether it has changed: what the tape must know of NumPy's arrays.

Several arrays may look at the same memory.  So a gradient may be added to in place only where
nobody else holds it (``Sum``, ``Owners``), and a backward may run only if what it saved is what it
was (``check_unchanged``).  Nothing here knows of Tensors or of derivatives.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import CellType, ModuleType
from typing import Any

import numpy as np

# How often memory was changed in place; then weak references to the tensors that were found to share it.
Counter = list[Any]
FORGET_EVERY = 256  # so many references, those to dead tensors are dropped

# An array as the tape remembers it, without keeping it alive: weak references to it and to the array that
# it is a view of, the counter of in-place changes that all tensors on that memory share, and where the
# counter stood. A plain tuple, since every operation makes a few.
Remembered = tuple["weakref.ref[np.ndarray]", "weakref.ref[np.ndarray] | None", Counter, int]


def remembered(array: np.ndarray, counter: Counter) -> Remembered:
    """Remember an array; a view may be gone when the memory it looked at is still in use through another one."""
    base = array.base
    return weakref.ref(array), weakref.ref(base) if type(base) is np.ndarray else None, counter, counter[0]


class Sum:
    """A gradient being summed: the first contribution by reference, from the second on our own."""

    __slots__ = ("array", "owned")

    def __init__(self, array: Any = None, owned: bool = False) -> None:
        self.array = array  # an np.ndarray; None until the first contribution
        self.owned = owned  # whether nobody else holds it, so that it may be added to in place

    def add(self, contribution: np.ndarray) -> None:
        if self.array is None:
            self.array = contribution
        elif self.owned:
            self.array += contribution
        else:
            self.array, self.owned = np.asarray(self.array + contribution), True

    def own(self) -> np.ndarray:
        """Return the sum in memory that nobody else holds."""
        array: np.ndarray = self.array
        return array if self.owned else array.copy()


class Owners:
    """Whose memory the arrays are that one step of the walk has to do with."""

    __slots__ = ("_users",)

    def __init__(self, arrays: Iterable[np.ndarray | None]) -> None:
        self._users: dict[int, int] = {}  # how many of the arrays look at each memory
        for array in arrays:
            if array is not None:
                owner = _owner(array)
                self._users[owner] = self._users.get(owner, 0) + 1

    def alone(self, array: np.ndarray) -> bool:
        """Tell whether the memory of one of the arrays is none of the others', and may be written to."""
        return array.flags.writeable and self._users[_owner(array)] == 1


def _owner(array: np.ndarray) -> int:
    """The identity of the array that owns the memory which this one looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return id(array)


def looks_at(array: np.ndarray, source: np.ndarray) -> bool:
    """Tell whether ``array``, which was made of ``source``, may share its memory."""
    if array.base is source:  # NumPy says so itself; without elements nothing is shared
        return array.size > 0
    return np.may_share_memory(array, source)


def share(counter: Counter, source: Any, view: Any) -> None:
    """Note that two tensors look at the memory that ``counter`` stands for."""
    if len(counter) == 1:
        counter.append(weakref.ref(source))
    counter.append(weakref.ref(view))
    if len(counter) % FORGET_EVERY == 0:
        counter[1:] = [reference for reference in counter[1:] if reference() is not None]


def others(counter: Counter, tensor: Any) -> list[Any]:
    """Return the other tensors, still in use, that look at the same memory."""
    return [found for reference in counter[1:] if (found := reference()) is not None and found is not tensor]


def check_unchanged(arrays: Iterable[Remembered], backward: Callable[..., Any], operation: str) -> None:
    """Raise a RuntimeError if an array was changed in place and ``backward`` reads that memory."""
    for reference, base, counter, version in arrays:
        if counter[0] == version:
            continue
        array = reference()
        if array is None and base is not None:
            array = base()
        if array is not None and any(np.may_share_memory(array, kept) for kept in _arrays_in(backward, [])):
            raise RuntimeError(
                f"a tensor of shape {array.shape} that {operation!r} saved for its backward was changed in place "
                f"(version {counter[0]}, saved at {version}): call backward() first, or change a clone()"
            )


def _arrays_in(value: Any, seen: list[Any]) -> Iterator[np.ndarray]:
    """Every array a backward closure holds, however deep: in tuples, objects, other functions; each object once."""
    if isinstance(value, np.ndarray):
        yield value
    elif not any(value is other for other in seen):
        seen.append(value)
        for item in _inside(value):
            yield from _arrays_in(item, seen)


def _inside(value: Any) -> Iterable[Any]:
    """What an object holds; not what a Tensor, which has slots, or the whole tape would be looked at."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, type | ModuleType):
        return ()
    cells = getattr(value, "__closure__", None) or ()
    held = [cell.cell_contents for cell in cells if cell != CellType()]
    return *held, *getattr(value, "__dict__", {}).values(), getattr(value, "__self__", None)
