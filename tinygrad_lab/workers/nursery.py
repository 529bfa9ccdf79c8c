"""The process that workers are forked from: clean, small, and alive as long as the training process.

Why not fork the training process itself?  A fork copies one thread only.  Whatever another thread
held at that moment stays locked for ever in the child, and libraries with threads of their own
(torch's OpenMP, a BLAS in the middle of a product) are left without them: most of the time it
works, some day it hangs.  Why not start every worker from nothing, as multiprocessing's "spawn"
does?  An interpreter that imports NumPy and the engine takes a third of a second, each time, and
"spawn" runs the user's script again.  So a fresh interpreter is started once, imports the engine,
never makes a thread, and forks whenever a worker is asked for.

Measured, until the first word from a new process: fork of a small process 1.5 ms, of one with
torch and 500 MB 18 ms (and every page written after that is copied); a new interpreter 350 ms and
more; from the nursery 350 ms for the first worker, 2 to 3 ms for each after that, whatever the
training process holds.

The nursery and its workers are a session of their own: Ctrl-C in a terminal reaches the training
process alone.  When that one ends, in whichever way, the kernel closes the socket between them; the
nursery, which does nothing but read from it, then kills the session, workers in mid-step included.
"""

import atexit
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from tinygrad_lab.workers import worker

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from tinygrad_lab.workers.nursery import main; main(int(sys.argv[1]))"
)
# One thread for each library that products may come from; and freed memory is kept for the next
# step (glibc's names, as in lab/allocator.py), which a process that does nothing else always wants.
SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


# ---- in the training process ----------------------------------------------------------------------


class Nursery:
    """The training process's end of it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", START, str(theirs.fileno()), json.dumps(sys.path)]
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **SETTINGS},
            )

        self.pid = self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, memory: int) -> Connection:
        """Ask for a worker with that memory; return the channel to it, before it is there."""
        mine, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._socket, [b"w"], [theirs.fileno(), memory])
            except OSError:
                mine.close()
                raise
        return Connection(mine.detach())

    def close(self) -> None:
        """End it and all its workers."""
        self._socket.close()
        self._process.wait()

    def forget(self) -> None:
        """Close what a fork of the training process has inherited: only its parent speaks here."""
        self._socket.close()
        self._process.returncode = 0  # not this process's child: nothing to wait for


_lock = threading.Lock()
_nursery: Nursery | None = None


def new_worker(memory: int) -> Connection:
    """Have a worker started; the nursery too, if there is none or somebody has killed it."""
    global _nursery
    with _lock:
        if _nursery is not None and not _nursery.alive():
            _nursery.close()
            _nursery = None
        if _nursery is None:
            _nursery = Nursery()
        return _nursery.fork(memory)


def processes() -> list[int]:
    """Return the nursery and its workers, if there are any: who measures memory must count them."""
    if _nursery is None:
        return []
    return [_nursery.pid, *_children(_nursery.pid)]


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has just ended
        return []


@atexit.register
def close() -> None:
    """End the nursery and with it all workers."""
    global _nursery
    if _nursery is not None:
        _nursery.close()
        _nursery = None


def _forget() -> None:
    global _nursery, _lock
    _lock = threading.Lock()  # whoever held it is not in this process
    if _nursery is not None:
        _nursery.forget()
        _nursery = None


os.register_at_fork(after_in_child=_forget)


# ---- in the nursery -------------------------------------------------------------------------------


def main(descriptor: int) -> None:
    """Fork a worker for every message, until the training process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    gc.freeze()  # a collection writes into every object: memory that workers share would be theirs twice
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets workers that have ended
    with socket.socket(fileno=descriptor) as requests:
        while True:
            message, descriptors, *_ = socket.recv_fds(requests, 1, 2)
            if not message:
                os.killpg(os.getpid(), signal.SIGKILL)  # itself too: it leads the group
            if os.fork() == 0:
                requests.detach()
                os.close(descriptor)
                _live(*descriptors)
            for inherited in descriptors:
                os.close(inherited)


def _live(channel: int, memory: int) -> None:
    """What a worker's life is, between its fork and its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    gc.enable()
    try:
        with contextlib.suppress(EOFError, ConnectionError):  # the training process has let it go
            worker.serve(Connection(channel), memory)
    finally:
        sys.stdout.flush()
        os._exit(0)
