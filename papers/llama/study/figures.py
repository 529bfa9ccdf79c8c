"""The pictures of the case study, drawn from its result files."""

from tinygrad_lab.study import Lab, steps_of

from .verdicts import NANOGPT, nats, seconds, text

LABELS = {
    "layer-norm": "LayerNorm for RMSNorm",
    "gelu": "GELU for SwiGLU",
    "learned": "learned positions for rotary",
    "grouped queries": "grouped queries for full",
}


def losses(lab: Lab) -> None:
    """Training losses of both sides on top of each other, how far apart they are, and the held-out loss by step."""
    with lab.figure("losses", 13.0, 3.6) as figure:
        left, middle, right = figure.subplots(1, 3)
        ours, theirs = (lab.runs("characters", side)[0] for side in ("numpy", "torch"))
        steps = steps_of(ours)
        left.plot(steps, ours["losses"], label="NumPy", linewidth=1.6)
        left.plot(steps, theirs["losses"], "--", label="PyTorch", linewidth=1)
        left.set(xlabel="step", ylabel="training loss, nats", title="Same weights, same batches")
        left.legend()
        apart = [abs(a - b) for a, b in zip(ours["losses"], theirs["losses"], strict=True)]
        middle.plot(steps, [max(value, 1e-8) for value in apart], linewidth=1)
        middle.set(xlabel="step", yscale="log", title="how far the two losses are apart")
        for run in lab.runs("characters"):
            held_out = [epoch["loss"] for epoch in run["history"]]
            places = [run["steps"] * (i + 1) / len(held_out) for i in range(len(held_out))]
            right.plot(places, held_out, "o-", markersize=3, linewidth=1, label=f"seed {run['seed']}")
        right.axhline(NANOGPT, color="black", linewidth=0.8, linestyle=":", label=f"nanoGPT, {NANOGPT}")
        right.set(xlabel="step", ylabel="held out, nats a character", title=text(lab))
        right.legend(fontsize="small")


def parts(lab: Lab) -> None:
    """What exchanging each part costs, a dot a seed, and the interval of the mean."""
    base = nats(lab, "llama")
    with lab.figure("parts", 7.5, 2.8) as figure:
        axes = figure.subplots()
        for place, name in enumerate(LABELS):
            more = [b - a for a, b in zip(base, nats(lab, name), strict=True)]
            mean = lab.interval(more)
            axes.plot(more, [place] * len(more), "o", color=f"C{place}", markersize=4, alpha=0.7)
            if mean.count > 1:
                axes.errorbar(mean.mean, place, xerr=mean.half_width, color=f"C{place}", capsize=4, linewidth=1.4)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(LABELS)), list(LABELS.values()))
        axes.invert_yaxis()
        axes.set(xlabel="nats a character more than LLaMA (right: LLaMA is better)")


def speed(lab: Lab) -> None:
    """Milliseconds of a token by how many were before it."""
    with lab.figure("speed", 6.0, 3.4) as figure:
        axes = figure.subplots()
        for side, label, colour in (("numpy", "NumPy", "C0"), ("torch", "PyTorch", "C1")):
            for how, style in (("cached", "-o"), ("read anew", ":s")):
                times = seconds(lab, side, how)
                shown = [1e3 * value for value in times.values()]
                axes.plot(list(times), shown, style, color=colour, label=f"{label}, {how}", markersize=4)
        axes.set(xscale="log", yscale="log", title="135 million parameters")
        axes.set(xlabel="tokens before", ylabel="ms a token")
        axes.legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture."""
    losses(lab)
    parts(lab)
    speed(lab)
