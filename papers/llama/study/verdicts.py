"""What became of the claims, judged from the result files alone.

A difference in loss counts when its 95 % interval over seeds, in pairs, excludes 0.
"""

from typing import Any

from tinygrad_lab.study import Claim, Lab, Summary, Verdict

Runs = list[dict[str, Any]]
NANOGPT = 1.88  # nats a character after 2,000 steps on a CPU, from its README
TEXTS = {"tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts", "timemachine": "The Time Machine"}
CLOSE = 0.03  # nats a character that grouped queries may cost and still count as close
FLAT = 1.5  # a token after the longest prompt may take so many times what it takes after the shortest
GROUPED = "grouped queries"


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    exchanges = [_exchange(lab, name, *described) for name, described in EXCHANGES.items()]
    return [_yardstick(lab), _normalised(lab), *exchanges, _grouped(lab), _flat(lab), _faster(lab), *_FAR]


def text(lab: Lab) -> str:
    """The text that was trained on."""
    return TEXTS[lab.results("characters")["environment"]["data"]["name"]]


def whole_runs(lab: Lab, side: str = "numpy") -> Runs:
    """The runs of the case study."""
    return [run for run in lab.results("characters")["runs"] if run["side"] == side]


def part_runs(lab: Lab, name: str) -> Runs:
    """The runs with a part exchanged."""
    return lab.results("parts")["runs"][name]


def nats(runs: Runs) -> list[float]:
    """Nats that a character of the held-out text costs, one a run."""
    return [run["metrics"]["loss"] for run in runs]


def seconds(lab: Lab, side: str, how: str) -> dict[int, float]:
    """Seconds of a token by the length of what was before it."""
    return {int(length): value for length, value in lab.results("speed")["seconds"][side][how].items()}


def _yardstick(lab: Lab) -> Claim:
    runs = whole_runs(lab)
    ours, config = lab.interval(nats(runs)), runs[0]["config"]
    statement = f"better than nanoGPT on as many tokens: a held-out loss below its {NANOGPT} on Tiny Shakespeare"
    shakespeare = text(lab) == TEXTS["tinyshakespeare"]
    return Claim(
        statement=statement,
        source="nanoGPT's README, its setting for a CPU; not in the paper",
        ran=f"{text(lab)}: {config['layers']} layers, {config['heads']} heads, width {config['hidden_size']}, context "
        f"{config['context']}, {runs[0]['steps']:,} batches of {config['batch_size']}, "
        f"{runs[0]['parameters']:,} parameters; the whole held-out tenth; {len(runs)} seeds",
        numpy=f"{ours:.3f} nats a character",
        torch=f"{lab.interval(nats(whole_runs(lab, 'torch'))):.3f}",
        verdict=_judge(ours.mean + ours.half_width < NANOGPT) if shakespeare else "out of reach here",
        why="the whole interval is asked to be below" if shakespeare else "the text is not there",
    )


EXCHANGES = {
    "gelu": (
        "a layer gated by SiLU is better than one with GELU",
        "Shazeer 2020, table 1; LLaMA section 2.2",
        "GELU in two matrices",
    ),
    "learned": (
        "positions that rotate are better than a learned table of them",
        "Su et al. 2021, section 4; LLaMA section 2.2",
        "learned positions",
    ),
}


def _compared(lab: Lab, name: str, other: str) -> tuple[str, str]:
    """What was run, and the losses of both."""
    base, exchanged = part_runs(lab, "llama"), part_runs(lab, name)
    ran = (
        f"{text(lab)}, {base[0]['steps']} steps of the case study's network against the same with {other} "
        f"({base[0]['parameters']:,} and {exchanged[0]['parameters']:,} parameters), the better of two learning "
        f"rates each; {len(base)} seeds"
    )
    return ran, f"{lab.interval(nats(base)):.3f} against {lab.interval(nats(exchanged)):.3f} nats a character"


def _exchange(lab: Lab, name: str, statement: str, source: str, other: str) -> Claim:
    gain = lab.paired_difference(nats(part_runs(lab, name)), nats(part_runs(lab, "llama")))
    ran, numpy = _compared(lab, name, other)
    return Claim(
        statement=statement,
        source=source,
        ran=ran,
        numpy=numpy,
        torch="-",
        verdict=_judge(gain.low > 0),
        why=f"difference {gain:.3f nats}; above 0 with its whole interval is asked",
    )


def _normalised(lab: Lab) -> Claim:
    gain = lab.paired_difference(nats(part_runs(lab, "layer-norm")), nats(part_runs(lab, "llama")))
    ran, numpy = _compared(lab, "layer-norm", "LayerNorm")
    times = lab.results("norms")["seconds"]
    faster = times["LayerNorm"] / times["RMSNorm"]
    return Claim(
        statement="RMSNorm does what LayerNorm does, in less time",
        source="Zhang, Sennrich 2019, table 2",
        ran=f"{ran}; processor time of the two alone, forward and backward",
        numpy=f"{numpy}; {1e6 * times['RMSNorm']:.0f} against {1e6 * times['LayerNorm']:.0f} µs",
        torch="-",
        verdict=_judge(gain.high > 0 and faster > 1),
        why=f"difference {gain:.3f nats}, {faster:.2f} times as fast; not worse with its whole interval, and faster",
    )


def _grouped(lab: Lab) -> Claim:
    base, grouped = part_runs(lab, "llama"), part_runs(lab, GROUPED)
    loss = lab.paired_difference(nats(grouped), nats(base))
    heads, kept = base[0]["config"]["kv_heads"], grouped[0]["config"]["kv_heads"]
    return Claim(
        statement="queries can share keys and values: nearly as good, with a smaller cache",
        source="Ainslie et al. 2023, table 1; Llama 2, section 2.2",
        ran=f"{base[0]['steps']} steps; {kept} heads of keys and values instead of {heads}, a cache of "
        f"{kept / heads:.0%} the size; the learning rate of full attention; {len(base)} seeds",
        numpy=f"{lab.interval(nats(base)):.3f} against {lab.interval(nats(grouped)):.3f} nats a character",
        torch="-",
        verdict=_judge(loss.high < CLOSE),
        why=f"difference {loss:.3f nats}, less than {CLOSE} with its whole interval is asked",
    )


def _flat(lab: Lab) -> Claim:
    found = {side: seconds(lab, side, "cached") for side in ("numpy", "torch")}
    ratio = {side: times[max(times)] / times[min(times)] for side, times in found.items()}
    longest, shortest = max(found["numpy"]), min(found["numpy"])
    return Claim(
        statement="with keys and values kept, a token costs nearly the same however long the text before it is",
        source="not in the paper; its inference code keeps them",
        ran=f"the size of SmolLM2 (135 million parameters, random), one token at a time after {shortest} and after "
        f"{longest} tokens",
        numpy=f"{1e3 * found['numpy'][shortest]:.1f} and {1e3 * found['numpy'][longest]:.1f} ms",
        torch=f"{1e3 * found['torch'][shortest]:.1f} and {1e3 * found['torch'][longest]:.1f} ms",
        verdict=_judge(ratio["numpy"] < FLAT),
        why=f"{ratio['numpy']:.2f} times as long, less than {FLAT} is asked",
    )


def _faster(lab: Lab) -> Claim:
    ours, theirs = (seconds(lab, side, "cached") for side in ("numpy", "torch"))
    gains = [theirs[length] / ours[length] for length in ours]
    return Claim(
        statement="NumPy writes at least 1.2 times as many tokens a second as PyTorch, in float32 on a CPU",
        source="our own aim; not in the paper",
        ran="the same",
        numpy=f"{1 / ours[min(ours)]:.1f} tokens a second",
        torch=f"{1 / theirs[min(theirs)]:.1f} tokens a second",
        verdict=_judge(min(gains) >= 1.2),
        why=f"{min(gains):.2f} times at the least, over all lengths",
    )


_FAR = [
    Claim(
        statement=statement,
        source=source,
        ran="not run",
        numpy="-",
        torch="-",
        verdict="out of reach here",
        why="a trillion tokens are not for two cores",
    )
    for statement, source in (
        ("LLaMA 13B beats GPT-3 of 175B on most benchmarks", "section 3, tables 3 to 9"),
        ("small models keep improving past the number of tokens that is optimal for their training", "figure 1"),
    )
]


def _judge(holds: bool) -> Verdict:
    return "reproduced" if holds else "not reproduced"


# ---- the training summary --------------------------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """The case study's run."""
    runs, torch = whole_runs(lab), whole_runs(lab, "torch")
    results = lab.results("characters")
    data, first = results["environment"]["data"], runs[0]
    config = first["config"]
    tokens = config["batch_size"] * config["context"]
    pace = {
        side: lab.interval([run["steps"] * tokens / run["seconds"] for run in found])
        for side, found in (("n", runs), ("t", torch))
    }
    took = {side: lab.interval([run["seconds"] for run in found]) for side, found in (("n", runs), ("t", torch))}
    return Summary(
        data=f"{text(lab)}, {data['items']:,} characters to train on, a ninth as many after them held out",
        model=f"{config['layers']} layers of width {config['hidden_size']}, {config['heads']} heads, "
        f"{first['parameters']:,} parameters",
        loss=f"cross-entropy of the next character, mean over windows of {config['context']}",
        optimiser=f"AdamW, learning rate {config['learning_rate']:g}, betas 0.9 and {config['beta2']:g}, weight decay "
        f"{config['weight_decay']:g}, batch {config['batch_size']}, gradients clipped to norm {config['clip']:g}",
        schedule=f"{first['steps']:,} updates: {config['warmup']:.0%} of them rising, then a cosine to "
        f"{config['final_rate']:.0%}",
        metric="nats a character of the held-out text, windows without what was before them",
        expected="4.6 at the start (the logarithm of 96), 2.5 after some hundred steps (pairs of letters), below 1.9 "
        "at the end",
        numpy=f"{lab.interval(nats(runs)):.3f} nats",
        torch=f"{lab.interval(nats(torch)):.3f} nats",
        command="tinygrad-lab claims llama (all), tinygrad-lab train llama (one run)",
        time=f"{took['n']:.0f s} NumPy, {took['t']:.0f s} PyTorch a run ({pace['n'].mean:,.0f} and "
        f"{pace['t'].mean:,.0f} tokens a second), {results['environment']['blas_threads']} BLAS thread(s)",
    )


# ---- further blocks of the README ------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "parts" (what each part brings), "samples" (text on the way) and "speed" (what a token costs)."""
    return {"parts": _parts_table(lab), "samples": _samples(lab), "speed": _speed_table(lab)}


def _parts_table(lab: Lab) -> str:
    base = part_runs(lab, "llama")
    lines = [
        "| network | parameters | learning rate | nats a character | more than LLaMA |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, runs in lab.results("parts")["runs"].items():
        difference = "-" if name == "llama" else f"{lab.paired_difference(nats(runs), nats(base)):.3f}"
        lines.append(
            f"| {name} | {runs[0]['parameters']:,} | {runs[0]['config']['learning_rate']:g} | "
            f"{lab.interval(nats(runs)):.3f} | {difference} |"
        )
    return "\n".join(lines)


def _samples(lab: Lab) -> str:
    results, (run, *_) = lab.results("characters"), lab.results("pieces")["runs"]
    steps = whole_runs(lab)[0]["steps"] // max(1, len(results["samples"]) - 1)
    blocks = [
        f"Characters, after {number * steps:,} steps:\n\n{_quoted(written)}"
        for number, written in enumerate(results["samples"])
    ]
    title = (
        f"Byte pairs ({run['config']['vocab_size']} pieces), after {run['steps']:,} steps, "
        f"{run['metrics']['loss']:.2f} nats a character:"
    )
    return "\n\n".join([*blocks, f"{title}\n\n{_quoted(lab.results('pieces')['samples'][-1])}"])


def _quoted(written: str) -> str:
    return f"```text\n{written.strip()}\n```"


def _speed_table(lab: Lab) -> str:
    lines = ["| | tokens before | NumPy, ms a token | PyTorch, ms a token | ratio |", "|---|---:|---:|---:|---:|"]
    for how in lab.results("speed")["seconds"]["numpy"]:
        ours, theirs = (seconds(lab, side, how) for side in ("numpy", "torch"))
        lines += [
            f"| {how} | {length} | {1e3 * ours[length]:.1f} | {1e3 * theirs[length]:.1f} | "
            f"{theirs[length] / ours[length]:.2f} |"
            for length in ours
        ]
    return "\n".join(lines)
