"""What the recurrent layers do with their inputs outside the loop: all steps at once."""

import numpy as np

from tinygrad_lab.ops.kernels.repeated import Repeated, repeated
from tinygrad_lab.ops.kernels.rows import rows
from tinygrad_lab.typing import Array

SMALL = 2**16  # entries of a weight that BLAS rearranges in no time
LOOKED_UP = 2**14  # entries of a weight from which it pays to look for equal inputs
COLUMNS = 512  # of a product outside the loop: fewer slow BLAS down, more leave the cache


class Inputs:
    """The inputs of all steps, (T, B, I), and their weight, (G, I).

    A small weight meets each step by itself.  A large one meets several steps together, or the
    different inputs only where those are few (``repeated``).
    """

    def __init__(self, x: Array, weight: Array) -> None:
        self.x, self.weight = x, weight
        self._repeated = repeated(rows(x)) if weight.size >= LOOKED_UP else None

    def __len__(self) -> int:
        return len(self.x)

    def products(self, bias_ih: Array | None, bias_hh: Array | None) -> Array:
        """Return the part of the pre-activations that needs no state.    -> (T, G, B)"""
        given = [bias for bias in (bias_ih, bias_hh) if bias is not None]
        bias = sum(given, np.zeros(1, self.x.dtype))
        if self._repeated is not None:
            return self._looked_up(self._repeated, bias)
        if self.weight.size > SMALL:
            return self._several_steps_at_once(bias)
        a = np.matmul(self.weight, self.x.transpose(0, 2, 1))
        if given:
            a += bias[:, None]
        return a

    def weight_gradient(self, columns: Array) -> Array:
        """Sum over all rows of all steps.    ā (G, T B) -> (G, I)"""
        found, features = self._repeated, self.x.shape[2]
        if found is not None and 2 * len(found.table) <= features:
            return found.gradient(columns)
        return columns @ rows(self.x)

    def gradient(self, columns: Array) -> Array:
        """Return the gradient of the inputs.    ā (G, T B) -> (T, B, I)"""
        return (columns.T @ self.weight).reshape(self.x.shape)

    def _several_steps_at_once(self, bias: Array) -> Array:
        """Multiply the inputs of several steps together, and add the bias.

        BLAS rearranges the whole weight for each product: with the few columns of one step,
        (G, I) @ (I, B), that is a quarter of the time.  With those of t steps, (G, I) @ (I, t B), it
        is little; and while their product is in the cache, the bias is added to it on its way to the
        place of each step.
        """
        a = self._empty()
        for part in self._parts():
            product = self.weight @ rows(self.x[part]).T
            of_steps = product.reshape(len(self.weight), *self.x[part].shape[:2])
            np.add(of_steps.transpose(1, 0, 2), bias[:, None], out=a[part])
        return a

    def _looked_up(self, found: Repeated, bias: Array) -> Array:
        """Multiply the different inputs only, and put each product wherever its input is."""
        a, place = self._empty(), found.place.reshape(self.x.shape[:2])
        product = found.table @ self.weight.T + bias  # (K, G)
        for part in self._parts():
            a[part] = product[place[part]].transpose(0, 2, 1)
        return a

    def _empty(self) -> Array:
        steps, batch, _ = self.x.shape
        return np.empty((steps, len(self.weight), batch), self.x.dtype)

    def _parts(self) -> list[slice]:
        """Cut the steps into parts that stay in the cache."""
        steps, batch, _ = self.x.shape
        together = max(1, COLUMNS // max(batch, 1))
        return [slice(first, first + together) for first in range(0, steps, together)]
