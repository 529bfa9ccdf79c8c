"""Pictures of LeNet-5's runs."""

from tinygrad_lab.study import Lab, draw_both_sides

from .experiment import SETTINGS


def figures(lab: Lab) -> None:
    """Test error by epoch of every setting, and the same weights' loss curves on both sides."""
    made = [name for name in SETTINGS if lab.has(name)]
    with lab.figure("errors", width=9) as figure:
        left, right = figure.subplots(1, 2)
        for name in made:
            runs = lab.runs(name)
            curves = [[epoch["error"] for epoch in run["history"]] for run in runs]
            mean = [sum(values) / len(values) for values in zip(*curves, strict=True)]
            variant, dataset, distort, _, _ = SETTINGS[name]
            left.plot(range(1, len(mean) + 1), mean, label=f"{variant}, {dataset}" + (", distorted" * distort))
        left.set(xlabel="epoch", ylabel="test error, %", yscale="log", title="NumPy engine, mean over seeds")
        left.set_yticks(ticks := [0.5, 1, 2, 5, 10, 20, 50, 100], [f"{tick:g}" for tick in ticks])
        left.legend(fontsize="small")
        draw_both_sides(right, lab.results(made[0])["runs"])
        right.set(xlabel="step", ylabel="training loss", yscale="log", title=f"{SETTINGS[made[0]][1]}, seed 0")
        right.locator_params(axis="x", nbins=4)
        right.legend(title="same weights, same batches", fontsize="small")
