"""Batches of sequences of several lengths, with the names and results of torch.nn.utils.rnn."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinygrad_lab.creation import from_numpy
from tinygrad_lab.ops.operation import Int, Num
from tinygrad_lab.ops.packing import pack, unpack
from tinygrad_lab.ops.shapes import pad, stack
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array


class PackedSequence(NamedTuple):
    """The real steps of a batch of sequences: first the first step of each, longest sequence first, then the second ...

    Made by ``pack_padded_sequence``; recurrent layers take one and return one.
    """

    data: Tensor  # (N, *), N the sum of the lengths
    batch_sizes: Tensor  # (T,), how many sequences have a first, second, ... step
    sorted_indices: Tensor | None = None  # (B,), the order by length; None if the batch came in that order
    unsorted_indices: Tensor | None = None  # (B,), and back

    def places(self) -> tuple[Array, Array]:
        """Return step and row in the padded batch of each row of ``data``, (N,) each."""
        sizes = self.batch_sizes.numpy()
        steps = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.arange(len(steps)) - (np.cumsum(sizes) - sizes)[steps]
        return steps, rows if self.sorted_indices is None else self.sorted_indices.numpy()[rows]

    def lengths(self) -> Array:
        """Return the true length of each row of the padded batch, (B,)."""
        sizes = self.batch_sizes.numpy()
        lengths = (sizes > np.arange(sizes[0])[:, None]).sum(axis=1)
        return lengths if self.unsorted_indices is None else lengths[self.unsorted_indices.numpy()]

    def padded(self, padding_value: float = 0.0, steps: int | None = None) -> Tensor:
        """Return the padded batch, (T, B, *); ``steps`` makes it longer than the longest sequence."""
        sizes = self.batch_sizes.numpy()
        return unpack(self.data, *self.places(), (steps or len(sizes), int(sizes[0])), padding_value)

    def packed_alike(self, padded: Tensor) -> "PackedSequence":
        """Pack another padded batch of the same lengths, (T, B, *), as this one is."""
        return self._replace(data=pack(padded, *self.places()))


def pack_padded_sequence(
    input: Num[Tensor, "..."],
    lengths: Int[Tensor, " b"] | Int[Array, " b"] | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Leave the padding out.

    Args:
        input: (T, B, *), or (B, T, *) with ``batch_first``.
        lengths: true length of each sequence.
        batch_first: which of the two it is.
        enforce_sorted: whether the sequences must come longest first; otherwise they are sorted, and what is packed
            remembers their order.

    Raises:
        ValueError: as many lengths as sequences are needed, each from 1 to T, and falling if they must be sorted.
    """
    padded = input.transpose(0, 1) if batch_first else input
    steps, batch = padded.shape[:2]
    sizes = np.array(lengths)
    if sizes.shape != (batch,) or sizes.dtype.kind not in "iu" or (sizes < 1).any() or (sizes > steps).any():
        raise ValueError(
            f"pack_padded_sequence: lengths must be {batch} whole numbers from 1 to {steps} for an input of shape "
            f"{input.shape} with batch_first={batch_first}, got {sizes.tolist()}"
        )
    if enforce_sorted and (np.diff(sizes) > 0).any():
        raise ValueError(
            f"pack_padded_sequence: lengths must not rise, got {sizes.tolist()}; enforce_sorted=False takes any order"
        )
    order = None if enforce_sorted else np.argsort(-sizes, kind="stable")
    batch_sizes = (np.arange(sizes.max())[:, None] < sizes).sum(axis=1)
    indices = (None, None) if order is None else (from_numpy(order), from_numpy(np.argsort(order)))
    return PackedSequence(padded, from_numpy(batch_sizes), *indices).packed_alike(padded)


def pad_sequence(sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0) -> Tensor:
    """Put sequences (T_b, *) side by side, filled up at their ends.    -> (T, B, *), or (B, T, *) with ``batch_first``

    Raises:
        ValueError: no sequences, or items of different shapes.
    """
    if not sequences or len({sequence.shape[1:] for sequence in sequences}) != 1 or not sequences[0].ndim:
        shapes = [sequence.shape for sequence in sequences]
        raise ValueError(f"pad_sequence: needs sequences (T, *) of items of one shape, got shapes {shapes}")
    steps = max(len(sequence) for sequence in sequences)
    after = [0] * (2 * sequences[0].ndim - 1)  # nothing around an item, nothing before the first one
    filled = [pad(sequence, [*after, steps - len(sequence)], value=padding_value) for sequence in sequences]
    return stack(filled, 0 if batch_first else 1)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Num[Tensor, "..."], Int[Tensor, " b"]]:
    """Undo the packing: return the padded batch, in its first order, and the lengths.

    Args:
        sequence: what to unpack.
        batch_first: (B, T, *) instead of (T, B, *).
        padding_value: fills the places after a sequence's end.
        total_length: T; by default the length of the longest sequence.

    Raises:
        ValueError: a ``total_length`` below the longest length.
    """
    longest = len(sequence.batch_sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(f"pad_packed_sequence: total_length must be at least {longest}, got {total_length}")
    padded = sequence.padded(padding_value, total_length)
    return padded.transpose(0, 1) if batch_first else padded, from_numpy(sequence.lengths())


__all__ = ["PackedSequence", "pack_padded_sequence", "pad_packed_sequence", "pad_sequence"]
