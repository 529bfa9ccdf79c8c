"""What the recurrent layers share: the memory layout, sequences of several lengths, and the products outside the loop.

Inside, memory is (T, features, B), the batch innermost: a step is one contiguous block, each gate is one contiguous
block of it, and the product in the loop, ``weight_hh (G, H) @ h (H, B)``, has the form that BLAS is fastest at.

    a (T, G, B)  =  weight_ih (G, I) @ x (T, I, B) + bias_ih (G) + bias_hh (G)        in the loop:  += weight_hh @ h

G is the number of rows of both weights: H for a plain RNN, 3 H or 4 H for an LSTM.
"""

from collections.abc import Iterator

import numpy as np

from tinygrad_lab.ops.kernels.inputs import Inputs
from tinygrad_lab.typing import Array, Gradients, Needs

MANY = 8  # steps that pay for a copy of the weight
STRIP = 32  # rows of a weight


class Sequences:
    """The order in which the steps of a padded batch are visited: every sequence begins at step 0 of that order.

    Args:
        input: (T, B, I), for its first two sizes.
        lengths: (B,) true lengths; None if all are T long.
        reverse: each sequence is visited from its own last step to its first.
    """

    def __init__(self, input: Array, lengths: Array | None, reverse: bool) -> None:
        self.steps, self.batch, _ = input.shape
        self.lengths, self.reverse = lengths, reverse
        if lengths is not None:
            step, self.rows = np.arange(self.steps)[:, None], np.arange(self.batch)
            self.ended = step >= lengths  # (T, B)
            self.mirrored = np.where(self.ended, step, lengths - 1 - step)

    def visits(self, x: Array) -> Array:
        """(T, B, F) in order of time -> in order of visits, and back: it is its own inverse."""
        if not self.reverse:
            return x
        return x[::-1] if self.lengths is None else x[self.mirrored, self.rows]

    def close(self, gate: Array, value: float) -> None:
        """Set a gate's pre-activation, (T, F, B), at all steps after a sequence's end."""
        if self.lengths is not None:
            batch_first(gate)[self.ended] = value

    def outputs(self, h: Array) -> tuple[Array, Array]:
        """States (T + 1, H, B) -> output (T, B, H), zero after a sequence's end, and the last state (B, H)."""
        output = batch_first(h[1:])
        if self.lengths is None:
            return self.visits(output), output[-1].copy()
        last = output[self.lengths - 1, self.rows]
        output = output.copy()
        output[self.ended] = 0
        return self.visits(output), last

    def incoming(self, doutput: Array | None, dlast: Array | None, h: Array) -> Array:
        """Return what each step's h receives from outside the loop.    -> (T, H, B)

        It comes through output and last state.
        """
        dh = np.zeros_like(h[1:]) if doutput is None else np.array(batch_last(self.visits(doutput)), order="C")
        self.close(dh, 0.0)
        if dlast is not None:
            ends = self.steps - 1 if self.lengths is None else self.lengths - 1
            batch_first(dh)[ends, slice(None) if self.lengths is None else self.rows] += dlast
        return dh


def batch_last(x: Array) -> Array:
    """(T, B, F) -> (T, F, B), a view."""
    return x.transpose(0, 2, 1)


def batch_first(x: Array) -> Array:
    """(T, F, B) -> (T, B, F), a view."""
    return x.transpose(0, 2, 1)


def states(initial: Array, steps: int) -> Array:
    """(T + 1, H, B), the first filled from (B, H), the others to be filled by the loop."""
    h = np.empty((steps + 1, *initial.T.shape), initial.dtype)
    h[0] = initial.T
    return h


def last_gradient(dlast: Array | None, states: Array) -> Array:
    """Return what a last state (B, H) receives from outside, as an array (H, B) of our own."""
    return np.zeros_like(states[0]) if dlast is None else np.array(dlast.T, order="C")


def backwards(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Yield one step of each array at a time, from the last step to the first."""
    return zip(*(array[::-1] for array in arrays), strict=True)


def transposed(weight_hh: Array, steps: int) -> Array:
    """Return weight_hh (G, H) as (H, G); copied, for many steps, into the order that BLAS reads it in.

    Every step back multiplies by it, and each time BLAS rearranges it, faster if its rows lie in memory
    one after the other.  The copy goes by strips: a whole column of the weight would not stay in the cache.
    """
    if steps < MANY:
        return weight_hh.T
    copied = np.empty(weight_hh.T.shape, weight_hh.dtype)
    for first in range(0, len(weight_hh), STRIP):
        strip = slice(first, first + STRIP)
        copied[:, strip] = weight_hh[strip].T
    return copied


def features_first(x: Array) -> Array:
    """Return an empty array of the size of x (T, F, B), laid out as (F, T, B), seen as (T, F, B).

    In it every step of every sequence is one column of a matrix (F, T B), ready for the products over all steps.
    """
    steps, features, batch = x.shape
    return np.empty((features, steps, batch), x.dtype).transpose(1, 0, 2)


def gradients(needs: Needs, da: Array, x: Inputs, h: Array, sequences: Sequences) -> Gradients:
    """da (T, G, B), x (T, B, I), h (T + 1, H, B) -> gradients of input, both weights, both biases."""
    dinput = dweight_ih = dweight_hh = dbias_ih = dbias_hh = None
    columns = as_columns(da)
    if needs.input:
        dinput = sequences.visits(x.gradient(columns))
    if needs.weight_ih:
        dweight_ih = x.weight_gradient(columns)
    if needs.weight_hh:
        dweight_hh = columns @ as_columns(h[:-1]).T
    if needs.bias_ih or needs.bias_hh:
        dbias_ih = columns @ np.ones(columns.shape[1], da.dtype)
        dbias_hh = dbias_ih.copy()
    return dinput, dweight_ih, dweight_hh, dbias_ih, dbias_hh


def as_columns(x: Array) -> Array:
    """(T, F, B) -> (F, T B); no copy of what ``features_first`` made."""
    return x.transpose(1, 0, 2).reshape(x.shape[1], x.shape[0] * x.shape[2])


def check(
    name: str,
    blocks: int,
    input: Array,
    states: dict[str, Array],
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    lengths: Array | None,
) -> None:
    """Refuse what does not fit together; ``blocks`` is the number of rows of the weights for each unit.

    Raises:
        ValueError: names the argument, its shape, and what it must be.
    """
    steps, batch, features = input.shape
    rows, units = weight_hh.shape
    if rows != blocks * units:
        raise ValueError(f"{name}: weight_hh has shape {weight_hh.shape}, it must be ({blocks} H, H)")
    if steps == 0:
        raise ValueError(f"{name}: input has shape {input.shape}, a sequence must have at least one step")
    state, row = (batch, units), (rows,)
    expected = {"weight_ih": (weight_ih, (rows, features)), "weight_hh": (weight_hh, weight_hh.shape)}
    expected |= {"bias_ih": (bias_ih, row), "bias_hh": (bias_hh, row)} | {k: (v, state) for k, v in states.items()}
    for argument, (value, shape) in expected.items():
        if value is not None and value.shape != shape:
            raise ValueError(
                f"{name}: {argument} has shape {value.shape}, for an input of shape {input.shape} and {units} units "
                f"it must be {shape}"
            )
    if lengths is not None and (lengths.shape != (batch,) or (lengths < 1).any() or (lengths > steps).any()):
        raise ValueError(
            f"{name}: lengths must be {batch} whole numbers from 1 to {steps}, the number of steps of the input, "
            f"got {lengths.tolist()}"
        )
