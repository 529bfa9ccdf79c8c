"""Bugs in what judges: the comparison of parity and its diagnosis, and the metrics that the claims rest on."""

from tests.planted.bug import Bug, on_both_sides

JUDGE = ("tests/lab/test_judge.py",)
EVALUATE = ("tests/papers/test_evaluate.py",)

BUGS = [
    Bug(
        "papers-alexnet-top-4",
        ("papers/alexnet/train.py",),
        'top(output, batch["label"], 5)',
        'top(output, batch["label"], 4)',
        "the top-5 error is that of the top 4",
        EVALUATE,
        "alexnet",
    ),
    Bug(
        "papers-lenet-right-for-wrong",
        on_both_sides("lenet/train.py"),
        'model.predict(output) != batch["label"]',
        'model.predict(output) == batch["label"]',
        "the error rate is the share that is right",
        EVALUATE,
        "lenet",
    ),
    Bug(
        "papers-mamba-right-taken-away",
        on_both_sides("mamba/train.py"),
        "right += (logits",
        "right -= (logits",
        "what is right is taken away",
        EVALUATE,
        "mamba",
    ),
    Bug(
        "papers-seq2seq-padding-found",
        on_both_sides("seq2seq_attention/train.py"),
        " & (target[:, 1:] != PAD)",
        "",
        "padding that is foretold counts as found",
        EVALUATE,
        "seq2seq",
    ),
    Bug(
        "lab-both-nan-agree",
        ("tinygrad_lab/lab/agreement.py",),
        "error[~finite] = math.inf",
        "error[np.isfinite(ours) != np.isfinite(theirs)] = math.inf",
        "parity: what is not finite on both sides agrees",
        ("tests/lab/test_agreement.py", *JUDGE),
    ),
    Bug(
        "lab-generation-compared-with-itself",
        ("tinygrad_lab/lab/parity.py",),
        '{"tokens": theirs}',
        '{"tokens": ours}',
        "parity: what the engine writes is compared with itself",
        JUDGE,
    ),
    Bug(
        "lab-missing-quantity-left-out",
        ("tinygrad_lab/lab/parity.py",),
        "names = [*theirs, *(name for name in ours if name not in theirs)]",
        "names = [name for name in ours if name in theirs]",
        "parity: a quantity that one side lacks is left out",
        JUDGE,
    ),
    Bug(
        "lab-final-weights-not-compared",
        ("tinygrad_lab/lab/parity.py",),
        'if self.dtype == "float64":',
        'if self.dtype == "float128":',
        "parity: the weights at the end of a trajectory are not compared",
        JUDGE,
    ),
    Bug(
        "lab-bound-too-wide",
        ("tinygrad_lab/lab/agreement.py",),
        "single = 50 * ",
        "single = 50_000 * ",
        "parity: the bound of float32 is a thousand times too wide",
        JUDGE,
    ),
    Bug(
        "lab-file-never-at-torch",
        ("tinygrad_lab/lab/parity.py",),
        "checkpoint.load(back)",
        "checkpoint.load(there)",
        "parity: the engine reads its own file, not what torch has written",
        JUDGE,
    ),
    Bug(
        "lab-nothing-is-success",
        ("tinygrad_lab/lab/parity_report.py",),
        "rows += _left_out(",
        "_left_out(",
        "parity: a kind of check that compared nothing is no failure",
        JUDGE,
    ),
    Bug(
        "lab-diagnosis-outermost",
        ("tinygrad_lab/lab/diagnosis.py",),
        "if call in _ancestors(other)",
        "if call is other and not call",
        "the diagnosis names the outermost module, not the innermost",
        ("tests/lab/test_diagnosis.py",),
    ),
]
