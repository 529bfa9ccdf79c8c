"""The README's further blocks: tables, and what to see in each picture, all from the results."""

import base64

import numpy as np

from tinygrad_lab.study import Lab, Record, best_rate, gallery, table

from .experiment import ARMS
from .speed import UNITS

STARTS = {"paper": "the paper's initial values", "tuned": "pale pixels, initial weights tuned"}


# ---- read off the results --------------------------------------------------------------------------------------------
def runs(lab: Lab, arm: str, side: str = "numpy") -> list[Record]:
    """The runs of a network."""
    return lab.runs("arms", side, arm)


def last(lab: Lab, arm: str, name: str, side: str = "numpy") -> list[float]:
    """An error after the last step, one a seed: "train", "test" or "ten_views"."""
    return [float(run["history"][-1][name]) for run in runs(lab, arm, side)]


def gaps(lab: Lab, arm: str) -> list[float]:
    """Points by which the test error is above the training error, both in evaluation mode; one a seed."""
    return [test - train for test, train in zip(last(lab, arm, "test"), last(lab, arm, "train"), strict=True)]


def seconds(lab: Lab, arm: str) -> float:
    """What a run of a network took."""
    return lab.spread("arms", "seconds", arm=arm).mean


def data(lab: Lab, name: str) -> str:
    """The images of a results file."""
    found = lab.results(name)["environment"]["data"]
    return f"{found['name']}, {found['items']:,} training images"


def solved(curve: list[float], budget: Record, level: float) -> int | None:
    """Steps after which a curve of errors first is at a level or below; nothing where it never is."""
    return next((budget["every"] * point for point, error in enumerate(curve, 1) if error <= level), None)


def steps_of_seeds(curves: list[list[float]], budget: Record, level: float | None = None) -> str:
    """Steps to a level, the paper's if none is given, one number a seed."""
    needed = [solved(curve, budget, budget["level"] if level is None else level) for curve in curves]
    return ", ".join(str(steps) if steps else f"over {budget['steps']}" for steps in needed)


# ---- tables ----------------------------------------------------------------------------------------------------------
def tables(lab: Lab) -> dict[str, str]:
    """Figure 1 at other levels, every network that was compared, all rates that were tried, what to see in pictures."""
    return {"speed": speed(lab), "arms": arms(lab), "rates": rates(lab), "pictures": pictures(lab)}


def speed(lab: Lab) -> str:
    """Steps of both units to three levels."""
    results, starts = lab.results("speed"), lab.results("starts")["errors"]
    levels = (50.0, results["level"], 20.0)
    rows = [
        [unit, start_name(starts[unit], comparison), f"{best_rate(starts[unit][comparison]):g}"]
        + [steps_of_seeds(results["curves"][comparison][unit]["numpy"], results, level) for level in levels]
        for comparison in STARTS
        for unit in UNITS
    ]
    columns = ["units", "start", "learning rate", *(f"steps to {level:g} %" for level in levels)]
    return table(columns, rows, right=1 + len(levels))


def start_name(errors: dict[str, dict[str, float]], comparison: str) -> str:
    """What a unit's networks began with."""
    return "paper" if comparison == "paper" else f"pale pixels, weights of {best_rate(errors['spreads']):g}"


def arms(lab: Lab) -> str:
    """Every network that was compared."""
    columns = ("network", "parameters", "learning rate", "training error", "test error", "gap", "NumPy time a run")
    return table(columns, [arm_row(lab, arm) for arm in ARMS], right=6)


def arm_row(lab: Lab, arm: str) -> tuple[str, ...]:
    """One network's line."""
    run, (train, test) = runs(lab, arm)[0], (lab.interval(last(lab, arm, name)) for name in ("train", "test"))
    gap = lab.interval(gaps(lab, arm))
    return (
        arm, f"{run['parameters']:,}", f"{run['config']['learning_rate']:g}", f"{train:.2f %}", f"{test:.2f %}",
        f"{gap:.2f points}", f"{seconds(lab, arm):.0f} s",
    )  # fmt: skip


def rates(lab: Lab) -> str:
    """Held-out errors of every network and of both units at every rate."""
    found = dict(lab.results("rates")["errors"])
    for unit, errors in lab.results("starts")["errors"].items():
        found |= {f"{unit}, {STARTS[comparison]}": errors[comparison] for comparison in STARTS}
        found[f"{unit}, by initial weights"] = errors["spreads"]
    return table(("what", "held-out error in percent, by rate"), [(name, listed(found[name])) for name in found])


def listed(scores: dict[str, float]) -> str:
    """Scores by rate, the best in bold."""
    best = best_rate(scores)
    return ", ".join(
        f"**{rate}: {score:.1f}**" if float(rate) == best else f"{rate}: {score:.1f}" for rate, score in scores.items()
    )


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "speed": ("Training error by step: ReLU against tanh from two kinds of initial values", of_speed(lab)),
        "arms": (f"Training and test error of {len(ARMS)} networks", of_arms(lab)),
        "kernels": ("Kernels of the first layer", of_kernels(lab)),
    }
    return gallery(told)


def of_speed(lab: Lab) -> str:
    """When the curves of both units cross the level."""
    results = lab.results("speed")
    said = [
        f"{unit} after {steps_of_seeds(results['curves'][comparison][unit]['numpy'], results)}"
        for comparison in STARTS
        for unit in UNITS
    ]
    return (
        f"Solid lines are ReLUs, dashed ones tanh units, one a seed. Steps to the level of {results['level']:g} %, the "
        f"thin line: left, from the paper's initial values, {said[0]}; {said[1]}. Right, with initial weights tuned "
        f"for each, {said[2]}; {said[3]}."
    )


def of_arms(lab: Lab) -> str:
    """Which network has the lowest test error, and which the widest gap."""
    test = {arm: lab.interval(last(lab, arm, "test")).mean for arm in ARMS}
    gap = {arm: lab.interval(gaps(lab, arm)).mean for arm in ARMS}
    lowest, widest = min(test, key=test.__getitem__), max(gap, key=gap.__getitem__)
    return (
        f"Of the test errors that of {lowest} is the lowest, {test[lowest]:.2f} %; standard has "
        f"{test['standard']:.2f} %. From training to test error it is furthest for {widest}, {gap[widest]:.2f} points; "
        f"for standard {gap['standard']:.2f}."
    )


def of_kernels(lab: Lab) -> str:
    """How smooth the kernels are, which began as noise."""
    found = [pixels(picture) for picture in lab.results("arms")["kernels"]]
    return (
        f"The {len(found[0])} kernels of each of {len(found)} seeds, blue negative and red positive. They began as "
        "noise, whose neighbouring weights do not correlate; after training those side by side correlate by "
        f"{np.mean([smoothness(kernels) for kernels in found]):.2f}: strokes and edges, but no colours and few "
        "frequencies, as the images are small and grey."
    )


def pixels(picture: Record) -> np.ndarray:
    """The bytes of a network's kernels, (maps, side, side)."""
    flat = np.frombuffer(base64.b64decode(picture["pixels"]), np.uint8)
    return flat.reshape(picture["shape"])[:, 0]


def smoothness(kernels: np.ndarray) -> float:
    """The correlation of weights that are side by side in a row, over all kernels."""
    signed = kernels.astype(float) - 128
    return float(np.corrcoef(signed[..., :-1].ravel(), signed[..., 1:].ravel())[0, 1])
