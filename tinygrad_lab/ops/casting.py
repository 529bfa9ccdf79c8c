"""Values in another floating point dtype."""

from typing import Any

from tinygrad_lab.ops.operation import Bool, Num, Result, operation
from tinygrad_lab.typing import Array, Gradients, Needs


@operation(rule="dinput = dy")
def cast(input: Num[Array, "..."] | Bool[Array, "..."], dtype: Any) -> Result:
    """Return the same values in another floating point dtype; the gradient goes back in the old one."""
    before = input.dtype

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (dy.astype(before),)

    return input.astype(dtype, order="C"), backward
