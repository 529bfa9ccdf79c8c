"""Downloads into the user's cache, checked before they get their name there."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tinygrad_lab.data.content import DataError
from tinygrad_lab.data.locate import cache_folder, find, how_to_get
from tinygrad_lab.data.sources import DataFile, Source
from tinygrad_lab.files import written

TIMEOUT = 10.0  # seconds without an answer after which a mirror counts as dead
PATIENCE = 30.0  # seconds in which something must come
SLOWEST = 1000  # bytes a second that count as something
SLACK = 1 << 16  # bytes by which a compressed file may exceed what is in it
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
        except (OSError, ValueError) as error:  # requests' errors are OSErrors, an address that is none a ValueError
            failures.append(f"  {address}: {error}")
    raise DataError(
        "\n".join([f"{source.name}: {file.name} could not be had; downloads:", *failures, how_to_get(source, file)])
    )


def _own_folder(source: Source) -> Path:
    cache = cache_folder()
    if cache is None or importlib.util.find_spec("rich") is None:
        raise ImportError(f"downloading {source.name} needs pooch and rich: pip install 'tinygrad-lab[lab]'")
    folder = cache / source.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _download_from(address: str, path: Path, file: DataFile) -> Path:
    """Download to a temporary file beside ``path``, check the content, then rename: whole and right, or not there."""
    with written(path) as temporary:
        with open(temporary, "wb") as out, _progress(file.name) as tell:
            for piece in _pieces(address, file.size):
                out.write(piece)
                tell(len(piece))
        _check(temporary, file)
    return path


def _pieces(address: str, size: int) -> Iterator[bytes]:
    """What is served, as it comes; no more than a file of ``size`` bytes can be, and not for ever.

    Raises:
        OSError, ValueError: no such server, no answer, an address that is none.
        DataError: more comes than can be the file, or next to nothing.
    """
    import requests
    from urllib3.exceptions import HTTPError

    limit = size + SLACK if address.endswith(".gz") else size  # what is small can grow by being compressed
    try:
        with requests.get(address, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            yield from _limited(partial(response.raw.read1, PIECE, decode_content=True), limit)
    except HTTPError as error:
        raise OSError(str(error)) from error


def _limited(read: Callable[[], bytes], limit: int) -> Iterator[bytes]:
    """Read to the end, unless that is too far or too long away."""
    total = before = 0
    since = time.monotonic()
    while piece := read():
        total += len(piece)
        if total > limit:
            raise DataError(f"more than {limit:,} bytes are served, more than the file can have")
        yield piece
        if time.monotonic() - since > PATIENCE:
            if total - before < PATIENCE * SLOWEST:
                raise DataError(f"it has stalled: {total - before:,} bytes in {PATIENCE:.0f} seconds")
            before, since = total, time.monotonic()


def _check(downloaded: Path, file: DataFile) -> None:
    try:
        file.read(downloaded)
    except DataError as error:
        reason = str(error).removeprefix(f"{downloaded}: ")
        raise DataError(f"what was served is not the file: {reason}") from error


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, and a function that tells it how many bytes have come."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=None)
        yield lambda count: progress.update(task, advance=count)
