"""``tinygrad-lab bench --peers``: the engine against other engines, on two models.

The same formulas for everybody, in elementary operations, the loss and all gradients: a
perceptron with one hidden layer, and attention with one head. No fused operation, not even ours:
what is compared are tapes, backwards and calls. Who is not installed, or cannot run here, is
named in one line.
"""

import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lab import Tensor
from tinygrad_lab.lab import bench, console
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.measuring import machine
from tinygrad_lab.lab.measuring.spread import with_quartiles
from tinygrad_lab.random import generator

Arrays = list[np.ndarray]
Loss = Callable[..., Any]
Row = dict[str, Any]


# ---- the models ----------------------------------------------------------------------------------


def perceptron(x: Any, target: Any, w1: Any, b1: Any, w2: Any, b2: Any, of: Any) -> Any:
    """Cross-entropy of a hidden layer of tanh.   x (N, D), target (N, C) one-hot -> a scalar"""
    logits = of.tanh(x @ w1 + b1) @ w2 + b2
    return of.sum(of.log(of.sum(of.exp(logits), 1))) - of.sum(logits * target)


def attention(x: Any, w_q: Any, w_k: Any, w_v: Any, of: Any) -> Any:
    """The square of what one head gives.   x (B, T, D) -> a scalar"""
    scores = of.exp((x @ w_q) @ of.turned(x @ w_k) * (1 / math.sqrt(w_k.shape[1])))
    given = (scores @ (x @ w_v)) / of.sum(scores, 2)
    return of.sum(given * given)


def models() -> dict[str, tuple[Loss, Arrays, Arrays]]:
    """Return by name the loss, what it is given, and the weights that it is differentiated by."""
    rng = generator(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, shape[-2] ** -0.5 if len(shape) > 1 else 1, shape).astype(np.float32)

    target = np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)]
    layers = [normal(256, 512), normal(512), normal(512, 10), normal(10)]
    return {
        "perceptron": (perceptron, [normal(128, 256), target], layers),
        "attention": (attention, [normal(8, 64, 64)], [normal(64, 64) for _ in range(3)]),
    }


# ---- the libraries -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """A library: what it is imported as, and how it finds the gradients of a loss."""

    name: str
    module: str
    prepare: Callable[[Loss, Arrays, Arrays], Callable[[], Any]]  # what it returns finds all gradients


class Methods:
    """Functions of a loss, where tensors have them as methods."""

    def __init__(self, axis: str = "axis", keep: str = "keepdims") -> None:
        self._axis, self._keep = axis, keep

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return lambda x: getattr(x, name)()

    def sum(self, x: Any, axis: int | None = None) -> Any:
        return x.sum() if axis is None else x.sum(**{self._axis: axis, self._keep: True})

    def turned(self, x: Any) -> Any:
        return x.transpose(-1, -2)


class Functions:
    """Functions of a loss, where they stand in a module that is spelled as NumPy is."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def sum(self, x: Any, axis: int | None = None) -> Any:
        return self._module.sum(x, axis=axis, keepdims=axis is not None)

    def turned(self, x: Any) -> Any:
        return self._module.swapaxes(x, -1, -2)


def engine(loss: Loss, given: Arrays, weights: Arrays) -> Callable[[], Arrays]:
    """Return a function that works out the engine's gradients of a loss."""
    fixed, learned = [Tensor(x) for x in given], [Tensor(w, requires_grad=True) for w in weights]
    return lambda: _backward(loss, fixed, learned, Methods("dim", "keepdim"))


def _torch(loss: Loss, given: Arrays, weights: Arrays) -> Callable[[], Arrays]:
    import torch

    fixed = [torch.from_numpy(x) for x in given]
    learned = [torch.from_numpy(w).requires_grad_() for w in weights]
    return lambda: _backward(loss, fixed, learned, Methods("dim", "keepdim"))


def _tinygrad(loss: Loss, given: Arrays, weights: Arrays) -> Callable[[], Arrays]:
    from tinygrad import Tensor as Lazy

    fixed, learned = [Lazy(x) for x in given], [Lazy(w) for w in weights]
    of = Methods("axis", "keepdim")
    return lambda: [found.numpy() for found in loss(*fixed, *learned, of=of).gradient(*learned)]


def _backward(loss: Loss, fixed: list[Any], learned: list[Any], of: Any) -> Arrays:
    for weight in learned:
        weight.grad = None
    loss(*fixed, *learned, of=of).backward()
    return [weight.grad.numpy() for weight in learned]


def _mygrad(loss: Loss, given: Arrays, weights: Arrays) -> Callable[[], Arrays]:
    import mygrad

    learned = [mygrad.tensor(w) for w in weights]

    def step() -> Arrays:
        loss(*given, *learned, of=Functions(mygrad)).backward()
        return [weight.grad for weight in learned]

    return step


def _autograd(loss: Loss, given: Arrays, weights: Arrays) -> Callable[[], Arrays]:
    import autograd
    import autograd.numpy

    find = autograd.grad(lambda learned: loss(*given, *learned, of=Functions(autograd.numpy)))
    return lambda: find(weights)


PEERS = (
    Peer("PyTorch", "torch", _torch),
    Peer("HIPS autograd", "autograd", _autograd),
    Peer("MyGrad", "mygrad", _mygrad),
    Peer("tinygrad", "tinygrad", _tinygrad),
)


# ---- the table -----------------------------------------------------------------------------------


def run(slugs: Sequence[str], variant: str | None, size: str, fields: Sequence[str], repeats: int) -> list[Row]:  # noqa: ARG001
    """Measure each peer that is there on both models, in turns with the engine.

    Raises:
        UsageError: papers or fields are named; the models here are of no paper.
    """
    if slugs or variant or fields:
        raise UsageError("bench --peers has its own models: it takes no paper, no variant and no fields")
    keep_freed_memory()
    rows = []
    for peer in PEERS:
        if importlib.util.find_spec(peer.module) is None:
            console.stderr.print(f"{peer.name} is not installed: pip install {peer.module}")
            continue
        rows += [_measure(peer, name, model, repeats) for name, model in models().items()]
    return [row for row in rows if row]


def _measure(peer: Peer, name: str, model: tuple[Loss, Arrays, Arrays], repeats: int) -> Row:
    """A row; nothing where the peer cannot run here."""
    try:
        theirs = peer.prepare(*model)
        theirs()
    except Exception as error:  # whatever another library does not find on this machine
        console.stderr.print(f"{peer.name} cannot run {name} here: {str(error).splitlines()[0]}")
        return {}
    ours, others = bench.alternate([engine(*model), theirs], repeats)
    times = {"numpy_ms": 1e3 * ours, "peer_ms": 1e3 * others, "ratio": ours / others}
    return {"peer": peer.name, "model": name, **times, "repeats": repeats}


def print_rows(rows: Sequence[Row]) -> None:
    """The table; a ratio below 1 means that the engine is faster."""
    lines = [
        (
            row["peer"],
            row["model"],
            *(with_quartiles(row[key]) for key in ("numpy_ms", "peer_ms", "ratio")),
        )
        for row in rows
    ]
    columns = ("peer", "model", "engine ms", "peer ms", "ratio")
    title = f"Loss and gradients in elementary operations\n{machine.line(machine.machine())}"
    console.print_table(title, columns, lines, right=columns[2:])
