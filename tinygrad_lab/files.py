"""Files that are written whole, and folders that one process at a time writes into.

A file is written beside its final place, flushed to disk and renamed: whoever kills the process, at
whatever instant, leaves the old file or the new one, whole.  What a killed process leaves behind has
a name of its own and is no longer locked; the next one that writes into the folder clears it away.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

UNFINISHED = ".tinygrad-lab-{}.part"  # a file on its way to its place
LOCK = ".tinygrad-lab.lock"  # names the process that works in a folder

_numbers = count()


class InUseError(Exception):
    """Another process works in a folder; the message names both."""


# ---- files -------------------------------------------------------------------------------------------


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Put content into a file, in place of what was there; text as UTF-8.

    Raises:
        OSError: the file cannot be written; an old one is untouched.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with written(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def written(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Name a temporary file; when the block ends well, it takes the place of ``path``.

    Raises:
        OSError: nothing can be written there; an old file is untouched.
    """
    place = _checked(path)
    clear(place.parent)
    temporary, lock = _begin(place.parent)
    try:
        if place.exists():
            temporary.chmod(stat.S_IMODE(place.stat().st_mode))
        yield temporary
        settle(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(lock)


def settle(temporary: Path, place: Path) -> None:
    """Flush a finished file to disk and give it its name, so that neither is undone by a power cut."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_out(path: str | os.PathLike[str]) -> None:
    """Find out whether a file could be written, before the work that is to go into it.

    Raises:
        OSError: it could not.
    """
    temporary, lock = _begin(_checked(path).parent)
    temporary.unlink(missing_ok=True)
    os.close(lock)


def try_folder(folder: Path) -> None:
    """Find out whether a folder is there, or could be made, and be written into; it is not made.

    Raises:
        OSError: it could not.
    """
    there = folder
    while not os.path.lexists(there):
        there = there.parent
    if not stat.S_ISDIR(os.stat(there).st_mode):
        raise OSError(errno.ENOTDIR, f"{there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, f"{there} may not be written into")


def clear(folder: Path) -> None:
    """Remove the temporary files in a folder that no living process is writing."""
    for path in folder.glob(UNFINISHED.format("*")):
        with suppress(OSError):  # somebody else's, who has left it for himself to clear
            lock = _open_locked(path, os.O_RDWR)
            if lock is not None:
                path.unlink(missing_ok=True)
                os.close(lock)


def _checked(path: str | os.PathLike[str]) -> Path:
    """The place itself, where ``path`` is a link to it; it is a file that may be replaced, or nothing is there."""
    if os.path.lexists(path):
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:  # a link to where nothing is yet
            mode = stat.S_IFREG
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is there, and it is no file")
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise OSError(errno.EACCES, "it may not be changed")
    return Path(os.path.realpath(path))


def _begin(folder: Path) -> tuple[Path, int]:
    """A new temporary file, and a lock on it for as long as the process lives."""
    while True:
        temporary = folder / UNFINISHED.format(f"{os.getpid()}-{next(_numbers)}")
        lock = _open_locked(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        if lock is not None:
            return temporary, lock


def _open_locked(path: Path, flags: int) -> int | None:
    """A descriptor that holds the lock of the file called ``path``; None where somebody else has the one or the other.

    Raises:
        OSError: the file can be neither opened nor made.
    """
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:
        return None
    except FileNotFoundError:
        if flags & os.O_CREAT or not path.parent.is_dir():  # a folder that takes no files, as /proc, or none
            raise
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):  # or it was removed before it was locked
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


# ---- folders -----------------------------------------------------------------------------------------


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Work in a folder, which is made if need be, as the only process that does.

    The system forgets the lock with the process, however that ends.  A folder made here that stays empty goes again.

    Raises:
        InUseError: another process works there.
        OSError: nothing can be written there.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = _open_locked(path, os.O_RDWR | os.O_CREAT)
    if lock is None:
        raise InUseError(f"{folder} is in use by process {_holder(path)}")
    try:
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        clear(folder)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)
        with suppress(OSError):  # not empty
            for empty in made:
                empty.rmdir()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "unknown"
    except OSError:  # it has just ended
        return "unknown"
