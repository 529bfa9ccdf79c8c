"""Every array that NumPy allocates is counted, by a memory handler of our own (NumPy's NEP 49).

NumPy asks the handler of the running context for memory. Ours counts the request and passes it on
to the handler that was there before. Freeing goes there directly, without Python: an array may
live longer than the count, or the interpreter.
"""

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGE = 2**17  # bytes: from here on the C library asks the system for fresh pages

GET_HANDLER, SET_HANDLER = (
    305,
    304,
)  # the places of PyDataMem_... in the table of NumPy's C functions
CAPSULE = b"mem_handler"
Size, Pointer = ctypes.c_size_t, ctypes.c_void_p
# Of the Python kind, which keep the interpreter: NumPy's own handler lets go of it when it likes.
Malloc = ctypes.PYFUNCTYPE(Pointer, Pointer, Size)
Calloc = ctypes.PYFUNCTYPE(Pointer, Pointer, Size, Size)
Realloc = ctypes.PYFUNCTYPE(Pointer, Pointer, Pointer, Size)


@dataclass
class Allocations:
    """What was asked for: bytes in all, and how many blocks of at least ``LARGE`` bytes."""

    bytes: int = 0
    large: int = 0

    def add(self, size: int) -> None:
        self.bytes += size
        self.large += size >= LARGE


class Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler, in whose functions the context comes first."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", Pointer),
        ("malloc", Malloc),
        ("calloc", Calloc),
        ("realloc", Realloc),
        ("free", Pointer),
    )


class Counter:
    """The one handler that counts, into whichever ``Allocations`` are open.

    There is one for all counts, and its handler is never freed, not even when the interpreter ends:
    arrays that were made under it point to it.
    """

    def __init__(self) -> None:
        self.open = Allocations()
        capsule = _function(GET_HANDLER)()
        before = Handler.from_address(_api().PyCapsule_GetPointer(capsule, CAPSULE))
        self._before = capsule, before
        self._handler = Handler.from_buffer_copy(before)
        self._handler.name = b"tinygrad_lab's count"
        self._handler.malloc = Malloc(self._malloc)
        self._handler.calloc = Calloc(self._calloc)
        self._handler.realloc = Realloc(self._realloc)
        _api().Py_IncRef(self._handler)  # once more than anybody lets go of it
        self.capsule = _api().PyCapsule_New(ctypes.addressof(self._handler), CAPSULE, None)

    def _malloc(self, context: Any, size: int) -> Any:
        self.open.add(size)
        return self._before[1].malloc(context, size)

    def _calloc(self, context: Any, count: int, size: int) -> Any:
        self.open.add(count * size)
        return self._before[1].calloc(context, count, size)

    def _realloc(self, context: Any, block: Any, size: int) -> Any:
        self.open.add(size)
        return self._before[1].realloc(context, block, size)


@contextmanager
def counted() -> Iterator[Allocations]:
    """Count what NumPy allocates in this block, in this thread."""
    counter = _counter()
    counter.open = Allocations()
    before = _function(SET_HANDLER)(counter.capsule)
    try:
        yield counter.open
    finally:
        _function(SET_HANDLER)(before)


@functools.cache
def _counter() -> Counter:
    return Counter()


@functools.cache
def _function(place: int) -> Any:
    """A function of NumPy's C interface that returns a handler."""
    table = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]  # C extensions do
    functions = ctypes.cast(_api().PyCapsule_GetPointer(table, None), ctypes.POINTER(Pointer))
    arguments = (ctypes.py_object,) if place == SET_HANDLER else ()
    return ctypes.PYFUNCTYPE(ctypes.py_object, *arguments)(functions[place])


@functools.cache
def _api() -> Any:
    """Python's own C interface."""
    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
    api.PyCapsule_GetPointer.restype = Pointer
    api.PyCapsule_New.argtypes = (Pointer, ctypes.c_char_p, Pointer)
    api.PyCapsule_New.restype = ctypes.py_object
    api.Py_IncRef.argtypes = (ctypes.py_object,)
    return api
