"""The claims about what LoRA costs: memory, files, time in training and in use, and merging."""

from tinygrad_lab.study import Claim, Lab

from .experiment import DEFAULT
from .findings import kilobytes, milliseconds, percent, time_ratio

MUCH_LESS = 10  # times less memory and a file so much smaller are asked for
# Bounds of ratios of times; ``timed`` asks for room by a factor of 1.25 on either side of them.  A step of LoRA must
# take 20 % less than one of full fine-tuning, which is the paper's 25 % faster.  A pass of the merged model may take
# 10 % more than one of the base, since times on a shared machine vary by some percent even in turns.
FASTER, NO_TIME = 1.0, 1.375


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim; that on a published model where it was to be had."""
    return [_memory(lab), _time(lab), _in_use(lab), *([_merging(lab)] if lab.has("smollm2") else [])]


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
    merged, apart = (time_ratio(lab, "use", name, "base") for name in ("merged", "apart"))
    times = (f"{name} {milliseconds(lab, 'use', name):.1f}" for name in ("base", "merged", "apart"))
    return Claim(
        statement="merged into the weights, an adapter adds no time in use",
        source="section 4.1",
        ran=f"forward passes over a training batch in turns, {_rounds(lab, 'use')} of each, medians; r = 4 on q and v",
        numpy=f"{', '.join(times)} ms",
        finding=lab.judge.timed(merged, NO_TIME),
        why=f"the merged model takes {merged:.3f} times as long as the base, {NO_TIME / 1.25:.2f} at most are asked "
        f"for; with the adapter apart {apart:.3f} times",
    )


def _rounds(lab: Lab, kind: str) -> int:
    return len(next(iter(lab.results("times")[kind].values())))


def _merging(lab: Lab) -> Claim:
    found = lab.results("smollm2")
    recipe, share = found["recipe"], found["trained"] / found["parameters"]
    same = found["merged_difference"] < 1e-4 and found["unmerged_difference"] == 0
    return Claim(
        statement="an adapter can be merged into the weights, and taken out again",
        source="section 4.1",
        ran=f"SmolLM2-135M on Tiny Shakespeare, r = {recipe['rank']} on q and v, {recipe['steps']} steps of "
        f"{recipe['batch_size']} x {recipe['length']} tokens, one run",
        numpy=f"held-out loss {found['before']:.3f} -> {found['after']:.3f} nats per token, "
        f"merged {found['merged']:.3f}; {found['trained']:,} of {found['parameters']:,} parameters ({percent(share)}); "
        f"{found['seconds']:.0f} s, peak {found['peak_mb']:,.0f} MB",
        finding=lab.judge.counted(same),
        why=f"logits merged and apart differ by {found['merged_difference']:.0e} of the largest; "
        f"after unmerging by {found['unmerged_difference']:g}",
    )
