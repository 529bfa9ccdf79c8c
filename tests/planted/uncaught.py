"""Bugs that no test of their area catches yet: once one does, its bug moves to the other list."""

from tests.planted.bug import Bug
from tests.planted.bugs import PARITY, TAPE

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
    Bug(
        "papers-alexnet-top-4",
        ("papers/alexnet/train.py",),
        'top(output, batch["label"], 5)',
        'top(output, batch["label"], 4)',
        "the top-5 error is that of the top 4",
        ("tests/papers/test_alexnet.py", "tests/papers/test_alexnet_recipe.py", *PARITY),
        "alexnet",
    ),
    Bug(
        "papers-lenet-right-for-wrong",
        ("papers/lenet/train.py",),
        'model.predict(output) != batch["label"]',
        'model.predict(output) == batch["label"]',
        "the error rate is the share that is right",
        ("tests/papers/test_lenet.py", "tests/lab/test_training.py", *PARITY),
        "lenet or training",
    ),
    Bug(
        "lab-both-nan-agree",
        ("tinygrad_lab/lab/agreement.py",),
        "np.array_equal(ours, theirs)",
        "np.array_equal(ours, theirs, equal_nan=True)",
        "parity: NaN on both sides agrees",
        ("tests/lab/test_agreement.py", *PARITY),
        "agreement or lenet",
    ),
    Bug(
        "lab-generation-compared-with-itself",
        ("tinygrad_lab/lab/parity.py",),
        '{"tokens": theirs}',
        '{"tokens": ours}',
        "parity: what the engine writes is compared with itself",
        (*PARITY, "tests/lab/test_generation.py"),
        "generation or lstm or lenet",
    ),
    Bug(
        "lab-missing-quantity-left-out",
        ("tinygrad_lab/lab/parity.py",),
        "names = [*theirs, *(name for name in ours if name not in theirs)]",
        "names = [name for name in ours if name in theirs]",
        "parity: a quantity that one side lacks is left out",
        PARITY,
        "lenet",
    ),
    Bug(
        "lab-final-weights-not-compared",
        ("tinygrad_lab/lab/parity.py",),
        'if self.dtype == "float64":',
        'if self.dtype == "float128":',
        "parity: the weights at the end of a trajectory are not compared",
        PARITY,
        "lenet",
    ),
]
