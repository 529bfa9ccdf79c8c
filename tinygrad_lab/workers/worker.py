"""What a worker does: for each job the loss of its part of the batch, forward, and at once backward.

It does not wait to be told to go backward.  A loss is one number, so its gradients for an incoming
dy are dy times those for 1; and whoever asks for a loss with gradients on nearly always wants them.
"""

import os
import pickle
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from tinygrad_lab.modes import state
from tinygrad_lab.random import streams
from tinygrad_lab.typing import Array
from tinygrad_lab.workers.gradients import by_number
from tinygrad_lab.workers.likeness import Name, made_from, named
from tinygrad_lab.workers.shared import Layout, SharedArrays


@dataclass
class Place:
    """A worker's first message: which memory it shares, and which of its gradients are its own."""

    layout: Layout
    workers: int
    number: int


@dataclass
class Changed:
    """The model and the loss from now on; and where modules are found."""

    likeness: bytes
    loss: Name
    path: list[str]


@dataclass
class Job:
    """A part of a batch, and what its numbers depend on besides the model."""

    changed: Changed | None  # None: the model is as it was
    batch: bytes
    part: int
    seeds: list[int]  # of the model's generators, drawn from each for this step
    errors: Any  # NumPy's, on overflow and the like


@dataclass
class Value:
    """The loss of the part."""

    value: Array


@dataclass
class Done:
    """The gradients of these parameters, by number, are in the memory."""

    parameters: list[int]


@dataclass
class Failure:
    """What was raised instead."""

    error: BaseException


def serve(channel: Connection, descriptor: int) -> None:
    """Do jobs until the channel is closed."""
    channel.send(os.getpid())
    place = channel.recv()
    worker = Worker(SharedArrays(descriptor, place.layout, place.workers), place.number)
    while True:
        message = channel.recv_bytes()
        try:
            for answer in worker.answers(pickle.loads(message)):
                channel.send(answer)
        except (EOFError, ConnectionError):
            raise
        except BaseException as error:  # SystemExit too: it is the loss's, and the user must see it
            channel.send(Failure(_portable(error)))


class Worker:
    """The model as this process has it."""

    def __init__(self, memory: SharedArrays, number: int) -> None:
        for array in memory.parameters:
            array.flags.writeable = False  # a loss that changes a parameter must not do it unseen
        self._parameters = memory.parameters
        self._gradients = memory.gradients[number]
        self._untaken: Changed | None = None

    def answers(self, job: Job) -> Iterator[Value | Done]:
        """The value of this part, as soon as it is known, then the gradients."""
        self._untaken = job.changed or self._untaken  # if it fails, it fails again in the next step
        if self._untaken is not None:
            self._take_up(self._untaken)
            self._untaken = None
        own = streams(job.seeds, job.part)
        state.streams = {id(self.generators[number]): own[number] for number in self.generators}
        with np.errstate(**job.errors):
            root = self.loss(self.model, pickle.loads(job.batch))
            yield Value(np.asarray(root._data))
            yield Done(self._write(root))

    def _take_up(self, changed: Changed) -> None:
        sys.path[:] = changed.path
        self.loss = named(changed.loss)
        self.model, self.tensors, self.generators = made_from(changed.likeness, self._parameters)

    def _write(self, root: Any) -> list[int]:
        found = by_number(self.tensors, root)
        for number, gradient in found.items():
            self._gradients[number][...] = gradient
        return list(found)


def _portable(error: BaseException) -> BaseException:
    """The error in a form that can be sent, with where it was raised."""
    where = "".join(traceback.format_tb(error.__traceback__))
    try:
        error = pickle.loads(pickle.dumps(error))
    except Exception:  # it has something in it that cannot be sent: its kind and words can
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"Raised in a worker process, which works on a part of the batch:\n{where}")
    return error
