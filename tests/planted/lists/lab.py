"""Bugs in traces and in the lab."""

from tests.planted.bug import Bug

PARITY = ("tests/lab/test_parity.py",)

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

BUGS = [*TRACE, *LAB]
