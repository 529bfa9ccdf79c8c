"""What ``tinygrad-lab data`` shows and fetches."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinygrad_lab.data.content import DataError
from tinygrad_lab.data.download import cached_name, download
from tinygrad_lab.data.embedded import EMBEDDED, Embedded, available, check_name
from tinygrad_lab.data.locate import cache_folder, find
from tinygrad_lab.data.sources import SOURCES, DataFile, Source

Checksum = Literal["ok", "mismatch", "not found", "embedded"]


@dataclass(frozen=True)
class Entry:
    """A data set in the list.

    Args:
        name: as ``load_images``, ``load_text`` or ``load_pairs`` takes it.
        what: one line for a reader.
        licence: its licence.
        size: uncompressed bytes; None for what is made when it is asked for.
        found: the folder or package it is found in; None where it is not, or not complete.
        checksum: "ok"; "mismatch" (a file is corrupt, ``problem`` says which); "not found"; "embedded" (comes with the
            installation, checked whenever it is loaded).
        problem: what is wrong with a corrupt file.
    """

    name: str
    what: str
    licence: str
    size: int | None
    found: str | None
    checksum: Checksum
    problem: str | None = None


def catalogue() -> list[Entry]:
    """Return every data set, with its files found and checked now (about half a second each for
    MNIST and Fashion-MNIST).
    """
    return [*map(_entry, SOURCES.values()), *map(_embedded_entry, EMBEDDED.values())]


def fetch(name: str) -> Path:
    """Have all of a data set's files, whole and right, in the user's cache; corrupt ones there are replaced.

    Raises:
        ValueError: an unknown data set, or one that is not downloaded.
        DataError: a file that no mirror serves.
        ImportError: pooch or rich is not installed.
    """
    check_name(name)
    if name in EMBEDDED:
        raise ValueError(f"{name} comes with {EMBEDDED[name].package}: nothing to fetch")
    source = SOURCES[name]
    paths = [_cached(source, file) or download(source, file) for file in source.files]
    return paths[0].parent


def _cached(source: Source, file: DataFile) -> Path | None:
    cache = cache_folder()
    path = cache / source.folder / cached_name(file) if cache else None
    if path is None or not path.is_file():
        return None
    try:
        file.read(path)
    except DataError:
        return None
    return path


def _entry(source: Source) -> Entry:
    place, checksum, problem = _state(source)
    size = sum(file.size for file in source.files)
    return Entry(source.name, source.what, source.licence, size, place, checksum, problem)


def _state(source: Source) -> tuple[str | None, Checksum, str | None]:
    """(where found, checksum state, problem) of a data set in files."""
    paths = [path for file in source.files if (path := find(source, file))]
    if len(paths) < len(source.files):
        return None, "not found", None
    place = str(paths[0].parent)
    try:
        for path, file in zip(paths, source.files, strict=True):
            file.read(path)
    except DataError as error:
        return place, "mismatch", str(error)
    return place, "ok", None


def _embedded_entry(data: Embedded) -> Entry:
    here = available(data.name)
    checksum: Checksum = "embedded" if here else "not found"
    return Entry(data.name, data.what, data.licence, data.size, data.package if here else None, checksum)
