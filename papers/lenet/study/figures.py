"""Pictures of LeNet-5's runs; what to see in each stands in pages.py."""

from typing import Any

from tinygrad_lab.study import Lab, draw_both_sides

from .experiment import ARMS, SIZES
from .pages import METHODS, PAPERS_NEIGHBOURS, by_size, error, mean_errors

TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def figures(lab: Lab) -> None:
    """All three; without MNIST there is nothing to draw but the curves of the digits."""
    with lab.figure("errors", width=9.0) as figure:
        left, right = figure.subplots(1, 2)
        if lab.has("methods"):
            draw_passes(left, lab)
        draw_sides(right, lab)
    if lab.has("methods"):
        with lab.figure("methods", height=3.0) as figure:
            draw_methods(figure.subplots(), lab)
        with lab.figure("sizes", width=5.0, height=3.5) as figure:
            draw_sizes(figure.subplots(), lab)


def draw_passes(axes: Any, lab: Lab) -> None:
    """Test error by pass of everything that learns."""
    for arm in ARMS:
        means = mean_errors(lab, arm)
        axes.plot(range(1, len(means) + 1), means, ".-", label=METHODS[arm][0])
    axes.set(xlabel="passes", ylabel="test error, %", yscale="log", title="NumPy engine, mean over seeds")
    mark(axes.yaxis, axes.get_ylim())
    axes.legend(fontsize="small")


def draw_sides(axes: Any, lab: Lab) -> None:
    """The training losses of both sides on the digits."""
    draw_both_sides(axes, lab.results("digits")["runs"])
    axes.set(xlabel="update", ylabel="training loss", yscale="log", title="digits, seed 0")
    axes.legend(title="same weights, same batches", fontsize="small")


def draw_methods(axes: Any, lab: Lab) -> None:
    """A line for each method: our error with its interval, and the paper's."""
    found = lab.results("neighbours")
    names = [f"{found['k']} nearest neighbours", *(METHODS[arm][0] for arm in ARMS)]
    ours = [found["error"], *(error(lab, arm).mean for arm in ARMS)]
    reach = [0.0, *(error(lab, arm).half_width for arm in ARMS)]
    papers = [PAPERS_NEIGHBOURS, *(METHODS[arm][1] for arm in ARMS)]
    axes.errorbar(ours, names, xerr=reach, fmt="o", capsize=3, label="here")
    axes.plot(papers, names, "o", color="black", fillstyle="none", label="in the paper")
    axes.set(xlabel="test error, %", xscale="log")
    mark(axes.xaxis, axes.get_xlim())
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend()


def draw_sizes(axes: Any, lab: Lab) -> None:
    """Test and training error by the number of images, as in figure 6."""
    for split, name in (("metrics", "test"), ("train_metrics", "training")):
        found = [by_size(lab, items, split) for items in SIZES]
        reach = [spread.half_width for spread in found]
        axes.errorbar(SIZES, [spread.mean for spread in found], yerr=reach, fmt="o-", capsize=3, label=name)
    axes.set(xlabel="training images", ylabel="error, %", ylim=(0, None))
    axes.set_xticks(SIZES, [f"{items:,}" for items in SIZES])
    axes.legend()


def mark(axis: Any, limits: tuple[float, float]) -> None:
    """Ticks of a logarithmic axis as plain numbers."""
    ticks = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_tick_params(which="minor", labelleft=False, labelbottom=False)
