"""Tensors in safetensors files: eight bytes that say how long the header is, the header in JSON, the numbers.

A header is checked against the file's size before a number is read.  bfloat16, the upper half of a float32, which NumPy
lacks, is read as float32, exactly; float8 is refused by name.  A folder's tensors may lie in several files (shards),
with an index that says which is where.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tinygrad_lab.documents import document, open_file, parse, read_document, shown
from tinygrad_lab.typing import Array

HEADER = 8_000_000  # bytes, for some 100,000 tensors
LONG = 1_000_000  # bytes of a header that is looked at before it is parsed
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
DIMENSIONS = 32  # NumPy 1 has no more
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "|u1", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}  # fmt: skip


class Entry(NamedTuple):
    """Where a tensor lies in its file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int  # bytes


class TensorFile:
    """One safetensors file, of which the header has been read and found to fit.

    Attributes:
        metadata: what the header says besides, strings by name.
        entries: the tensors, by name, in the order in which they lie in the file.

    Raises:
        ValueError: there is no such file, it is cut off or damaged, or has tensors of a kind that is not read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            start, header = _header(file, size, path)
        self.metadata = _metadata(header.pop("__metadata__", {}), path)
        self.entries = _in_order({name: self._entry(name, about, start) for name, about in header.items()})
        self._check_places(start, size)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, Array]]:
        """Tensors, one by one, as arrays of their own.

        Raises:
            ValueError: the file has become shorter, or there is no room in memory.
        """
        with open_file(self.path) as file:
            for name in names:
                try:
                    yield name, _array(file, self.entries[name])
                except (OSError, MemoryError, EOFError, ValueError) as error:
                    raise ValueError(f"{self.path}: tensor {name} cannot be read: {error}") from error

    def _entry(self, name: str, about: Any, start: int) -> Entry:
        called = f"{self.path}: tensor {shown(name)}"
        fields = document(about, called)
        dtype, shape, offsets = (fields.get(field) for field in ("dtype", "shape", "data_offsets"))
        if not isinstance(dtype, str) or dtype not in DTYPES:
            which = " (float8)" if str(dtype).startswith("F8") else ""
            known = ", ".join(DTYPES)
            raise ValueError(f"{called} is of type {shown(dtype)}{which}, which is not read; those that are: {known}")
        if not _counts(shape) or len(shape) > DIMENSIONS:
            raise fields.wrong("shape", "a list of sizes")
        if not _counts(offsets) or len(offsets) != 2:
            raise fields.wrong("data_offsets", "two numbers")
        size = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
        if offsets[1] - offsets[0] != size:
            raise fields.wrong("data_offsets", f"{size} bytes apart for shape {shape}")
        return Entry(dtype, tuple(shape), start + offsets[0], size)

    def _check_places(self, start: int, size: int) -> None:
        """Raise ValueError unless the tensors fill the file, one after the other."""
        end = max((entry.begin + entry.size for entry in self.entries.values()), default=start)
        if end != size:
            raise ValueError(f"{self.path} is truncated or damaged: {size:,} bytes found, {end:,} expected")
        for name, entry in self.entries.items():
            if entry.begin != start:
                raise ValueError(f"{self.path} is damaged: tensor {shown(name)} does not begin where the last one ends")
            start += entry.size


def _header(file: BinaryIO, size: int, path: Path) -> tuple[int, dict[str, Any]]:
    """(Where the numbers begin, the header)"""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or 8 + length > size:
        raise ValueError(
            f"{path} is not a safetensors file, or truncated: {size:,} bytes found, at least {8 + length:,} expected"
        )
    if length > HEADER:
        raise ValueError(f"{path} has a header of {length:,} bytes, at most {HEADER:,} are taken")
    called = f"{path} ({size:,} bytes) is not a safetensors file: its header"
    text = file.read(length)
    if 12 * (text.count(b"[") + text.count(b"{")) > length > LONG:
        raise ValueError(f"{called} has more lists than tensors could have")  # each takes a hundred bytes of memory
    return 8 + length, dict(document(parse(text, called), called).fields)


def _metadata(metadata: Any, path: Path) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{path}: the header's __metadata__ must be strings by name, got {shown(metadata)}")
    return metadata


def _in_order(entries: dict[str, Entry]) -> dict[str, Entry]:
    return dict(sorted(entries.items(), key=lambda item: (item[1].begin, item[1].size)))


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**62 for value in values)


def _array(file: BinaryIO, entry: Entry) -> Array:
    array = np.empty(entry.shape, DTYPES[entry.dtype])
    file.seek(entry.begin)
    if array.size and file.readinto(array.reshape(-1).view(np.uint8)) != entry.size:  # type: ignore[attr-defined]
        raise EOFError("the file has become shorter")
    if entry.dtype == "BOOL":
        return array != 0
    return widened(array) if entry.dtype == "BF16" else array


def widened(halves: Array) -> Array:
    """The float32 numbers of which these are the upper 16 bits."""
    return np.asarray(halves.astype(np.uint32) << np.uint32(16)).view(np.float32)


# ---- folders ---------------------------------------------------------------------------------------------------------


def tensor_files(folder: Path) -> dict[Path, TensorFile]:
    """The safetensors files of a folder: the one, those that its index names, or, without either, all there are.

    Raises:
        ValueError: none; a file that cannot be read; a tensor that is in another file than the index says, or in two.
    """
    if (folder / INDEX).exists() and not (folder / SINGLE).exists():
        return _indexed(folder)
    alone = folder / SINGLE
    paths = [alone] if alone.exists() else sorted(folder.glob("*.safetensors"))
    if not paths:
        raise ValueError(f"{folder} has no safetensors file")
    files = {path: TensorFile(path) for path in paths}
    _check_once(files)
    return files


def read_folder(folder: Path) -> dict[str, Array]:
    """Every tensor of a folder's files, by name.

    Raises:
        ValueError: as ``tensor_files`` and ``TensorFile.read``.
    """
    return {name: array for file in tensor_files(folder).values() for name, array in file.read(file.entries)}


def _indexed(folder: Path) -> dict[Path, TensorFile]:
    places = read_document(folder / INDEX).section("weight_map")
    for name, file in places.fields.items():
        if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
            raise places.wrong(name, "the name of a safetensors file beside it")
    files = {folder / file: TensorFile(folder / file) for file in sorted(set(places.fields.values()))}
    if not files:
        raise ValueError(f"{folder / INDEX}: weight_map names no tensor")
    _check_once(files)
    for name, file in places.fields.items():
        if name not in files[folder / file].entries:
            raise ValueError(f"{folder / INDEX}: tensor {shown(name)} is not in {file}")
    return files


def _check_once(files: dict[Path, TensorFile]) -> None:
    seen: dict[str, Path] = {}
    for path, file in files.items():
        for name in file.entries:
            if name in seen:
                raise ValueError(f"{path}: tensor {shown(name)} is in {seen[name].name} too")
            seen[name] = path
