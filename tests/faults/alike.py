"""Whether what was read is what should have been."""

from typing import Any


def alike(one: Any, other: Any) -> bool:
    """Whether two trees have the same leaves, arrays and tensors included, bit for bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if hasattr(one, "numpy"):
        one, other = one.numpy(), other.numpy()
    if hasattr(one, "tobytes") and hasattr(other, "tobytes"):
        kinds = (one.dtype, one.shape), (other.dtype, other.shape)
        return bool(kinds[0] == kinds[1] and one.tobytes() == other.tobytes())
    return type(one) is type(other) and bool(one == other)
