"""The README's further blocks: the table of methods, and what to see in each picture, all from the results."""

from tinygrad_lab.study import Interval, Lab, gallery, passes, table

from .experiment import ARMS, SIZES

# arm -> what it is called in the table, and its error in the paper's figure 9, quoted from memory
METHODS = {
    "linear": ("linear classifier", 12.0),
    "hidden": ("784-300-10", 4.7),
    "lenet1": ("LeNet-1", 1.7),
    "lenet5": ("LeNet-5", 0.95),
    "distorted": ("LeNet-5, distorted images", 0.8),
}
PAPERS_NEIGHBOURS = 5.0


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "methods" and "pictures"; without MNIST nothing is in them but the digits."""
    if not lab.has("methods"):
        return {"methods": digits(lab), "pictures": ""}
    return {"methods": f"{methods(lab)}\n\n{taken(lab)} {digits(lab)}", "pictures": pictures(lab)}


def methods(lab: Lab) -> str:
    """Figure 9 in small: every method on the same images."""
    columns = (
        "method", "parameters", "the paper's error", "NumPy error", "PyTorch error",
        "training error", "rate", "s a run",
    )  # fmt: skip
    found = lab.results("neighbours")
    nearest = (f"{found['k']} nearest neighbours", "-", f"{PAPERS_NEIGHBOURS} %", f"{found['error']:.2f} %")
    rows = [(*nearest, "-", "-", "-", f"{found['seconds']:.0f}"), *(row(lab, arm) for arm in ARMS)]
    return table(columns, rows, right=7)


def row(lab: Lab, arm: str) -> tuple[object, ...]:
    """One arm's line of the table."""
    name, papers = METHODS[arm]
    run = lab.runs("methods", arm=arm)[0]
    witness = lab.values("methods", "metrics", "error", side="torch", arm=arm)
    seconds = lab.spread("methods", "seconds", arm=arm).mean
    training = lab.spread("methods", "train_metrics", "error", arm=arm).mean
    return (
        name, f"{run['parameters']:,}", f"{papers} %", f"{error(lab, arm):.2f %}",
        f"{lab.interval(witness):.2f %}" if witness else "-", f"{training:.2f} %",
        f"{run['config']['learning_rate']:g}", f"{seconds:.0f}",
    )  # fmt: skip


def taken(lab: Lab) -> str:
    """What the judged runs of the table took in all, on one core each."""
    minutes = {
        side: sum(sum(lab.values("methods", "seconds", side=side, arm=arm)) for arm in ARMS) / 60
        for side in ("numpy", "torch")
    }
    return (
        f"All runs of this table took {minutes['numpy']:.0f} minutes of a core on the engine and "
        f"{minutes['torch']:.0f} on PyTorch, choosing rates not counted."
    )


def error(lab: Lab, arm: str) -> Interval:
    """An arm's test error after the last pass."""
    return lab.spread("methods", "metrics", "error", arm=arm)


def digits(lab: Lab) -> str:
    """What everybody can run: the embedded digits."""
    run = lab.runs("digits")[0]
    numpy, torch = (lab.spread("digits", "metrics", "error", side=side) for side in ("numpy", "torch"))
    return (
        f"On the embedded digits, 1,500 to train on and 297 to test, {passes(run['config'])} leave "
        f"{numpy:.2f %} on the engine and {torch:.2f %} on PyTorch; no claim rests on them."
    )


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "methods": ("Test errors of all methods, ours and the paper's", of_methods(lab)),
        "errors": ("Test errors by pass, and the loss curves of both sides", of_passes(lab)),
        "sizes": ("Errors by the number of training images", of_sizes(lab)),
    }
    return gallery(told)


def of_methods(lab: Lab) -> str:
    """Where our errors lie beside the paper's."""
    below = [METHODS[arm][0] for arm in ARMS if error(lab, arm).high < METHODS[arm][1]]
    listed = ", ".join(below) or "none"
    first, last = (f"{error(lab, arm).mean:.2f} %" for arm in (ARMS[0], ARMS[-1]))
    return (
        f"Errors go from {first} to {last}. Filled marks are ours, with intervals over seeds, hollow "
        f"ones the paper's; the whole interval lies below the paper's number for: {listed}."
    )


def of_passes(lab: Lab) -> str:
    """How errors fall, and how far apart the sides are."""
    (plain, plain_end), (distorted, distorted_end) = (ends(lab, arm) for arm in ("lenet5", "distorted"))
    return (
        f"Left: LeNet-5 has {plain:.2f} % after the first pass and {plain_end:.2f} % after the last; "
        f"with distorted images {distorted:.2f} % and {distorted_end:.2f} %. Right: on the embedded "
        f"digits PyTorch, the dashed curve, starts from the engine's weights and sees its batches; of "
        f"the losses drawn no two differ by more than {apart(lab):.1e}."
    )


def ends(lab: Lab, arm: str) -> tuple[float, float]:
    """Mean test error after the first pass and after the last."""
    means = mean_errors(lab, arm)
    return means[0], means[-1]


def mean_errors(lab: Lab, arm: str) -> list[float]:
    """Mean test error over seeds after each pass."""
    curves = [[look["error"] for look in run["history"]] for run in lab.runs("methods", arm=arm)]
    return [sum(values) / len(values) for values in zip(*curves, strict=True)]


def apart(lab: Lab) -> float:
    """The greatest difference between the losses of both sides with seed 0 on the digits."""
    ours, theirs = (lab.runs("digits", side)[0]["losses"] for side in ("numpy", "torch"))
    return float(max(abs(one - other) for one, other in zip(ours, theirs, strict=True)))


def of_sizes(lab: Lab) -> str:
    """What more images do to both errors."""
    found = [(f"{items:,}", by_size(lab, items), by_size(lab, items, "train_metrics")) for items in SIZES]
    said = ", ".join(f"{test.mean:.2f} % with {items}" for items, test, _ in found)
    steps = lab.runs("sizes", arm=str(SIZES[-1]))[0]["steps"]
    return (
        f"In as many updates ({steps:,}) the test error is {said} images; the training error, below "
        f"it, is {found[0][2].mean:.2f} % and {found[-1][2].mean:.2f} % at the two ends."
    )


def by_size(lab: Lab, items: int, split: str = "metrics") -> Interval:
    """The error with so many images, on the test images or on those."""
    return lab.spread("sizes", split, "error", arm=str(items))
