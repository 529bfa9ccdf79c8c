"""Bugs, each of which a test catches, by area.

A text that no longer stands exactly once in its file has moved or changed: follow it there, and leave the bug the same.
"""

from tests.planted.bug import Bug, on_both_sides
from tests.planted.judges import JUDGES
from tests.planted.verdicts import VERDICTS

TAPE = ("tests/engine/test_tape.py",)
OPERATIONS = ("tests/ops/test_against_torch.py",)
PARITY = ("tests/lab/test_parity.py",)


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

PAPERS = [
    Bug(
        "papers-lenet-gradients-pile-up",
        ("papers/lenet/train.py",),
        "optimizer.zero_grad()",
        "optimizer.step",
        "the training loop never forgets a gradient",
        (*PARITY, "tests/papers/test_lenet.py"),
        "lenet",
    ),
    Bug(
        "papers-alexnet-milestones",
        on_both_sides("alexnet/train.py"),
        "steps - steps // 2**division",
        "steps // 2**division",
        "the rate falls at 1/8, 1/4 and 1/2 of the training, not at 1/2, 3/4 and 7/8; on both sides",
        ("tests/papers/test_alexnet_recipe.py",),
    ),
    Bug(
        "papers-dropout-gaussian-variance",
        on_both_sides("dropout/model.py"),
        "math.sqrt(self.drop / self.retain)",
        "math.sqrt(self.drop)",
        "Gaussian noise has the variance of the mask, not that of the mask divided by p; on both sides",
        ("tests/papers/test_dropout.py",),
    ),
    Bug(
        "papers-autoencoder-kl",
        ("papers/autoencoder/model.py",),
        "1 + logvar - mu**2 - logvar.exp()",
        "1 + logvar - mu - logvar.exp()",
        "the divergence has the mean where its square should be",
        ("tests/papers/test_autoencoder.py",),
    ),
    Bug(
        "papers-seq2seq-sigma",
        on_both_sides("seq2seq_attention/model.py"),
        "(2 * (self.D / 2) ** 2)",
        "(2 * self.D**2)",
        "local attention's Gaussian is twice as wide; on both sides",
        ("tests/papers/test_seq2seq_model.py",),
        "local_p or scores",
    ),
    Bug(
        "papers-transformer-causal",
        ("papers/transformer/model.py",),
        "arange(steps + t) <= arange(steps, steps + t)",
        "arange(steps + t) <= 1 + arange(steps, steps + t)",
        "a target position sees the one after it",
        ("tests/papers/test_transformer_model.py",),
    ),
    Bug(
        "papers-llama-residual-scale",
        on_both_sides("llama/model.py"),
        "math.sqrt(2 * config.layers)",
        "math.sqrt(config.layers)",
        "initial values are scaled for half of the additions; on both sides",
        ("tests/papers/test_llama_model.py",),
    ),
    Bug(
        "papers-bert-random-tokens",
        ("papers/bert/text/masking.py",),
        "config.mask_token_share + config.random_token_share",
        "config.random_token_share",
        "no hidden token is replaced by a random one",
        ("tests/papers/test_bert_data.py",),
    ),
    Bug(
        "papers-lora-scale",
        ("papers/lora/model.py",),
        "rank, alpha, alpha / rank",
        "rank, alpha, alpha",
        "the update is not divided by the rank",
        ("tests/papers/test_lora.py",),
    ),
    Bug(
        "papers-lstm-forget-rows",
        on_both_sides("lstm/model.py"),
        "slice(self.hidden, 2 * self.hidden)",
        "slice(0, self.hidden)",
        "the bias of the input gate is set for that of the forget gate; on both sides",
        ("tests/papers/test_lstm_cells.py",),
    ),
    Bug(
        "papers-mamba-gate",
        ("papers/mamba/model.py",),
        "u, z = self.in_proj(x)",
        "z, u = self.in_proj(x)",
        "the gate is scanned, and what should be scanned is the gate",
        ("tests/papers/test_mamba_model.py",),
    ),
    Bug(
        "papers-fox-shift",
        ("papers/forgetting_transformer/model.py",),
        "now_h + alpha * (before_h - now_h)",
        "before_h + alpha * (now_h - before_h)",
        "keys are mixed the wrong way round with those of the token before",
        ("tests/papers/test_forgetting_transformer_model.py",),
    ),
]

TRACE = [
    Bug(
        "trace-contribution-for-sum",
        ("tinygrad_lab/trace/record.py",),
        "accumulated.copy()",
        "gradient.copy()",
        "the accumulated gradient that is shown is the last contribution",
        ("tests/trace/test_record.py",),
    ),
    Bug(
        "trace-minus-without-parentheses",
        ("tinygrad_lab/trace/writing.py",),
        'SUM if number.startswith("-") else PRODUCT',
        'ATOM if number.startswith("-") else PRODUCT',
        "a negative factor stands in a product without parentheses",
        ("tests/trace/test_rule.py", "tests/trace/test_record.py"),
    ),
    Bug(
        "trace-picture-not-scaled-back",
        ("tinygrad_lab/trace/tensors.py",),
        "np.ldexp(kept, -exponent)",
        "kept",
        "the numbers of a large tensor's picture are not those of its scale",
        ("tests/trace/test_schema.py",),
    ),
]

LAB = [
    Bug(
        "lab-nan-is-no-error",
        ("tinygrad_lab/lab/agreement.py",),
        "error[~finite] = math.inf",
        "error[~finite] = 0.0",
        "parity: a NaN agrees with any number",
        ("tests/lab/test_agreement.py",),
    ),
    Bug(
        "lab-floor-too-high",
        ("tinygrad_lab/lab/agreement.py",),
        "return 1e-3 * max(",
        "return 1e3 * max(",
        "parity: errors are judged against a thousand times the largest entry",
        ("tests/lab/test_agreement.py",),
    ),
    Bug(
        "lab-no-gradients-compared",
        ("tinygrad_lab/lab/parity.py",),
        'in ("forward", "loss", "gradient"):',
        'in ("forward", "loss"):',
        "parity: gradients are computed and not compared",
        PARITY,
        "lenet",
    ),
    Bug(
        "lab-replay-repeats",
        ("tinygrad_lab/lab/noise.py",),
        "self._draws[self._used]",
        "self._draws[0]",
        "parity: the first draw is replayed again and again",
        ("tests/lab/test_noise.py", *PARITY),
        "noise or dropout",
    ),
    Bug(
        "lab-population-deviation",
        ("tinygrad_lab/lab/study/statistics.py",),
        "std(ddof=1)",
        "std(ddof=0)",
        "intervals over seeds are too narrow",
        ("tests/lab/test_commands.py",),
        "interval or statistic or mean",
    ),
]

BUGS = [*TENSOR, *OPS, *NN, *OPTIM, *CHECKPOINT, *DATA, *PAPERS, *TRACE, *LAB, *JUDGES, *VERDICTS]
