"""Bugs that no test of their area catches yet: once one does, its bug moves to the other list."""

from tests.planted.bug import Bug
from tests.planted.lists.engine import TAPE

UNCAUGHT = [
    Bug(
        "tensor-retained-by-reference",
        ("tinygrad_lab/tensor.py",),
        "value.copy()",
        "value",
        "two retained gradients can be one array, to which the next backward() adds twice",
        (*TAPE, "tests/engine/test_tensor.py"),
    ),
    Bug(
        "optim-slots-in-any-order",
        ("tinygrad_lab/optim/optimizer.py",),
        'np.array(value, parameter.dtype, order="C")',
        "np.array(value, parameter.dtype)",
        "a slot loaded in Fortran order is updated in a copy: momentum is lost",
        ("tests/optim/test_optimizers.py", "tests/engine/test_checkpoint.py"),
    ),
]
