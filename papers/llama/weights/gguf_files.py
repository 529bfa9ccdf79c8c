"""GGUF, the format of llama.cpp: a header of typed fields, a list of tensors, and their numbers, mostly quantised.

Every count and length is compared with what is left of the file before it is used.  Only dequantising, the part that
has a rule for each of some thirty types, is left to the gguf library.
"""

import math
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lab.documents import open_file, shown

MAGIC, VERSIONS = b"GGUF", (2, 3)
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
LONGEST = 1 << 21  # entries of an array: the largest vocabularies have a quarter of a million
FIELDS, TENSORS, DIMENSIONS = 10_000, 100_000, 4
ALIGNMENT = 32


class Stored(NamedTuple):
    """Where a tensor lies in its file, and as what."""

    kind: Any  # gguf.GGMLQuantizationType
    shape: tuple[int, ...]  # of the numbers
    begin: int
    size: int  # bytes


class GGUFFile:
    """A file whose header has been read and found to fit.

    Attributes:
        fields: by key.
        tensors: by name.

    Raises:
        ValueError: there is no such file, or it is broken or cut off.
    """

    def __init__(self, path: Path, library: Any) -> None:
        self.path, self.library = path, library
        self.fields: dict[str, Any] = {}
        self.tensors: dict[str, Stored] = {}
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    self._read(Cursor(content, size))
            except (ValueError, OSError, OverflowError) as error:
                raise ValueError(f"{path} is no whole GGUF file: {error}") from error

    def numbers(self) -> Iterator[tuple[str, np.ndarray]]:
        """The tensors one by one, dequantised to float32.

        Raises:
            ValueError: the file has become shorter, or a type that the library cannot dequantise.
        """
        for name in self.tensors:
            yield name, self.array(name)

    def array(self, name: str) -> np.ndarray:
        """One tensor, dequantised to float32."""
        stored = self.tensors[name]
        content = np.empty((*stored.shape[:-1], stored.size // math.prod(stored.shape[:-1])), np.uint8)
        with open_file(self.path) as file:
            file.seek(stored.begin)
            if file.readinto(content.reshape(-1)) != stored.size:  # type: ignore[attr-defined]
                raise ValueError(f"{self.path}: tensor {name} cannot be read: the file has become shorter")
        try:
            return np.asarray(self.library.dequantize(content, stored.kind), np.float32)
        except (NotImplementedError, ValueError) as error:
            raise ValueError(f"{self.path}: tensor {name} is of type {stored.kind.name}: {error}") from error

    def _read(self, cursor: "Cursor") -> None:
        if cursor.take(4) != MAGIC:
            raise ValueError("it does not begin as one")
        if (version := cursor.scalar("<I")) not in VERSIONS:
            raise ValueError(f"it is of version {version}, those that are read are 2 and 3")
        tensors, fields = cursor.count(TENSORS, 24, "tensors"), cursor.count(FIELDS, 13, "fields")
        for _ in range(fields):
            key = cursor.string()
            if key in self.fields:
                raise ValueError(f"field {shown(key)} comes twice")
            self.fields[key] = cursor.value(key)
        found = [self._info(cursor) for _ in range(tensors)]
        self._place(found, cursor)

    def _info(self, cursor: "Cursor") -> tuple[str, tuple[int, ...], int, int]:
        """(Name, shape, type, offset)"""
        name, dimensions = cursor.string(), cursor.scalar("<I")
        if not 1 <= dimensions <= DIMENSIONS:
            raise ValueError(f"tensor {shown(name)} has {dimensions} dimensions")
        shape = tuple(reversed([cursor.scalar("<Q") for _ in range(dimensions)]))
        return name, shape, cursor.scalar("<I"), cursor.scalar("<Q")

    def _place(self, found: list[tuple[str, tuple[int, ...], int, int]], cursor: "Cursor") -> None:
        alignment = self.fields.get("general.alignment", ALIGNMENT)
        if type(alignment) is not int or not 1 <= alignment <= 1 << 20:
            raise ValueError(f"general.alignment must be a whole number from 1 up, got {shown(alignment)}")
        start = -(-cursor.place // alignment) * alignment
        for name, shape, number, offset in found:
            kind, size = self._size(name, shape, number)
            if start + offset + size > cursor.size or name in self.tensors:
                raise ValueError(f"tensor {shown(name)} ends behind the end of the file, or comes twice")
            self.tensors[name] = Stored(kind, shape, start + offset, size)

    def _size(self, name: str, shape: tuple[int, ...], number: int) -> tuple[Any, int]:
        """(The type, how many bytes the tensor takes)"""
        try:
            kind = self.library.GGMLQuantizationType(number)
        except ValueError:
            raise ValueError(f"tensor {shown(name)} is of type {number}, which is none") from None
        together, size = self.library.GGML_QUANT_SIZES[kind]
        if not all(shape) or shape[-1] % together:
            raise ValueError(f"tensor {shown(name)} of type {kind.name} has shape {shape}")
        return kind, math.prod(shape) // together * size


class Cursor:
    """A place in a file, from which one value after the other is taken."""

    def __init__(self, content: Any, size: int) -> None:
        self.content, self.size, self.place = content, size, 0

    def take(self, size: int) -> bytes:
        """So many bytes."""
        if size > self.size - self.place:
            raise ValueError(f"{self.size:,} bytes found, at least {self.place + size:,} expected")
        self.place += size
        return bytes(self.content[self.place - size : self.place])

    def scalar(self, kind: str) -> Any:
        """One number."""
        return struct.unpack(kind, self.take(struct.calcsize(kind)))[0]

    def count(self, most: int, least: int, called: str) -> int:
        """How many things come, of which each takes ``least`` bytes or more."""
        number = int(self.scalar("<Q"))
        if number > most or number * least > self.size - self.place:
            raise ValueError(f"it says that it has {number:,} {called}, which is more than it can have")
        return number

    def string(self) -> str:
        """A length and a text of so many bytes."""
        try:
            return self.take(int(self.scalar("<Q"))).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"a text in it is no UTF-8: {error}") from error

    def value(self, key: str) -> Any:
        """A value with its type before it."""
        kind = self.scalar("<I")
        if kind == STRING:
            return self.string()
        if kind in SCALARS:
            return self.scalar(SCALARS[kind])
        if kind != ARRAY:
            raise ValueError(f"field {shown(key)} is of type {kind}, which is none")
        kind = self.scalar("<I")
        if kind == STRING:
            return [self.string() for _ in range(self.count(LONGEST, 8, f"entries in {key}"))]
        if kind not in SCALARS:
            raise ValueError(f"field {shown(key)} is an array of type {kind}, which is not read")
        size = struct.calcsize(SCALARS[kind])
        number = self.count(LONGEST, size, f"entries in {key}")
        return np.frombuffer(self.take(number * size), np.dtype(SCALARS[kind])).tolist()
