"""What an operator's bad day does to a process: a full disk, no rights, odd places, clocks that run backwards.

Each trouble is put on in a fork, which ends with it, so nothing is ever taken back.
"""

import ctypes
import errno
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

MINE = "mine"  # what stands in files that are not ours
CAPABILITIES = 0x20080522  # the version of the kernel's interface
Trouble = Callable[[Path, Path, Random], None]  # given the folder, the output in it, and a draw


# ---- disks -------------------------------------------------------------------------------------


def small_disk(_folder: Path, _output: Path, draw: Random) -> None:
    """No file can be longer than so."""
    most = draw.choice((0, 1, 100, 4096, draw.randrange(100_000)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def full_disk(folder: Path, _output: Path, draw: Random) -> None:
    """At some file that is begun, renamed or made a folder, and perhaps from there on, there is no room."""
    numbers, first = count(), draw.randrange(12)
    last = first if draw.random() < 0.5 else sys.maxsize
    code = draw.choice((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS))

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if _changes(event, arguments, str(folder)) and first <= next(numbers) <= last:
            raise OSError(code, os.strerror(code), str(arguments[0]))

    sys.addaudithook(heard)


def _changes(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    if event not in ("open", "os.rename", "os.mkdir") or not str(arguments[0]).startswith(folder):
        return False
    return event != "open" or bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def failing_disk(_folder: Path, _output: Path, draw: Random) -> None:
    """What is written cannot be brought to the disk, from some file on."""
    before, numbers, first = os.fsync, count(), draw.randrange(6)

    def fsync(descriptor: int) -> None:
        if next(numbers) >= first:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        before(descriptor)

    os.fsync = fsync


# ---- places ------------------------------------------------------------------------------------


def no_rights(folder: Path, _output: Path, _draw: Random) -> None:
    """Nothing may be written into the folder, not even by root."""
    folder.chmod(0o555)
    libc = ctypes.CDLL(None, use_errno=True)
    none = (ctypes.c_uint32 * 6)()
    if libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES, 0), none):
        raise OSError(ctypes.get_errno(), "capset")


def a_file(_folder: Path, output: Path, _draw: Random) -> None:
    output.write_text(MINE)


def a_pipe(_folder: Path, output: Path, _draw: Random) -> None:
    os.mkfifo(output)


def a_loop(_folder: Path, output: Path, _draw: Random) -> None:
    output.symlink_to(output.name)


def a_folder_of_others(_folder: Path, output: Path, _draw: Random) -> None:
    output.mkdir()
    (output / "thesis.tex").write_text(MINE)


def no_current_folder(folder: Path, _output: Path, _draw: Random) -> None:
    """Somebody has removed the folder in which the command is run."""
    (folder / "gone").mkdir()
    os.chdir(folder / "gone")
    (folder / "gone").rmdir()


# ---- clocks ------------------------------------------------------------------------------------


def clocks_backwards(_folder: Path, _output: Path, draw: Random) -> None:
    """Each look at a clock finds it earlier than before."""
    for name in ("time", "perf_counter"):
        setattr(time, name, _backwards(getattr(time, name)(), draw))


def _backwards(now: float, draw: Random) -> Callable[[], float]:
    def look() -> float:
        nonlocal now
        now -= draw.choice((0.0, 1e-6, 0.1, 3600.0))
        return now

    return look


def clock_of_1970(_folder: Path, _output: Path, _draw: Random) -> None:
    time.time = lambda: 0.5


# ---- what a process inherits -------------------------------------------------------------------

NOWHERE = "/nonexistent/folder"
HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
ENVIRONMENTS: dict[str, dict[str, str | None]] = {  # for a new process; None is not set
    "no HOME": dict.fromkeys(HOMES),
    "HOME nowhere": dict.fromkeys(HOMES, NOWHERE),
    "TMPDIR nowhere": {"TMPDIR": NOWHERE},
    "neither": {**dict.fromkeys(HOMES), "TMPDIR": NOWHERE},
}
PASSING: dict[str, Trouble] = {  # after which the command is run again, in the same place
    "small disk": small_disk, "full disk": full_disk, "failing disk": failing_disk, "no rights": no_rights,
    "clocks backwards": clocks_backwards, "clock of 1970": clock_of_1970, "no current folder": no_current_folder,
}  # fmt: skip
LASTING: dict[str, Trouble] = {
    "a file": a_file, "a pipe": a_pipe, "a loop": a_loop, "a folder of others": a_folder_of_others,
}  # fmt: skip
