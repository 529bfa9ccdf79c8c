"""The workers of one model, as the training process sees them."""

import contextlib
import itertools
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array
from tinygrad_lab.workers.gradients import add
from tinygrad_lab.workers.likeness import Name
from tinygrad_lab.workers.nursery import new_worker
from tinygrad_lab.workers.shared import Layout, SharedArrays, allocate
from tinygrad_lab.workers.worker import Changed, Done, Failure, Job, Place, Value

MOST = 4  # crews at once: whoever keeps many models trains one or a few at a time


class Crew:
    """Worker processes that share a model's memory; they end when nobody refers to this any more."""

    def __init__(self, layout: Layout, workers: int) -> None:
        self.form = layout, workers
        self.lock = threading.RLock()  # one thread at a time speaks with the workers
        self._sent: tuple[bytes, Name] | None = None
        self._last: Callable[[], Task | None] = lambda: None
        descriptor = allocate(layout, workers)
        try:
            self.memory = SharedArrays(descriptor, layout, workers)
            self.hands = [Hand(new_worker(descriptor), Place(layout, workers, k)) for k in range(workers)]
        finally:
            os.close(descriptor)
        weakref.finalize(self, _dismiss, self.hands)

    def begin(
        self, picture: tuple[bytes, Name], tensors: Sequence[Tensor], batches: list[bytes], seeds: list[int]
    ) -> "Task":
        """Start a step; the one before it is brought to its end first."""
        with self.lock:
            if (last := self._last()) is not None:
                last.keep()
            for hand in self.hands:
                hand.answer(1)
            for shared, tensor in zip(self.memory.parameters, tensors, strict=True):
                shared[...] = tensor._data
            changed = None if picture == self._sent else Changed(*picture, sys.path)
            self._sent = None  # until all of them have it
            for part, (hand, batch) in enumerate(zip(self.hands, batches, strict=True), 1):
                hand.start(Job(changed, batch, part, seeds, np.geterr()))
            self._sent = picture
            task = Task(self)
            self._last = weakref.ref(task)
            return task

    def usable(self) -> bool:
        return not any(hand.lost for hand in self.hands)


class Task:
    """One step of a crew: the values of its parts, then the gradients."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._answers: list[tuple[Any, Any]] | None = None  # once another step has taken the memory
        self._kept: list[list[Array]] = []

    def values(self) -> list[Array]:
        """Return the losses of the parts.

        Raises:
            RuntimeError: a worker has ended.
            Exception: whatever a worker's part raised, forward.
        """
        return [answer.value for answer in self._received(0)]

    def add_to(self, totals: list[Array | None], dy: Array) -> None:
        """Add dy times each part's gradients, in the order of the parts; the errors are as above."""
        with self._crew.lock:
            answers = self._received(1)
            sources = self._crew.memory.gradients if self._answers is None else self._kept
            for done, gradients in zip(answers, sources, strict=True):
                for number in done.parameters:
                    add(totals, number, gradients[number] if dy == 1 else gradients[number] * dy)

    def keep(self) -> None:
        """Take what the workers have found out of the memory, which the next step needs."""
        with self._crew.lock:
            if self._answers is None:
                self._answers = [(hand.answer(0), hand.answer(1)) for hand in self._crew.hands]
                self._kept = [[g.copy() for g in gradients] for gradients in self._crew.memory.gradients]

    def _received(self, place: int) -> list[Any]:
        with self._crew.lock:
            if self._answers is None:
                answers = [hand.answer(place) for hand in self._crew.hands]
            else:
                answers = [pair[place] for pair in self._answers]
        for answer in answers:
            if isinstance(answer, Failure):
                raise answer.error
        return answers


class Hand:
    """One worker: what it is given, and what it has answered to that."""

    def __init__(self, channel: Connection, place: Place) -> None:
        self._channel = channel
        self._owner = os.getpid()
        self.pid: int | None = None
        self._answers: list[Value | Done | Failure] = []
        self._owes = False
        self.lost = False
        self._speak(lambda: channel.send(place))

    def start(self, job: Job) -> None:
        self._answers, self._owes = [], True
        self._speak(lambda: self._channel.send(job))

    def answer(self, place: int) -> Value | Done | Failure | None:
        """Return the answer to the job in that place, or the failure that stands for it; waits."""
        while self._owes and len(self._answers) <= place:
            self._answers.append(self._next())
            self._owes = isinstance(self._answers[-1], Value)
        return self._answers[min(place, len(self._answers) - 1)] if self._answers else None

    def _next(self) -> Any:
        if self.pid is None:
            self.pid = self._speak(self._channel.recv)
        return self._speak(self._channel.recv)

    def _speak(self, say: Callable[[], Any]) -> Any:
        """Send or receive.  Whoever is interrupted in the middle of a message is not understood again."""
        if self._owner != os.getpid():  # it would take the answers that its parent waits for
            raise RuntimeError("this process is a fork: a step belongs to the process that began it")
        try:
            if self.lost:
                raise EOFError
            return say()
        except (EOFError, ConnectionError):
            self.dismiss()
            raise RuntimeError(
                f"a worker process ({self.pid or 'just started'}) has ended in the middle of its work: killed from "
                "outside, or out of memory. The next step starts another; TINYGRAD_LAB_WORKERS=1 works without any"
            ) from None
        except BaseException:
            self.dismiss()
            raise

    def dismiss(self) -> None:
        """Let the worker go: idle, it ends as its channel is closed; at work, it is killed."""
        if self.lost:
            return
        self.lost = True
        if self._owes and self.pid is not None and self._owner == os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._channel.close()


def _dismiss(hands: list[Hand]) -> None:
    for hand in hands:
        hand.dismiss()


# ---- the crews of all models ----------------------------------------------------------------------

_lock = threading.Lock()
_crews: "weakref.WeakKeyDictionary[Any, Crew]" = weakref.WeakKeyDictionary()  # last used last


def crew_of(model: Any, layout: Layout, workers: int) -> Crew:
    """Return the model's crew; a new one if it has none, or one of another form, or one that lost a worker."""
    with _lock:
        crew = _crews.pop(model, None)
        if crew is None or crew.form != (layout, workers) or not crew.usable():
            crew = Crew(layout, workers)
        _crews[model] = crew
        for longest_unused in list(itertools.islice(_crews, max(0, len(_crews) - MOST))):
            del _crews[longest_unused]
        return crew


def _forget() -> None:
    """A fork of the training process has no workers: it would speak in the middle of its parent's words."""
    global _lock, _crews
    _lock, _crews = threading.Lock(), weakref.WeakKeyDictionary()


os.register_at_fork(after_in_child=_forget)
