"""A step whose first part is done here, and the others by the model's workers."""

import pickle

import numpy as np

from tinygrad_lab.cores import one_blas_thread
from tinygrad_lab.typing import Array
from tinygrad_lab.workers.crew import Task, crew_of
from tinygrad_lab.workers.likeness import likeness, name_of
from tinygrad_lab.workers.shared import layout_of
from tinygrad_lab.workers.step import Step, Work


def begun(step: Step) -> "OnWorkers | None":
    """Run a step forward, all parts but the first on workers; None where that cannot be done.

    It cannot be done for what has no copy in another process: a model or a loss that is defined in a
    notebook or within a function.
    """
    try:
        picture = likeness(step.model, step.parameters, step.generators), name_of(step.loss)
        batches = [pickle.dumps(batch, protocol=5) for batch in step.batches[1:]]
    except Exception:  # pickling runs the code of what is pickled, which may raise anything
        return None
    crew = crew_of(step.model, layout_of(step.parameters), len(batches))
    return OnWorkers(step, crew.begin(picture, step.parameters, batches, step.seeds))


class OnWorkers(Work):
    """The first part here, the others on the workers of the model."""

    def __init__(self, step: Step, task: Task) -> None:
        self.step, self._task = step, task
        with one_blas_thread():
            self._root = step.value(0)
        self.value = np.asarray(sum(task.values(), self._root._data))

    def gradients(self, dy: Array) -> list[Array | None]:
        with one_blas_thread():
            totals = self.step.gradients(self._root, dy)
        self._task.add_to(totals, dy)
        return [totals[number] for number in self.step.learning]
