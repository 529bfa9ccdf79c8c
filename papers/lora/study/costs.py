"""The claims about what LoRA costs: memory, files, time in training and in use."""

from tinygrad_lab.study import Claim, Lab

from .arms import DEFAULT
from .findings import kilobytes, milliseconds, time_ratio

MUCH_LESS = 10  # times less memory and a file so much smaller are asked for
# Bound of a ratio of times; ``timed`` asks for room by a factor of 1.25 on either side of it: a step of LoRA must take
# 20 % less than one of full fine-tuning, which is the paper's 25 % faster.
FASTER = 1.0


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [_memory(lab), _time(lab), _in_use(lab)]


def _memory(lab: Lab) -> Claim:
    full, lora = (lab.results("arms")["cost"][arm] for arm in ("full", DEFAULT))
    less = {part: full[part] / lora[part] for part in ("optimizer", "file")}
    return Claim(
        statement="the optimiser's memory and the file of a task shrink with the trained parameters "
        "(GPT-3: 350 GB -> 35 MB)",
        source="section 4.2",
        ran="AdamW's two moments; the adapter against the whole model, as files",
        numpy=f"optimiser {kilobytes(full['optimizer'])} -> {kilobytes(lora['optimizer'])}; "
        f"file {kilobytes(full['file'])} -> {kilobytes(lora['file'])}",
        finding=lab.judge.counted(min(less.values()) > MUCH_LESS),
        why=f"{less['optimizer']:.0f} and {less['file']:.0f} times less; more than {MUCH_LESS} times is asked for",
    )


def _time(lab: Lab) -> Claim:
    ratio = time_ratio(lab, "training", "lora", "full")
    full, lora = (milliseconds(lab, "training", name) for name in ("full", "lora"))
    return Claim(
        statement="a training step takes less time (GPT-3: 25 % faster)",
        source="section 4.2",
        ran=f"steps of both in turns, {_rounds(lab, 'training')} of each, medians",
        numpy=f"{full:.0f} ms -> {lora:.0f} ms a step",
        finding=lab.judge.timed(ratio, FASTER),
        why=f"a step takes {ratio:.2f} times as long; at most {FASTER / 1.25:.2f} would be clear on any processor",
    )


def _in_use(lab: Lab) -> Claim:
    """The same operations on the same shapes take the same time, on any machine; apart an adapter runs more of them."""
    found = lab.results("times")["operations"]
    base, merged, apart = (found[name] for name in ("base", "merged", "apart"))
    times = (f"{name} {milliseconds(lab, 'use', name):.1f}" for name in found)
    unseen = "what is counted does not tell an adapter apart from none" if apart == base else ""
    slower = {name: time_ratio(lab, "use", name, "base") for name in ("merged", "apart")}
    return Claim(
        statement="merged into the weights, an adapter adds no time in use",
        source="section 4.1",
        ran="the operations of a forward pass over a training batch, each with the shapes of its inputs; r = 4 on q "
        f"and v; passes in turns, {_rounds(lab, 'use')} of each, medians",
        numpy=", ".join(f"{name} {sum(ran.values())}" for name, ran in found.items())
        + f" operations; {', '.join(times)} ms",
        finding=lab.judge.counted(merged == base).allowing_for(theirs=unseen),
        why="the merged model is asked to run what the base runs, no more and no other; with the adapter apart it runs "
        f"{sum(apart.values()) - sum(base.values())} operations more; passes take {slower['merged']:.3f} and "
        f"{slower['apart']:.3f} times as long as the base's",
    )


def _rounds(lab: Lab, kind: str) -> int:
    return len(next(iter(lab.results("times")[kind].values())))
