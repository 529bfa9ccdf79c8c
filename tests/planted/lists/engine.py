"""Bugs in the engine: the tape, operations, modules, optimisers, checkpoints, batches."""

from tests.planted.bug import Bug

TAPE = ("tests/engine/test_tape.py",)
OPERATIONS = ("tests/ops/test_against_torch.py",)

TENSOR = [
    Bug(
        "tensor-oldest-first",
        ("tinygrad_lab/tensor.py",),
        "(-source.order, source)",
        "(source.order, source)",
        "the tape is walked from its oldest node",
        TAPE,
    ),
    Bug(
        "tensor-overwrites-grad",
        ("tinygrad_lab/tensor.py",),
        "tensor._grad._data += value",
        "tensor._grad = wrap(value)",
        "a second backward() replaces the gradient, it does not add to it",
        TAPE,
    ),
    Bug(
        "tensor-unbroadcast-mean",
        ("tinygrad_lab/tensor.py",),
        "gradient.sum(axis=stretched",
        "gradient.mean(axis=stretched",
        "the gradient of a broadcast operand is the mean of its copies, not their sum",
        OPERATIONS,
        "add or multiply",
    ),
    Bug(
        "tensor-version-only-grows",
        ("tinygrad_lab/memory.py",),
        "if counter[0] == version:",
        "if counter[0] >= version:",
        "a saved value that was changed in place is not noticed",
        TAPE,
    ),
    Bug(
        "tensor-saved-in-an-object",
        ("tinygrad_lab/memory.py",),
        'return *held, *getattr(value, "__dict__", {}).values(), getattr(value, "__self__", None)',
        "return held",
        "a saved value that was changed in place is not noticed where an object of a closure holds it",
        ("tests/ops/test_saved.py",),
    ),
    Bug(
        "tensor-view-forgotten",
        ("tinygrad_lab/memory.py",),
        "if array is None and base is not None:",
        "if array is None and base is None:",
        "a saved value that was changed in place is not noticed where the view that was saved is gone",
        ("tests/ops/test_saved.py",),
    ),
]

OPS = [
    Bug(
        "ops-softmax-sign",
        ("tinygrad_lab/ops/softmax.py",),
        "np.subtract(dy, total, out=dx)",
        "np.add(dy, total, out=dx)",
        "softmax's gradient adds the mean that it should take away",
        OPERATIONS,
        "softmax",
    ),
    Bug(
        "ops-cross-entropy-ignored",
        ("tinygrad_lab/ops/losses.py",),
        "gradient[~kept] = 0",
        "gradient[~kept] *= 1",
        "an ignored target has a gradient, though no loss",
        (*OPERATIONS, "tests/nn/test_loss.py"),
        "cross_entropy or test_loss",
    ),
    Bug(
        "ops-max-pool-last-wins",
        ("tinygrad_lab/ops/pooling.py",),
        "wins = challengers > champions",
        "wins = challengers >= champions",
        "of equal maxima the last one gets the gradient, not the first",
        OPERATIONS,
        "max_pool2d",
    ),
    Bug(
        "ops-embedding-once",
        ("tinygrad_lab/ops/embedding.py",),
        "np.add.reduceat(rows[order], starts, axis=0)",
        "rows[order][starts]",
        "a row that is looked up twice gets the first gradient only, in tables of more than 100 rows",
        OPERATIONS,
        "embedding",
    ),
    Bug(
        "ops-scan-hands-on-the-first-state",
        ("tinygrad_lab/ops/selective_scan.py",),
        "h = states[:, -1].copy()",
        "h = states[:, 0].copy()",
        "the selective scan hands on the first state of a chunk, not the last",
        ("tests/ops/test_selective_scan.py",),
    ),
]

NN = [
    Bug(
        "nn-children-keep-their-mode",
        ("tinygrad_lab/nn/module.py",),
        'object.__setattr__(module, "training", mode)',
        'object.__setattr__(self, "training", mode)',
        "train() and eval() do not reach the modules below",
        ("tests/nn/test_module.py",),
    ),
    Bug(
        "nn-fans-exchanged",
        ("tinygrad_lab/nn/init.py",),
        "return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field",
        "return tensor.shape[0] * receptive_field, tensor.shape[1] * receptive_field",
        "a weight's inputs are counted as its outputs",
        ("tests/nn/test_init.py",),
    ),
    Bug(
        "nn-unsorted-by-the-same-order",
        ("tinygrad_lab/nn/utils/rnn.py",),
        "from_numpy(np.argsort(order))",
        "from_numpy(order)",
        "packed sequences are put back by the order they were sorted by, not by its inverse",
        ("tests/nn/test_packing.py", "tests/nn/test_recurrent.py"),
    ),
    Bug(
        "nn-second-half-lost",
        ("tinygrad_lab/workers/gradients.py",),
        "np.add(known, gradient, out=known)",
        "known",
        "of a batch in parts only the first has gradients",
        ("tests/nn/test_parts.py",),
    ),
]

OPTIM = [
    Bug(
        "optim-adam-correction",
        ("tinygrad_lab/optim/adam.py",),
        "(1.0 - beta1**step)",
        "(1.0 - beta1)",
        "Adam corrects its mean as in the first step for ever",
        ("tests/optim/test_optimizers.py",),
    ),
    Bug(
        "optim-dampened-first-step",
        ("tinygrad_lab/optim/sgd.py",),
        "fraction = 1.0 if first else 1.0 - ",
        "fraction = 1.0 - ",
        "momentum is dampened in the first step too",
        ("tests/optim/test_optimizers.py",),
    ),
    Bug(
        "optim-cosine-from-zero",
        ("tinygrad_lab/optim/lr_scheduler.py",),
        "progress = (t - self.warmup_steps)",
        "progress = t",
        "the cosine begins with the warm-up, not after it",
        ("tests/optim/test_lr_scheduler.py",),
    ),
]

CHECKPOINT = [
    Bug(
        "checkpoint-checksum-unread",
        ("tinygrad_lab/checkpoint.py",),
        ".get(name) != checksum",
        ".get(name) is None",
        "a checksum has to be there, but not to be right",
        ("tests/engine/test_checkpoint.py",),
    ),
    Bug(
        "checkpoint-memory-as-it-lies",
        ("tinygrad_lab/checkpoint.py",),
        'order="C")',
        'order="K")',
        "a transposed array is written as it lies in memory, and comes back scrambled",
        ("tests/engine/test_checkpoint.py",),
    ),
]

DATA = [
    Bug(
        "data-same-order-in-every-epoch",
        ("tinygrad_lab/data/batches.py",),
        "self._random(self.epoch, 0)",
        "self._random(0, 0)",
        "every epoch has the order of the first",
        ("tests/data/test_batches.py",),
    ),
    Bug(
        "data-target-is-the-token-itself",
        ("tinygrad_lab/data/windows.py",),
        "windows[:, :-1], windows[:, 1:]",
        "windows[:, :-1], windows[:, :-1]",
        "each token is to predict itself, not the one that follows",
        ("tests/papers/test_mamba_data.py",),
    ),
]

BUGS = [*TENSOR, *OPS, *NN, *OPTIM, *CHECKPOINT, *DATA]
