"""What generation keeps of the tokens so far: a row of keys, values and gates for every one of them.

There is no smaller memory for softmax attention with gates: exp(q·k) is no product of something of q and something of
k with a fixed number of features, so the keys themselves are needed for every query to come.
"""

from torch import Tensor

Kept = tuple[Tensor, ...]


class KVCache:
    """Keys, values and log gates of one layer, and what the Pro block's shift needs of the last token."""

    def __init__(self) -> None:
        self.length = 0
        self.kept: Kept = ()
        self.last: tuple[Tensor | None, Tensor | None] = (None, None)

    @property
    def nbytes(self) -> int:
        """Bytes that are kept for the tokens so far."""
        return sum(kept[:, :, : self.length].nbytes for kept in self.kept)

    def append(self, *new: Tensor) -> tuple[Tensor, ...]:
        """Keep keys and values (B, H, T, h) and log gates (B, H, T) of T new tokens; returns those of all S."""
        end = self.length + new[0].shape[2]
        if not self.kept or end > self.kept[0].shape[2]:
            self.kept = tuple(self._moved(index, tensor, 2 * end) for index, tensor in enumerate(new))
        for kept, tensor in zip(self.kept, new, strict=True):
            kept[:, :, self.length : end] = tensor.detach()
        self.length = end
        return tuple(kept[:, :, :end] for kept in self.kept)

    def _moved(self, index: int, like: Tensor, room: int) -> Tensor:
        """The tokens so far in a tensor with room for more."""
        moved = like.new_empty((*like.shape[:2], room, *like.shape[3:]))
        if self.kept:
            moved[:, :, : self.length] = self.kept[index][:, :, : self.length]
        return moved
