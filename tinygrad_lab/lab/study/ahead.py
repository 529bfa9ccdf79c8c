"""Runs of a study on all cores: made ahead by forked processes, which keep them for the study to find."""

import contextlib
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from tinygrad_lab.cores import cores
from tinygrad_lab.lab import console
from tinygrad_lab.lab.threads import one_thread

Call = Callable[[], Any]
Tell = Callable[[str, str, float], None]


class Reports:
    """Where finished runs are told, each once; ``Lab.train`` says title, outcome and seconds.

    Attributes:
        write: what hears of them.
    """

    def __init__(self, write: Tell) -> None:
        self.write = write
        self._ahead: Counter[str] = Counter()

    def made(self, title: str, outcome: str, seconds: float) -> None:
        """Tell of a run, unless it was made ahead, and told then."""
        if self._ahead[title]:
            self._ahead[title] -= 1
        else:
            self.write(title, outcome, seconds)

    def made_ahead(self, title: str, outcome: str, seconds: float) -> None:
        """Tell of a run that will be made again, from what was kept of it."""
        self._ahead[title] += 1
        self.write(title, outcome, seconds)


def make_ahead(calls: Sequence[Call], reports: Reports) -> None:
    """Make all calls, each in one of as many processes as there are cores, with one thread each.

    What a call returns is lost; what it keeps in files stays.  One that fails is left: whoever makes it again learns
    why.  Does nothing where processes cannot be forked.
    """
    count = min(cores(), len(calls))
    if count < 2 or "fork" not in multiprocessing.get_all_start_methods():
        return
    context = multiprocessing.get_context("fork")
    taken, pipes, workers = context.Value("i", 0), [], []
    try:
        for _ in range(count):
            here, there = context.Pipe(duplex=False)
            workers.append(context.Process(target=_work, args=(calls, taken, reports, there), daemon=True))
            workers[-1].start()
            there.close()
            pipes.append(here)
        while pipes:
            _hear(pipes, reports)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _hear(pipes: list[Connection], reports: Reports) -> None:
    ready = wait(pipes)
    for pipe in [pipe for pipe in pipes if pipe in ready]:
        try:
            reports.made_ahead(*pipe.recv())
        except EOFError:
            pipes.remove(pipe)


def _work(calls: Sequence[Call], taken: Any, reports: Reports, pipe: Connection) -> None:
    """Make one call after the other of those that nobody has taken, as long as there is a parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the parent's to end us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    console.stderr.quiet = True
    reports.write = lambda *run: pipe.send(run)
    parent = os.getppid()
    with one_thread():
        while os.getppid() == parent and (call := _next(calls, taken)):
            with contextlib.suppress(Exception):
                call()


def _next(calls: Sequence[Call], taken: Any) -> Call | None:
    with taken.get_lock():
        taken.value += 1
        return calls[taken.value - 1] if taken.value <= len(calls) else None
