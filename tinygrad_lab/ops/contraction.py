"""Sums of products: matmul and einsum."""

from collections import Counter
from string import ascii_letters

import numpy as np

from tinygrad_lab.ops.elementwise import multiply
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.operation import Num, Result, operation
from tinygrad_lab.ops.shapes import unsqueeze
from tinygrad_lab.tensor import Tensor, unbroadcast
from tinygrad_lab.typing import Array, Gradients, Needs

# ---- matmul ---------------------------------------------------------------------------------------------------------


@operation(
    rule="""
    if ndim(input) == 1 and ndim(other) == 1:
        dinput = dy * other; dother = dy * input
    elif ndim(input) == 1 and ndim(other) == 2:
        dinput = other @ dy; dother = outer(input, dy)
    elif ndim(input) == 2 and ndim(other) == 1:
        dinput = outer(dy, other); dother = input.T @ dy
    elif ndim(input) == 1:
        dinput = sum_like(other @ dy[..., None], input[:, None])[:, 0]
        dother = outer(input, dy)
    elif ndim(other) == 1:
        dinput = outer(dy, other)
        dother = sum_like(input.T @ dy[..., None], other[:, None])[:, 0]
    elif ndim(dy) == 2 or shape(input)[:-2] == shape(other)[:-2]:
        dinput = dy @ other.T; dother = input.T @ dy
    else:
        dinput = sum_like(dy @ other.T, input); dother = sum_like(input.T @ dy, other)
    """,
)
def matmul(input: Num[Array, "..."], other: Num[Array, "..."]) -> Result:
    """(*n, i, j), (*n, j, k) -> (*n, i, k), batches broadcast; a vector is a row on the left, a column on the right.

    Raises:
        ValueError: the last dimension of ``input`` is not the last but one of ``other``; a number.
    """
    if not (input.ndim and other.ndim) or input.shape[-1] != other.shape[-2:][0]:
        raise ValueError(
            f"matmul: input of shape {input.shape} and other of shape {other.shape} do not fit, they must be "
            "(*n, i, j) and (*n, j, k)"
        )

    def backward(needs: Needs, dc: Array) -> Gradients:
        a = input if input.ndim > 1 else input[None, :]
        b = other if other.ndim > 1 else other[:, None]
        dc = dc if input.ndim > 1 else np.expand_dims(dc, -1 if other.ndim == 1 else -2)
        dc = dc if other.ndim > 1 else np.expand_dims(dc, -1)
        da = unbroadcast(dc @ b.swapaxes(-1, -2), a.shape).reshape(input.shape) if needs.input else None
        db = unbroadcast(a.swapaxes(-1, -2) @ dc, b.shape).reshape(other.shape) if needs.other else None
        return da, db

    return np.matmul(input, other), backward


@gated
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """(n, i, j), (n, j, k) -> (n, i, k)

    Raises:
        ValueError: an operand that does not have three dimensions, or batches that differ.
    """
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise ValueError(f"bmm: input and mat2 must be (n, i, j) and (n, j, k), got {input.shape} and {mat2.shape}")
    if input.dtype.kind == "b":
        raise TypeError("bmm: input and mat2 must be numbers, got booleans")
    return matmul(input, mat2)


@gated
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """(n,), (m,) -> (n, m)

    Raises:
        ValueError: an operand that is not a vector.
    """
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer: input and vec2 must be vectors, got shapes {input.shape} and {vec2.shape}")
    return multiply(unsqueeze(input, 1), vec2)


# ---- einsum ---------------------------------------------------------------------------------------------------------


@operation(
    rule="doperands[k] = einsum(adjoint(equation, k), dy, *without(operands, k), like=operands[k])",
)
def contract(equation: str, *operands: Num[Array, "..."]) -> Result:
    """``einsum`` with an explicit output and without an ellipsis."""
    left, output = equation.split("->")
    labels = left.split(",")

    def gradient(k: int, dy: Array) -> Array:
        """The gradient of operand k: the same contraction with dy in its place, and dy's labels for its own."""
        x, own = operands[k], "".join(dict.fromkeys(labels[k]))  # a repeated label, as in "ii", once
        others = [j for j in range(len(operands)) if j != k]
        terms = [output, *(labels[j] for j in others)]
        known = "".join(label for label in own if label in "".join(terms))
        g = _einsum(",".join(terms) + "->" + known, dy, *(operands[j] for j in others))
        # A label that stands nowhere else was summed alone: its gradient is the same all along it.
        g = g.reshape([g.shape[known.index(label)] if label in known else 1 for label in own])
        full = [x.shape[labels[k].index(label)] for label in own]
        stretched = tuple(axis for axis, size in enumerate(full) if size == 1 and g.shape[axis] != 1)
        g = np.broadcast_to(g.sum(axis=stretched, keepdims=True), full)
        if len(own) == len(labels[k]):
            return g
        dx = np.zeros(x.shape, g.dtype)
        np.einsum(f"{labels[k]}->{own}", dx)[...] = g  # einsum without a sum is a view: of the diagonal
        return dx

    def backward(needs: Needs, dy: Array) -> Gradients:
        return tuple(gradient(k, dy) if wanted else None for k, wanted in enumerate(needs))

    return _einsum(equation, *operands), backward


@gated
def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Sum of products in Einstein's notation: "ij,jk->ik"; "..." stands for broadcast dimensions.

    Raises:
        ValueError: an equation that is malformed, or does not fit the operands.
        TypeError: operands of few bits, whose sums would not fit into them.
    """
    if any(operand.dtype.itemsize == 1 for operand in operands):
        raise TypeError(f"einsum: operands must be floating point or int64, got {operands[0].dtype}")
    return contract(explicit(equation, [np.shape(operand) for operand in operands]), *operands)


def explicit(equation: str, shapes: list[tuple[int, ...]]) -> str:
    """Write the output of an equation out, and give each ellipsis letters of its own.

    Raises:
        ValueError: what is wrong with the equation, or where it does not fit the shapes.
    """
    left, arrow, output = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if set(left.replace("...", "") + output.replace("...", "")) - set(ascii_letters + ","):
        raise ValueError(f"einsum: equation must be made of letters, ',', '...' and one '->', got {equation!r}")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: equation {equation!r} names {len(terms)} operands, {len(shapes)} were given")
    hidden = [len(shape) - len(term.replace("...", "")) for term, shape in zip(terms, shapes, strict=True)]
    for term, shape, count in zip(terms, shapes, hidden, strict=True):
        if count < 0 or (count > 0 and "..." not in term) or term.count("...") > 1:
            raise ValueError(f"einsum: {term!r} in {equation!r} does not fit an operand of shape {shape}")
    spare = "".join(letter for letter in ascii_letters if letter not in equation)[: max(hidden)]
    terms = [t.replace("...", spare[len(spare) - n :]) for t, n in zip(terms, hidden, strict=True)]
    named = Counter(letter for term in terms for letter in term if letter not in spare)
    if not arrow:
        output = "..." + "".join(sorted(letter for letter, times in named.items() if times == 1))
    output = output.replace("...", spare)
    if len(set(output)) != len(output) or set(output) - {*named, *spare}:
        raise ValueError(f"einsum: output {output!r} of {equation!r} must name labels of the operands, each once")
    _check_sizes(equation, terms, shapes)
    return ",".join(terms) + "->" + output


def _check_sizes(equation: str, terms: list[str], shapes: list[tuple[int, ...]]) -> None:
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for label, size in zip(term, shape, strict=True):
            if sizes.setdefault(label, size) != size and 1 not in (size, sizes[label]):
                raise ValueError(f"einsum: label {label!r} in {equation!r} has the sizes {sizes[label]} and {size}")
            sizes[label] = size if sizes[label] == 1 else sizes[label]


def _einsum(equation: str, *operands: Array) -> Array:
    out = np.asarray(np.einsum(equation, *operands, optimize=len(operands) > 1))
    return out.copy() if len(operands) == 1 and np.may_share_memory(out, operands[0]) else out
