"""The claims of LeNet-5: its error on handwritten digits, with and without distortions of the training images.

tinygrad-lab claims lenet
"""

from dataclasses import replace
from typing import Any

from papers.lenet.config import VARIANTS, LeNetConfig
from tinygrad_lab.data import available
from tinygrad_lab.paper import Claim, Summary, Verdict

# name -> (variant, data set, distortions, epochs, seeds)
SETTINGS: dict[str, tuple[str, str, bool, int, int]] = {
    "plain": ("1998", "mnist", False, 20, 3),
    "distorted": ("1998", "mnist", True, 20, 1),
    "modern": ("modern", "mnist", False, 8, 1),
    "fashion": ("1998", "fashion-mnist", False, 8, 1),
    "digits": ("1998", "digits", False, 60, 3),
}


def configuration(name: str, quick: bool) -> LeNetConfig:
    """What a setting trains."""
    variant, dataset, distort, epochs, _ = SETTINGS[name]
    return replace(VARIANTS[variant]["paper"], dataset=dataset, distort=distort, epochs=1 if quick else epochs)


def measure(lab: Any) -> None:
    """Train each setting whose images are to be had, on the engine; its first seed also on PyTorch."""
    for name, (_, dataset, _, _, seeds) in SETTINGS.items():
        if not available(dataset):
            continue
        config = configuration(name, lab.quick)
        runs = [lab.train(config, seed, label=name, each_epoch=True) for seed in lab.seeds(seeds)]
        runs.append(lab.train(config, 0, side="torch", label=name, each_epoch=True))
        lab.save(name, {"runs": [run.record() for run in runs]}, config)


def errors(lab: Any, name: str, side: str) -> list[float]:
    """Test errors in percent after the last epoch, one a seed."""
    return [run["metrics"]["error"] for run in lab.results(name)["runs"] if run["side"] == side]


def claims(lab: Any) -> list[Claim]:
    """An error rate is reproduced when the mean over seeds, less its 95 % half width, is at or below the paper's."""
    found = []
    if lab.has("plain"):
        found.append(_claim(lab, "plain", "0.95 % test error on MNIST", "section III-B, figure 5", 0.95))
        found.append(_claim(lab, "distorted", "0.8 % with distorted training images", "section III-B, figure 5", 0.8))
    return found


def _claim(lab: Any, name: str, statement: str, source: str, target: float) -> Claim:
    numpy, torch = (lab.interval(errors(lab, name, side)) for side in ("numpy", "torch"))
    reached = numpy.mean - (numpy.half_width if numpy.count > 1 else 0.0) <= target
    config = lab.results(name)["runs"][0]["config"]
    ran = (
        f"{config['epochs']} passes over the 60,000 training images, batches of {config['batch_size']}, Adam "
        f"{config['learning_rate']:g} with a cosine schedule, error after the last pass; {numpy.count} seed(s)"
    )
    verdict: Verdict = "reproduced" if reached else "not reproduced"
    why = f"{numpy:.2f %} against {target} %"
    return Claim(statement, source, ran, f"{numpy:.2f %}", f"{torch:.2f %}", verdict, why)


def tables(lab: Any) -> dict[str, str]:
    """The block "settings": every run that was made, also on data the paper did not have."""
    lines = [
        "| network | data | passes | NumPy error | PyTorch error | NumPy time a run |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, (variant, dataset, distort, _, _) in SETTINGS.items():
        if lab.has(name):
            runs = lab.results(name)["runs"]
            numpy, torch = (lab.interval(errors(lab, name, side)) for side in ("numpy", "torch"))
            seconds = lab.interval([run["seconds"] for run in runs if run["side"] == "numpy"])
            data = dataset + (", distorted" if distort else "")
            passes = runs[0]["config"]["epochs"]
            lines.append(f"| {variant} | {data} | {passes} | {numpy:.2f %} | {torch:.2f %} | {seconds.mean:.0f} s |")
    return {"settings": "\n".join(lines)}


def summary(lab: Any) -> Summary:
    """The standard training run: the 1998 network on MNIST, or on the embedded digits where MNIST is missing."""
    name = "plain" if lab.has("plain") else "digits"
    results = lab.results(name)
    config, data = results["runs"][0]["config"], results["environment"]["data"]
    seconds = {side: [r["seconds"] for r in results["runs"] if r["side"] == side] for side in ("numpy", "torch")}
    return Summary(
        data=f"{data['name']}, {data['items']:,} training images, centred in 32 x 32, background -0.1, ink 1.175",
        model=f"LeNet-5 of 1998, {results['runs'][0]['parameters']:,} trainable parameters",
        loss=f"eq. 9 with j = {config['rubbish']:g}, mean over the batch",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}",
        schedule=f"cosine to 0 over {config['epochs']} epochs",
        metric="test error in percent, after the last epoch",
        expected="below 2 % after the first epochs, near 1 % at the end; the training error goes on to about 0 %",
        numpy=f"{lab.interval(errors(lab, name, 'numpy')):.2f %}",
        torch=f"{lab.interval(errors(lab, name, 'torch')):.2f %}",
        command="tinygrad-lab claims lenet (all), tinygrad-lab train lenet --size paper (one run)",
        time=f"{lab.interval(seconds['numpy']):.0f s} NumPy, {lab.interval(seconds['torch']):.0f s} PyTorch a run, "
        f"{results['environment']['blas_threads']} BLAS thread(s)",
    )


def figures(lab: Any) -> None:
    """Test error by epoch of every setting, and the same weights' loss curves on both sides."""
    made = [name for name in SETTINGS if lab.has(name)]
    with lab.figure("errors", width=9) as figure:
        left, right = figure.subplots(1, 2)
        for name in made:
            runs = [run for run in lab.results(name)["runs"] if run["side"] == "numpy"]
            curves = [[epoch["error"] for epoch in run["history"]] for run in runs]
            mean = [sum(values) / len(values) for values in zip(*curves, strict=True)]
            variant, dataset, distort, _, _ = SETTINGS[name]
            left.plot(range(1, len(mean) + 1), mean, label=f"{variant}, {dataset}" + (", distorted" * distort))
        left.set(xlabel="epoch", ylabel="test error, %", yscale="log", title="NumPy engine, mean over seeds")
        left.set_yticks(ticks := [0.5, 1, 2, 5, 10, 20, 50, 100], [f"{tick:g}" for tick in ticks])
        left.legend(fontsize="small")
        for run in lab.results(made[0])["runs"]:
            if run["seed"] == 0:
                steps = [run["steps"] * i / len(run["losses"]) for i in range(len(run["losses"]))]
                style = "-" if run["side"] == "numpy" else "--"
                right.plot(steps, run["losses"], style, label=run["side"], linewidth=1)
        right.set(xlabel="step", ylabel="training loss", yscale="log", title=f"{SETTINGS[made[0]][1]}, seed 0")
        right.locator_params(axis="x", nbins=4)
        right.legend(title="same weights, same batches", fontsize="small")


if __name__ == "__main__":
    import runpy
    import sys

    sys.argv = ["tinygrad-lab", "claims", "lenet", *sys.argv[1:]]
    runpy.run_module("tinygrad_lab", run_name="__main__")
