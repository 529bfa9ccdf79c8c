"""Which of the training items are trained on, and which are held out to choose settings on."""

from jaxtyping import Int64

from tinygrad_lab.random import generator
from tinygrad_lab.typing import Array


def training_rows(split: str, chosen: int, total: int, seed: int, held_out: int) -> slice | Int64[Array, " n"]:
    """The rows of a training set that a split has, where some are drawn to be trained on.

    Args:
        split: "train", or "validation" for those that are left out.
        chosen: how many are trained on, drawn with ``seed``; 0 for all of them, in order.
        total: how many there are.
        held_out: how many a validation split has at most.

    Raises:
        ValueError: more than there are are to be trained on, or a validation split of what leaves nothing out.
    """
    chosen = chosen or total
    if chosen > total or (split == "validation" and chosen == total):
        raise ValueError(f"train_items must be below the {total} images there are for a {split} split, got {chosen}")
    if chosen == total:
        return slice(None)
    order = generator(seed).permutation(total)
    return order[:chosen] if split == "train" else order[chosen : chosen + held_out]
