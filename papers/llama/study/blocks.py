"""The README's blocks besides the claims: the training summary, tables, samples, and what to see in each picture."""

from itertools import pairwise

from tinygrad_lab.study import Lab, Summary, gallery, table

from .numbers import at_size, bits, first, held_out, more, nats, seconds, sizes, text, tokens, with_bits

TITLES = {
    "untrained": "Characters, untrained",
    "trained": "Characters, after {steps:,} steps",
    "byte pairs": "Byte pairs ({pieces} pieces), after {pairs:,} steps, {loss:.2f} nats a character",
}


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
        numpy=with_bits(held_out(lab)),
        torch=with_bits(held_out(lab, "torch")),
        command="tinygrad-lab claims llama (all), tinygrad-lab train llama (one run)",
        time=lab.run_time("characters", run=f"run ({pace} tokens a second)"),
    )


def _pace(lab: Lab, side: str) -> str:
    """Tokens a second."""
    return f"{lab.interval([tokens(run) / run['seconds'] for run in lab.runs('characters', side)]).mean:,.0f}"


def tables(lab: Lab) -> dict[str, str]:
    """What each part brings, the sizes, the rates, what a token costs, samples, and what the pictures show."""
    parts = ("network", "parameters", "learning rate", "nats a character", "bits", "nats more than LLaMA")
    grown = ("width", "parameters", "learning rate", "characters", "a parameter", "nats a character", "bits")
    speed = ("", "tokens before", "NumPy, ms a token", "PyTorch, ms a token", "ratio")
    hows, arms = lab.results("speed")["seconds"]["numpy"], lab.results("parts")["runs"]
    return {
        "parts": table(parts, [_part_row(lab, name) for name in arms], right=5),
        "sizes": table(grown, [_size_row(lab, w, steps) for w, some in sizes(lab).items() for steps in some], right=7),
        "rates": _rates(lab),
        "samples": _samples(lab),
        "speed": table(speed, [row for how in hows for row in _speed_rows(lab, how)], right=4),
        "pictures": _pictures(lab),
    }


def _part_row(lab: Lab, name: str) -> tuple[str, ...]:
    run, loss = first(lab, name), lab.interval(nats(lab, name))
    gain = "-" if name == "llama" else f"{more(lab, name):.3f}"
    rate = f"{run['config']['learning_rate']:g}"
    return name, f"{run['parameters']:,}", rate, f"{loss:.3f}", bits(loss.mean).split()[0], gain


def _size_row(lab: Lab, width: int, steps: int) -> tuple[object, ...]:
    run, loss = lab.runs("sizes", arm=f"{width}, {steps}")[0], lab.interval(at_size(lab, width, steps))
    parameters, read = run["parameters"], tokens(run)
    rate = f"{run['config']['learning_rate']:g}"
    known = bits(loss.mean).split()[0]
    return width, f"{parameters:,}", rate, f"{read:,}", f"{read / parameters:.0f}", f"{loss:.3f}", known


def _rates(lab: Lab) -> str:
    """Every grid with its scores, the best in bold."""
    grids = lab.results("parts")["rates"] | {f"width {w}": s for w, s in lab.results("sizes")["rates"].items()}
    rates = sorted({rate for scores in grids.values() for rate in scores}, key=float)
    rows = [(name, *(_score(scores, rate) for rate in rates)) for name, scores in grids.items()]
    return table(("nats by learning rate", *rates), rows, right=len(rates))


def _score(scores: dict[str, float], rate: str) -> str:
    if rate not in scores:
        return ""
    return f"**{scores[rate]:.3f}**" if scores[rate] == min(scores.values()) else f"{scores[rate]:.3f}"


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
    pieces, whole = lab.runs("pieces")[0], lab.runs("characters")[0]
    facts = {
        "steps": whole["steps"],
        "pieces": pieces["config"]["vocab_size"],
        "pairs": pieces["steps"],
        "loss": pieces["metrics"]["loss"],
    }
    written = lab.results("pieces")["samples"].items()
    return "\n\n".join(f"{TITLES[name].format(**facts)}:\n\n```text\n{sample.strip()}\n```" for name, sample in written)


# ---- what to see in the pictures -------------------------------------------------------------------------------------


def _pictures(lab: Lab) -> str:
    """Each picture and one sentence, with the numbers of the results."""
    said = {
        "losses": ("training losses of both sides, how far they are apart, and the held-out loss", _see_losses(lab)),
        "parts": ("what exchanging each part costs", _see_parts(lab)),
        "sizes": ("held-out loss by tokens, for three sizes", _see_sizes(lab)),
        "speed": ("milliseconds of a token by how many were before it", _see_speed(lab)),
    }
    return gallery(said)


def apart(lab: Lab) -> list[float]:
    """How far the training losses of both sides are from each other, step by step."""
    ours, theirs = (lab.runs("characters", side)[0]["losses"] for side in ("numpy", "torch"))
    return [abs(a - b) for a, b in zip(ours, theirs, strict=True)]


def _see_losses(lab: Lab) -> str:
    numpy, torch = held_out(lab).mean, held_out(lab, "torch").mean
    recipe = lab.values("yardstick", "metrics", "loss")
    return (
        f"Both sides start {apart(lab)[0]:.1g} nats apart and come at most {max(apart(lab)):.2g} apart, as rounding "
        f"grows; on the held-out text they end at {numpy:.3f} and {torch:.3f}, and by nanoGPT's recipe, the squares "
        f"at the right, between {min(recipe):.3f} and {max(recipe):.3f}."
    )


def _see_parts(lab: Lab) -> str:
    alone = {name: more(lab, name).mean for name in lab.results("parts")["runs"] if name not in ("llama", "gpt")}
    most = max(alone, key=alone.__getitem__)
    return (
        f"GPT's block, all exchanges at once, lies {more(lab, 'gpt').mean:+.3f} nats from LLaMA's; of the single ones "
        f"{most} lies farthest to the right, at {alone[most]:+.3f}."
    )


def _see_sizes(lab: Lab) -> str:
    width, steps = min(sizes(lab).items())
    losses = [lab.interval(at_size(lab, width, length)).mean for length in steps]
    said = " and ".join(f"{after - before:+.3f}" for before, after in pairwise(losses))
    return (
        f"The line of width {width} changes by {said} nats with every fourfold of the tokens; a dotted line joins "
        "networks that cost about the same arithmetic, and where it falls to the left, a larger network with fewer "
        "tokens was the better use of it."
    )


def _see_speed(lab: Lab) -> str:
    kept, anew = (seconds(lab, "numpy", how) for how in ("cached", "read anew"))
    grown = [times[max(times)] / times[min(times)] for times in (kept, anew)]
    return (
        f"On NumPy a token after {max(kept)} others takes {grown[0]:.2f} times what it takes after {min(kept)}, with "
        f"keys and values kept; read anew, {grown[1]:.2f} times from {min(anew)} to {max(anew)} already."
    )
