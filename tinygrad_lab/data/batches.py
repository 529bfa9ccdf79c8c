"""Batches of aligned arrays, epoch after epoch, in an order that can be taken up again anywhere."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Generator


class Batches:
    """Iterating gives one epoch: dicts of arrays under the given names, and ``count``, the number of items, a float.

    A loss that is a sum divided by ``count`` adds up over the parts of a batch.  Every epoch has an order of its own,
    which depends on nothing but one number drawn from ``generator`` here and on the number of the epoch.  So a position
    is a few integers, and other users of the generator do not disturb the order.

    An epoch broken off goes on where it stopped when iterated again; after its last batch the next epoch begins.

    Args:
        arrays: aligned along their first axis.
        batch_size: items per batch; the last batch of an epoch may have fewer.
        generator: where the shuffling comes from.
        shuffle: False keeps the arrays' order in every epoch, and needs no generator.
        drop_last: leave out a last batch that would be smaller.
        transform: called with each batch and a generator of that batch's own (so a resumed run draws the same), to
            augment or to convert; returns the batch to use.
        lengths: of each item. Items of similar length then share a batch, so that padded sequences have little padding;
            the batches still come in a shuffled order, and which of several equally long items go together changes.

    Raises:
        ValueError: arrays of different lengths or none, a batch size below 1 or too large to give a batch, a
            generator missing, an array named ``count``, or ``lengths`` that do not fit or are not shuffled.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        batch_size: int,
        generator: Generator | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        transform: Callable[[dict[str, Any], Generator], dict[str, Any]] | None = None,
        lengths: np.ndarray | None = None,
    ) -> None:
        self.arrays = dict(arrays)
        self.items = _common_length(self.arrays)
        if batch_size < 1:
            raise ValueError(f"Batches: batch_size must be at least 1, got {batch_size}")
        if drop_last and batch_size > self.items:
            raise ValueError(f"Batches: drop_last leaves nothing of {self.items} items with batch_size {batch_size}")
        if shuffle and generator is None:
            raise ValueError("Batches: shuffle=True needs a generator")
        if lengths is not None and not (shuffle and len(lengths) == self.items):
            raise ValueError(
                f"Batches: lengths need shuffle=True and one for each of {self.items} items, got {len(lengths)}"
            )
        self.lengths = lengths
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.transform = transform
        self.epoch = 0  # complete epochs so far
        self.position = 0  # batches of the current epoch so far
        self._seed = int(generator.integers(2**63)) if shuffle and generator is not None else None

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self.items, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        epoch, order = self.epoch, self._order()
        for position in range(self.position, len(self)):
            # Moved on before the batch is handed out: a state saved while it is in use resumes with the next one.
            self.epoch, self.position = (self.epoch, position + 1) if position + 1 < len(self) else (self.epoch + 1, 0)
            rows = order[position * self.batch_size : (position + 1) * self.batch_size]
            batch = {name: array[rows] for name, array in self.arrays.items()} | {"count": float(len(rows))}
            yield self.transform(batch, self._random(epoch, position + 1)) if self.transform else batch

    def _order(self) -> np.ndarray:
        if self._seed is None:
            return np.arange(self.items)
        rng = self._random(self.epoch, 0)
        order = rng.permutation(self.items)
        return order if self.lengths is None else self._by_length(order, self.lengths, rng)

    def _by_length(self, order: np.ndarray, lengths: np.ndarray, rng: Generator) -> np.ndarray:
        """Sorted by length and cut into batches, the batches shuffled; a smaller last batch stays the last."""
        whole = self.items - self.items % self.batch_size
        together, rest = order[:whole], order[whole:]
        together = together[np.argsort(lengths[together], kind="stable")].reshape(-1, self.batch_size)
        return np.concatenate([together[rng.permutation(len(together))].reshape(-1), rest])

    def _random(self, epoch: int, purpose: int) -> Generator:
        """A generator for the order of an epoch (purpose 0), or for the transform of its batch ``purpose - 1``."""
        return np.random.Generator(np.random.SFC64([self._seed or 0, epoch, purpose]))

    def state(self) -> dict[str, int | None]:
        """Return the position, as plain integers for JSON."""
        return {
            "items": self.items,
            "batch_size": self.batch_size,
            "seed": self._seed,
            "epoch": self.epoch,
            "position": self.position,
        }

    def restore(self, state: Mapping[str, int | None]) -> None:
        """Go on from a ``state()``: the rest of its epoch, then the same later epochs.

        Raises:
            ValueError: a state of batches over other data, of another size, or otherwise not possible here.
        """
        if set(state) != set(self.state()):
            raise ValueError(f"Batches: a state has {', '.join(self.state())}, got {', '.join(state) or 'nothing'}")
        for name in ("items", "batch_size"):
            if state[name] != getattr(self, name):
                raise ValueError(f"Batches: the state is of {name} {state[name]}, these have {getattr(self, name)}")
        if (state["seed"] is None) != (self._seed is None):
            raise ValueError("Batches: one of the state and these batches is shuffled, the other is not")
        epoch, position = state["epoch"], state["position"]
        if not (isinstance(epoch, int) and epoch >= 0 and isinstance(position, int) and 0 <= position < len(self)):
            raise ValueError(
                f"Batches: epoch {epoch}, position {position} is no place in epochs of {len(self)} batches"
            )
        self._seed, self.epoch, self.position = state["seed"], epoch, position


def _common_length(arrays: Mapping[str, np.ndarray]) -> int:
    lengths = {name: len(array) for name, array in arrays.items()}
    if "count" in lengths:
        raise ValueError("Batches: 'count' is the number of items, an array needs another name")
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"Batches: arrays must have one common length above 0, got {lengths}")
    return next(iter(lengths.values()))


def as_tensors(batches: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    """Batches of arrays as batches of Tensors, one by one; floating ones in float32, plain numbers as they are."""
    return ({name: _as_tensor(value) for name, value in batch.items()} for batch in batches)


def _as_tensor(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return Tensor(value.astype(np.float32) if value.dtype.kind == "f" else value)
