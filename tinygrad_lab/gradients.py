"""Gradients as values: what ``backward()`` would add to ``grad``, handed out instead."""

from collections.abc import Iterable
from typing import Any

from tinygrad_lab.tensor import Tensor, backpropagate, wrap


def grad(
    output: Tensor, inputs: Tensor | Iterable[Tensor], gradient: Any = None, retain_graph: bool = False
) -> list[Tensor]:
    """Return the gradients of ``output`` by ``inputs``, leaves or interior, or one of them; no ``grad`` is touched.

    Raises:
        TypeError: something that is no Tensor.
        RuntimeError: an input that ``output`` does not depend on; what ``Tensor.backward`` raises.
    """
    _check("output", output)
    inputs = _tensors(inputs)
    watched = [(t, t._node) for t in inputs if t._node is not None and t._index not in t._node.retained]
    for tensor, _ in watched:
        tensor.retain_grad()
    try:
        gradients = {id(tensor): value for tensor, value in backpropagate(output, gradient, retain_graph)}
    finally:
        for tensor, node in watched:
            node.retained.pop(tensor._index, None)
    for position, tensor in enumerate(inputs):
        if id(tensor) not in gradients:
            raise RuntimeError(f"grad(): the output does not depend on input {position} of shape {tensor.shape}")
    return [wrap(gradients[id(tensor)]) for tensor in inputs]


def _tensors(inputs: Any) -> list[Tensor]:
    tensors = [inputs] if isinstance(inputs, Tensor) or not isinstance(inputs, Iterable) else list(inputs)
    for position, tensor in enumerate(tensors):
        _check(f"input {position}", tensor)
    return tensors


def _check(name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"grad: {name} must be a Tensor, got {type(value).__name__}")
