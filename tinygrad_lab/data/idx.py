"""The IDX format of MNIST: a big-endian header and then bytes, gzipped or not.

The header is a magic number (two zero bytes, a byte for the element type, a byte for the number of dimensions) and one
32-bit integer per dimension.  Only unsigned bytes are read, the type of every data set here: the magic number is 2051
for images and 2049 for labels.

As everywhere here, a file is identified by its uncompressed content, and read whole and correct or not at all.
"""

import hashlib
import struct
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from tinygrad_lab.data.content import DataError, opened, read_at_most
from tinygrad_lab.typing import Array

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, shape: tuple[int, ...] | None = None, sha256: str | None = None) -> UInt8[Array, "..."]:
    """Return the array in an IDX file of unsigned bytes, read-only.

    Args:
        path: the file, gzipped or raw; its first bytes tell which, not its name.
        shape: the shape it must have.
        sha256: the SHA-256, in hexadecimal, that its uncompressed content must have.

    Raises:
        DataError: the file cannot be read or is not as expected; the line says what was found and what was expected.
    """
    with opened(path) as stream:
        return _read_content(stream, path, shape, sha256)


def _read_content(stream: BufferedIOBase, path: Path, shape: tuple[int, ...] | None, sha256: str | None) -> np.ndarray:
    header, promised = _read_header(stream, path)
    if shape is not None and promised != shape:
        raise DataError(f"{path}: the header promises shape {promised}, expected {shape}")
    size = int(np.prod(promised, dtype=object))
    content = read_at_most(stream, size + 1)  # one more than it may hold, to notice what is too much
    if len(content) != size:
        much = f"more than {size}" if len(content) > size else str(len(content))
        raise DataError(f"{path}: {much} bytes after the header, expected {size} for shape {promised}")
    if sha256 is not None:
        digest = hashlib.sha256(header)
        digest.update(content)
        if digest.hexdigest() != sha256:
            raise DataError(f"{path}: the content's SHA-256 is {digest.hexdigest()}, expected {sha256}")
    return np.frombuffer(content, np.uint8).reshape(promised)


def _read_header(stream: BufferedIOBase, path: Path) -> tuple[bytes, tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:3] != bytes((0, 0, UNSIGNED_BYTE)) or magic[3] == 0:
        raise DataError(
            f"{path}: starts with {magic.hex(' ') or 'nothing'}, an IDX file of bytes starts with 00 00 08 and the "
            "number of dimensions"
        )
    rank = magic[3]
    lengths = stream.read(4 * rank)
    if len(lengths) < 4 * rank:
        raise DataError(f"{path}: {4 + len(lengths)} bytes of header, expected {4 + 4 * rank} for {rank} dimensions")
    return magic + lengths, struct.unpack(f">{rank}I", lengths)
