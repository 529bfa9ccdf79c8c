"""What became of the claims, judged from the result files alone."""

from tinygrad_lab.study import Claim, Finding, Interval, Lab, Rates, Record, Summary, not_run, out_of_reach, table

NANOGPT = 1.88  # nats a character after 2,000 steps on a CPU, from its README
TEXTS = {"tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts", "timemachine": "The Time Machine"}
CLOSE = 0.03  # nats a character that a part may cost and still count as as good
FLAT = 1.5  # a token after the longest prompt may take so many times what it takes after the shortest
GROUPED = "grouped queries"


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        _yardstick(lab),
        _normalised(lab),
        _exchange(
            lab,
            "gelu",
            "GELU in two matrices",
            statement="a layer gated by SiLU is better than one with GELU",
            source="Shazeer 2020, table 1; LLaMA section 2.2",
        ),
        _exchange(
            lab,
            "learned",
            "learned positions",
            statement="positions that rotate are better than a learned table of them",
            source="Su et al. 2021, section 4; LLaMA section 2.2",
        ),
        _grouped(lab),
        _flat(lab),
        _faster(lab),
        out_of_reach(
            "LLaMA 13B beats GPT-3 of 175B on most benchmarks",
            "section 3, tables 3 to 9",
            "compute",
            "13 billion parameters and 10^12 tokens make 8 × 10^22 operations, 25,000 years at 10^11 a second",
        ),
        not_run(
            "small models keep improving past the number of tokens that is optimal for their training",
            "figure 1",
            "it could be tried in small, with several sizes and numbers of tokens",
        ),
    ]


# ---- the whole -------------------------------------------------------------------------------------------------------


def text(lab: Lab) -> str:
    """The text that was trained on."""
    return TEXTS[lab.results("characters")["environment"]["data"]["name"]]


def _held_out(lab: Lab, side: str = "numpy") -> Interval:
    """Nats that a character of the held-out text costs in the case study."""
    return lab.spread("characters", "metrics", "loss", side=side)


def _yardstick(lab: Lab) -> Claim:
    runs, ours = lab.runs("characters"), _held_out(lab)
    config = runs[0]["config"]
    found = lab.judge.at_most(NANOGPT, lab.values("characters", "metrics", "loss"))
    if text(lab) != TEXTS["tinyshakespeare"]:
        found = found.hold_back("the text is not there")
    found = found.but("nanoGPT's number is at its one rate of 1e-3, which nobody tuned")
    return Claim(
        f"better than nanoGPT on as many tokens: a held-out loss below its {NANOGPT} on Tiny Shakespeare",
        source="nanoGPT's README, its setting for a CPU; not in the paper",
        ran=f"{text(lab)}: {config['layers']} layers, {config['heads']} heads, width {config['hidden_size']}, context "
        f"{config['context']}, {runs[0]['steps']:,} batches of {config['batch_size']}, "
        f"{runs[0]['parameters']:,} parameters; the whole held-out tenth; {len(runs)} seeds",
        numpy=f"{ours:.3f} nats a character",
        torch=f"{_held_out(lab, 'torch'):.3f}",
        finding=found.run_for(lab.spread("characters", "seconds").mean),
        why="the whole interval is asked to be below",
    )


# ---- its parts -------------------------------------------------------------------------------------------------------


def nats(lab: Lab, name: str) -> list[float]:
    """Nats that a character of the held-out text costs with a part exchanged, one a seed."""
    return lab.values("parts", "metrics", "loss", arm=name)


def _first(lab: Lab, name: str) -> Record:
    return lab.runs("parts", arm=name)[0]


def _more(lab: Lab, name: str) -> Interval:
    """Nats that a character costs more than in the case study's network."""
    return lab.paired_difference(nats(lab, name), nats(lab, "llama"))


def _fair(lab: Lab, finding: Finding, name: str) -> Finding:
    """A finding for the network against one with a part exchanged, each with the better of its rates."""
    rates = Rates("test", lab.results("parts")["rates"])
    return finding.tuned(rates, "llama", name).run_for(lab.spread("parts", "seconds", arm="llama").mean)


def _as_good(lab: Lab, name: str, other: str) -> Finding:
    """That a network costs no more nats than another one, but for what counts as as good."""
    return lab.judge.not_worse([-loss for loss in nats(lab, name)], [-loss for loss in nats(lab, other)], CLOSE)


def _losses(lab: Lab, name: str) -> str:
    base, exchanged = (lab.interval(nats(lab, arm)) for arm in ("llama", name))
    return f"{base:.3f} against {exchanged:.3f} nats a character"


def _against(lab: Lab, name: str, other: str) -> str:
    """What was run to compare the network with one that has another part."""
    base, exchanged = _first(lab, "llama"), _first(lab, name)
    return (
        f"{text(lab)}, {base['steps']} steps of the case study's network against the same with {other} "
        f"({base['parameters']:,} and {exchanged['parameters']:,} parameters), the better of two learning "
        f"rates each; {len(nats(lab, 'llama'))} seeds"
    )


def _exchange(lab: Lab, name: str, other: str, statement: str, source: str) -> Claim:
    """A claim that a part is better than what it took the place of."""
    gain = _more(lab, name)
    why = f"difference {gain:.3f nats}"
    ran = _against(lab, name, other)
    found = _fair(lab, lab.judge.superiority(nats(lab, name), nats(lab, "llama")), name)
    return Claim(statement, source, ran, _losses(lab, name), found, why)


def _normalised(lab: Lab) -> Claim:
    gain, times = _more(lab, "layer-norm"), lab.results("norms")["seconds"]
    faster = times["LayerNorm"] / times["RMSNorm"]
    found = lab.judge.all_of(_as_good(lab, "llama", "layer-norm"), lab.judge.timed(1 / faster, 1.0))
    return Claim(
        "RMSNorm does what LayerNorm does, in less time",
        source="Zhang, Sennrich 2019, table 2",
        ran=_against(lab, "layer-norm", "LayerNorm") + "; processor time of the two alone, forward and backward",
        numpy=f"{_losses(lab, 'layer-norm')}; {1e6 * times['RMSNorm']:.0f} against {1e6 * times['LayerNorm']:.0f} µs",
        finding=_fair(lab, found, "layer-norm"),
        why=f"difference {gain:.3f nats}, no less than -{CLOSE} is asked; {faster:.2f} times as fast, which leaves "
        "another processor no room",
    )


def _grouped(lab: Lab) -> Claim:
    loss, base = _more(lab, GROUPED), _first(lab, "llama")
    heads, kept = (_first(lab, name)["config"]["kv_heads"] for name in ("llama", GROUPED))
    return Claim(
        "queries can share keys and values: nearly as good, with a smaller cache",
        source="Ainslie et al. 2023, table 1; Llama 2, section 2.2",
        ran=f"{base['steps']} steps; {kept} heads of keys and values instead of {heads}, a cache of "
        f"{kept / heads:.0%} the size; the learning rate of full attention; {loss.count} seeds",
        numpy=_losses(lab, GROUPED),
        finding=_fair(lab, _as_good(lab, GROUPED, "llama"), "llama"),
        why=f"difference {loss:.3f nats}, less than {CLOSE} is asked",
    )


# ---- what a token costs ----------------------------------------------------------------------------------------------


def seconds(lab: Lab, side: str, how: str) -> dict[int, float]:
    """Seconds of a token by the length of what was before it."""
    return {int(length): value for length, value in lab.results("speed")["seconds"][side][how].items()}


def _flat(lab: Lab) -> Claim:
    numpy, torch = (seconds(lab, side, "cached") for side in ("numpy", "torch"))
    shortest, longest = min(numpy), max(numpy)
    ratio = numpy[longest] / numpy[shortest]
    return Claim(
        "with keys and values kept, a token costs nearly the same however long the text before it is",
        source="not in the paper; its inference code keeps them",
        ran=f"the size of SmolLM2 (135 million parameters, random), one token at a time after {shortest} and after "
        f"{longest} tokens",
        numpy=f"{1e3 * numpy[shortest]:.1f} and {1e3 * numpy[longest]:.1f} ms",
        torch=f"{1e3 * torch[shortest]:.1f} and {1e3 * torch[longest]:.1f} ms",
        finding=lab.judge.timed(ratio, FLAT),
        why=f"{ratio:.2f} times as long, less than {FLAT} is asked",
    )


def _faster(lab: Lab) -> Claim:
    ours, theirs = (seconds(lab, side, "cached") for side in ("numpy", "torch"))
    least = min(theirs[length] / ours[length] for length in ours)
    return Claim(
        "NumPy writes at least 1.2 times as many tokens a second as PyTorch, in float32 on a CPU",
        source="our own aim; not in the paper",
        ran="the same",
        numpy=f"{1 / ours[min(ours)]:.1f} tokens a second",
        torch=f"{1 / theirs[min(theirs)]:.1f} tokens a second",
        finding=lab.judge.timed(1 / least, 1 / 1.2),
        why=f"{least:.2f} times at the least, over all lengths",
    )


# ---- the README's other blocks ---------------------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """The case study's run."""
    results = lab.results("characters")
    run, data = results["runs"][0], results["environment"]["data"]
    config = run["config"]
    pace = " and ".join(_pace(lab, side) for side in ("numpy", "torch"))
    return Summary(
        data=f"{text(lab)}, {data['items']:,} characters to train on, a ninth as many after them held out",
        model=f"{config['layers']} layers of width {config['hidden_size']}, {config['heads']} heads, "
        f"{run['parameters']:,} parameters",
        loss=f"cross-entropy of the next character, mean over windows of {config['context']}",
        optimiser=f"AdamW, learning rate {config['learning_rate']:g}, betas 0.9 and {config['beta2']:g}, weight decay "
        f"{config['weight_decay']:g}, batch {config['batch_size']}, gradients clipped to norm {config['clip']:g}",
        schedule=f"{run['steps']:,} updates: {config['warmup']:.0%} of them rising, then a cosine to "
        f"{config['final_rate']:.0%}",
        metric="nats a character of the held-out text, windows without what was before them",
        expected="4.6 at the start (the logarithm of 96), 2.5 after some hundred steps (pairs of letters), below 1.9 "
        "at the end",
        numpy=f"{_held_out(lab):.3f} nats",
        torch=f"{_held_out(lab, 'torch'):.3f} nats",
        command="tinygrad-lab claims llama (all), tinygrad-lab train llama (one run)",
        time=lab.run_time("characters", run=f"run ({pace} tokens a second)"),
    )


def _pace(lab: Lab, side: str) -> str:
    """Tokens a second."""
    runs = lab.runs("characters", side)
    tokens = runs[0]["steps"] * runs[0]["config"]["batch_size"] * runs[0]["config"]["context"]
    return f"{lab.interval([tokens / run['seconds'] for run in runs]).mean:,.0f}"


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "parts" (what each part brings), "samples" (text on the way) and "speed" (what a token costs)."""
    parts = ("network", "parameters", "learning rate", "nats a character", "more than LLaMA")
    speed = ("", "tokens before", "NumPy, ms a token", "PyTorch, ms a token", "ratio")
    hows, arms = lab.results("speed")["seconds"]["numpy"], lab.results("parts")["runs"]
    return {
        "parts": table(parts, [_part_row(lab, name) for name in arms], right=4),
        "samples": _samples(lab),
        "speed": table(speed, [row for how in hows for row in _speed_rows(lab, how)], right=4),
    }


def _part_row(lab: Lab, name: str) -> tuple[str, ...]:
    run, loss = _first(lab, name), lab.interval(nats(lab, name))
    more = "-" if name == "llama" else f"{_more(lab, name):.3f}"
    return name, f"{run['parameters']:,}", f"{run['config']['learning_rate']:g}", f"{loss:.3f}", more


def _speed_rows(lab: Lab, how: str) -> list[tuple[object, ...]]:
    ours, theirs = (seconds(lab, side, how) for side in ("numpy", "torch"))
    return [
        (
            how,
            length,
            f"{1e3 * ours[length]:.1f}",
            f"{1e3 * theirs[length]:.1f}",
            f"{theirs[length] / ours[length]:.2f}",
        )
        for length in ours
    ]


def _samples(lab: Lab) -> str:
    characters, pieces = (lab.results(name)["samples"] for name in ("characters", "pieces"))
    apart, run = lab.runs("characters")[0]["steps"] // max(1, len(characters) - 1), lab.runs("pieces")[0]
    blocks = [(f"Characters, after {number * apart:,} steps", sample) for number, sample in enumerate(characters)]
    title = f"Byte pairs ({run['config']['vocab_size']} pieces), after {run['steps']:,} steps"
    blocks.append((f"{title}, {run['metrics']['loss']:.2f} nats a character", pieces[-1]))
    return "\n\n".join(f"{title}:\n\n```text\n{sample.strip()}\n```" for title, sample in blocks)
