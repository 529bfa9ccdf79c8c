"""Downloads into the user's cache, checked before they get their name there."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinygrad_lab.data.content import DataError
from tinygrad_lab.data.locate import cache_folder, find, how_to_get
from tinygrad_lab.data.sources import DataFile, Source

TIMEOUT = 10.0  # seconds without an answer after which a mirror counts as dead
PIECE = 1 << 16


def obtain(source: Source, file: DataFile) -> Path:
    """Return the first place's copy of a file, not opened yet; downloaded where no place has one.

    Raises:
        ImportError, DataError: as ``download``.
    """
    return find(source, file) or download(source, file)


def cached_name(file: DataFile) -> str:
    """Return a file's name in the cache: as a mirror serves it, compressed or not."""
    return f"{file.name}.gz" if file.remote.endswith(".gz") else file.name


def download(source: Source, file: DataFile) -> Path:
    """Fetch one file from the first mirror that serves it whole and right, and return its path in the cache.

    Raises:
        ImportError: pooch or rich is not installed.
        DataError: no mirror served it; the message has each mirror's failure and the other ways to get the file.
    """
    folder = _own_folder(source)
    failures = [] if source.mirrors else ["  it is served nowhere"]
    for mirror in source.mirrors:
        address = f"{mirror}{file.remote}"
        try:
            return _download_from(address, folder / cached_name(file), file)
        except (OSError, DataError) as error:  # requests' errors are OSErrors
            failures.append(f"  {address}: {error}")
    raise DataError(
        "\n".join([f"{source.name}: {file.name} could not be had; downloads:", *failures, how_to_get(source, file)])
    )


def _own_folder(source: Source) -> Path:
    cache = cache_folder()
    if cache is None or importlib.util.find_spec("rich") is None:
        raise ImportError(f"downloading {source.name} needs pooch and rich: pip install tinygrad-lab[lab]")
    folder = cache / source.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _download_from(address: str, path: Path, file: DataFile) -> Path:
    """Download to a temporary file beside ``path``, check the content, then rename: whole and right, or not there."""
    import pooch

    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}-", dir=path.parent)
    os.close(handle)
    try:
        with _progress(file.name) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=PIECE, timeout=TIMEOUT)(address, temporary, None)
        _check(Path(temporary), file)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def _check(downloaded: Path, file: DataFile) -> None:
    try:
        file.read(downloaded)
    except DataError as error:
        reason = str(error).removeprefix(f"{downloaded}: ")
        raise DataError(f"what was served is not the file: {reason}") from error


class _Bar:
    """A rich progress bar with the four names that pooch calls."""

    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task = progress, task
        self.total = 0

    def update(self, count: int) -> None:
        self._progress.update(self._task, advance=count, total=self.total or None)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Nothing to do: leaving the ``with`` below ends the bar."""


@contextmanager
def _progress(label: str) -> Iterator[_Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bar(progress, progress.add_task(label, total=None))
