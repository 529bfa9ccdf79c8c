"""Bugs in what judges the papers' claims: slips that are easily made in a test of significance."""

from tests.planted.bug import Bug

FILE = ("tinygrad_lab/lab/study/judge.py",)
TESTS = ("tests/lab/test_claims_judge.py",)

BUGS = [
    Bug(
        "lab-claims-one-sided",
        FILE,
        "return float(2 * stats.t.sf(",
        "return float(stats.t.sf(",
        "claims: p is that of one side",
        TESTS,
    ),
    Bug(
        "lab-claims-margin-ignored",
        FILE,
        'return _judged("not worse", paired_difference(first, second), above=-margin, margin=margin)',
        'return _judged("not worse", paired_difference(first, second), above=0.0, margin=margin)',
        "claims: not worse is judged without its margin",
        TESTS,
    ),
    Bug(
        "lab-claims-margin-of-one-side",
        FILE,
        "above=-margin, below=margin, margin=margin)",
        "above=-margin, margin=margin)",
        "claims: what is much more counts as equivalent",
        TESTS,
    ),
    Bug(
        "lab-claims-not-in-pairs",
        FILE,
        'return _judged("superiority", paired_difference(first, second), above=0.0)',
        'return _judged("superiority", replace(interval(first), mean=interval(first).mean - interval(second).mean), '
        "above=0.0)",
        "claims: the interval of a difference is that of one arm",
        TESTS,
    ),
    Bug(
        "lab-claims-spread-of-n",
        ("tinygrad_lab/lab/study/statistics.py",),
        "array.std(ddof=1)",
        "array.std(ddof=0)",
        "claims: the spread is divided by n, not by n - 1",
        TESTS,
    ),
    Bug(
        "lab-claims-degrees-of-n",
        FILE,
        "float(found.count - 1) if",
        "float(found.count) if",
        "claims: Student's t has n degrees of freedom, not n - 1",
        TESTS,
    ),
    Bug(
        "lab-claims-holm-falls",
        FILE,
        "largest = max(largest, min(1.0, (len(tested) - rank) * p))",
        "largest = min(1.0, (len(tested) - rank) * p)",
        "claims: an adjusted p may be below that of a smaller one",
        TESTS,
    ),
    Bug(
        "lab-claims-holm-all-alike",
        FILE,
        "(len(tested) - rank) * p",
        "len(tested) * p",
        "claims: the correction is Bonferroni's",
        TESTS,
    ),
    Bug(
        "lab-claims-test-items-forgotten",
        FILE,
        "mean * (100 - mean) / test_items",
        "mean * (100 - mean) / test_items / len(runs)",
        "claims: more seeds make the test set larger",
        TESTS,
    ),
    Bug(
        "lab-claims-any-part",
        FILE,
        "candidates = refuted or undecided or list(parts)",
        "candidates = refuted or list(parts)",
        "claims: a part that is not decided does not count",
        TESTS,
    ),
    Bug(
        "lab-claims-handicap-of-the-winner",
        ("tinygrad_lab/claim.py",),
        '{"refuted": ours, "reproduced": theirs}',
        '{"refuted": theirs, "reproduced": ours}',
        "claims: a rate that was not tuned excuses the side that won",
        TESTS,
    ),
]
