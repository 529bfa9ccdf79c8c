"""Downloads into the user's cache, checked before they get their name there."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinygrad_lab.data.idx import DataError, read_idx
from tinygrad_lab.data.locate import cache_folder, how_to_get
from tinygrad_lab.data.sources import IdxFile, Source

TIMEOUT = 10.0  # seconds without an answer after which a mirror counts as dead
PIECE = 1 << 16


def download(source: Source, file: IdxFile) -> Path:
    """Fetch one file from the first mirror that serves it whole and right, and return its path in the cache.

    Raises:
        ImportError: pooch or rich is not installed.
        DataError: no mirror served it; the message has each mirror's failure and the other ways to get the file.
    """
    folder = _own_folder(source)
    failures = []
    for mirror in source.mirrors:
        address = f"{mirror}{file.name}.gz"
        try:
            return _download_from(address, folder / f"{file.name}.gz", file)
        except (OSError, DataError) as error:  # requests' errors are OSErrors
            failures.append(f"  {address}: {error}")
    raise DataError(
        "\n".join([f"{source.name}: {file.name} could not be had; downloads:", *failures, how_to_get(source, file)])
    )


def _own_folder(source: Source) -> Path:
    cache = cache_folder()
    if cache is None or importlib.util.find_spec("rich") is None:
        raise ImportError(f"downloading {source.name} needs pooch and rich: pip install tinygrad-lab[lab]")
    folder = cache / source.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _download_from(address: str, path: Path, file: IdxFile) -> Path:
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


def _check(downloaded: Path, file: IdxFile) -> None:
    try:
        read_idx(downloaded, file.shape, file.sha256)
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
