"""Where data files are looked for, in this order:

1. the folder named by the environment variable ``TINYGRAD_LAB_DATA``,
2. the folders of the system's data packages (Debian's ``dataset-fashion-mnist`` installs there),
3. the user's cache, which ``fetch`` fills.

Everywhere the layout is the same: ``<folder>/<source.folder>/<file>``, the file gzipped (``.gz``) or not.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from tinygrad_lab.data.content import DataError
from tinygrad_lab.data.sources import DataFile, Source

VARIABLE = "TINYGRAD_LAB_DATA"
SYSTEM_FOLDERS = (Path("/usr/local/share/datasets"), Path("/usr/share/datasets"))


def cache_folder() -> Path | None:
    """Return the user's cache on this platform; None without pooch, which alone writes there."""
    try:
        import pooch
    except ImportError:
        return None
    return Path(pooch.os_cache("tinygrad-lab"))


def places() -> Iterator[tuple[str, Path]]:
    """Yield (what it is, folder) of every place that is searched, in order.

    Raises:
        DataError: the environment variable names something that is not a folder.
    """
    named = os.environ.get(VARIABLE)
    if named:
        folder = Path(os.path.expanduser(named))  # as it is where there is no home
        if not folder.is_dir():
            raise DataError(f"{VARIABLE} is {named!r}, which is not a folder")
        yield VARIABLE, folder
    for folder in SYSTEM_FOLDERS:
        yield "data packages of the system", folder
    cache = cache_folder()
    if cache is not None:
        yield "cache", cache


def find(source: Source, file: DataFile) -> Path | None:
    """Return the first place's copy of a file, not opened yet; None where no place has one.

    The first copy counts even when it turns out to be corrupt: that is an error to report, not to step over.
    """
    for _, folder in places():
        for name in (f"{file.name}.gz", file.name):
            path = folder / source.folder / name
            if path.is_file():
                return path
    return None


def how_to_get(source: Source, file: DataFile) -> str:
    """Return several lines: where the file was looked for and what a user can do about it."""
    looked = [f"  {folder / source.folder}  ({what})" for what, folder in places()]
    if not os.environ.get(VARIABLE):
        looked.insert(0, f"  {VARIABLE} is not set")
    ways = [
        f"  set {VARIABLE} to a folder that holds {source.folder}/{file.name} (or the same with .gz)",
    ]
    if source.mirrors:
        ways.append(f"  run `tinygrad-lab data fetch {source.name}` where there is a network")
    if source.package:
        ways.insert(0, f"  {source.package}")
    return "\n".join(["looked in:", *looked, "ways to get it:", *ways])
