"""Files whose whole content is known by its size and its SHA-256, gzipped or not.

A file is identified by its uncompressed content, because mirrors compress the same bytes differently.  It is read whole
and correct, or not at all.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

PIECE = 1 << 20  # content is read in pieces of this size, so that a lying file allocates nothing


class DataError(ValueError):
    """A data file that is not what it must be, or a data set that cannot be had."""


@contextmanager
def opened(path: Path) -> Iterator[BufferedIOBase]:
    """Return the uncompressed stream of a file; its first bytes tell whether it is gzipped.

    Raises:
        DataError: the file cannot be opened, or reading inside the block fails.
    """
    try:
        with path.open("rb") as stream:
            compressed = stream.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if compressed else path.open("rb") as stream:
            yield stream
    except (OSError, EOFError, zlib.error) as error:  # a damaged gzip stream raises any of the three
        raise DataError(f"{path}: cannot be read: {error or type(error).__name__}") from error


def read_at_most(stream: BufferedIOBase, size: int) -> bytes:
    """Return up to ``size`` bytes."""
    pieces = []
    while size > 0 and (piece := stream.read(min(size, PIECE))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def read_content(path: Path, size: int, sha256: str) -> bytes:
    """Return all of a file's uncompressed content.

    Args:
        path: the file, gzipped or raw.
        size: the number of bytes it must have.
        sha256: the SHA-256, in hexadecimal, that it must have.

    Raises:
        DataError: the file cannot be read or is not as expected; the line says what was found and what was expected.
    """
    with opened(path) as stream:
        content = read_at_most(stream, size + 1)  # one more than it may hold, to notice what is too much
    if len(content) != size:
        much = f"more than {size}" if len(content) > size else str(len(content))
        raise DataError(f"{path}: {much} bytes, expected {size}")
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise DataError(f"{path}: the content's SHA-256 is {actual}, expected {sha256}")
    return content
