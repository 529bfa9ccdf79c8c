"""What an answer's gradients are held against: the engine's backward, numerical derivatives, and PyTorch's autograd."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Answer, Exercise
from tinygrad_lab.nn import functional
from tinygrad_lab.tensor import Tensor

STEP = 1e-6  # of numerical derivatives, by the size of an entry
EXACT = {"float64": 1e-9, "float32": 1e-4}  # tolerances, by the size of the largest entry
NUMERICAL = 1e-5

Gradients = list[np.ndarray]


@dataclass(frozen=True)
class Witness:
    """One opinion on what the gradients of a case are."""

    name: str
    gradients: Gradients
    tolerance: float


def witnesses(exercise: Exercise, case: Case) -> Iterator[Witness]:
    """Ask the engine; the numerical derivative where it means something; PyTorch where it is installed."""
    y, _ = exercise.answer(**case.fresh())
    dy = case.incoming(y)
    exact = EXACT[str(y.dtype)]
    yield Witness("the engine", engine(exercise, case, dy), exact)
    if case.smooth:
        yield Witness("the numerical derivative", numerical(exercise, case, dy), NUMERICAL)
    if has_torch():
        yield Witness("PyTorch", pytorch(exercise, case, dy), exact)


def has_torch() -> bool:
    """Tell whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def engine(exercise: Exercise, case: Case, dy: np.ndarray) -> Gradients:
    """Return the gradients by the engine's own operation."""
    return engine_answer(exercise)(**case.fresh())[1](dy)


def engine_answer(exercise: Exercise) -> Callable[..., tuple[np.ndarray, Callable[[np.ndarray], Gradients]]]:
    """Return the engine's operation as an answer to the exercise: (*arguments) -> y, backward."""

    def answer(**arguments: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Gradients]]:
        tensors = {
            name: Tensor(value, requires_grad=name in exercise.inputs) if _is_real(value) else value
            for name, value in arguments.items()
        }
        y = exercise.engine(functional, **tensors)

        def backward(dy: np.ndarray) -> Gradients:
            y.backward(Tensor(dy))
            return [np.array(tensors[name].grad) for name in exercise.inputs]

        return np.array(y.detach()), backward

    return answer


def numerical(exercise: Exercise, case: Case, dy: np.ndarray) -> Gradients:
    """Return the gradients as slopes: each entry moved a little to both sides."""
    arguments = case.fresh()
    return [_slopes(exercise.answer, arguments, name, dy) for name in exercise.inputs]


def _slopes(answer: Answer, arguments: dict[str, Any], name: str, dy: np.ndarray) -> np.ndarray:
    x = arguments[name]
    slopes = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = STEP * max(1.0, abs(float(x[index])))
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            sides.append(answer(**{**arguments, name: moved})[0])
        slopes[index] = float((dy * (sides[0] - sides[1])).sum()) / (2 * step)
    return slopes


def pytorch(exercise: Exercise, case: Case, dy: np.ndarray) -> Gradients:
    """Return the gradients by PyTorch's autograd."""
    import torch

    tensors: dict[str, Any] = {
        name: torch.tensor(value, requires_grad=name in exercise.inputs) if isinstance(value, np.ndarray) else value
        for name, value in case.fresh().items()
    }
    if exercise.torch is None:
        y = exercise.engine(torch.nn.functional, **tensors)
    else:
        y = exercise.torch(torch, **tensors)
    y.backward(torch.tensor(dy))
    return [tensors[name].grad.numpy() for name in exercise.inputs]


def _is_real(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
