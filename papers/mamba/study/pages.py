"""The README's further blocks: induction heads by length, a sample, and what to see in each picture."""

import math
from statistics import median

from tinygrad_lab.study import Lab, gallery, table

from .experiment import ARMS, LENGTHS

PLACES = ("tokens", "places after them", "noise")  # where step sizes are told


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "lengths", "sample" and "pictures"."""
    sample = f"```text\n{lab.results('text')['sample'].strip()}\n```"
    return {"lengths": lengths(lab), "sample": sample, "pictures": pictures(lab)}


def lengths(lab: Lab) -> str:
    """Percent of the induction sequences that each run answers, by length."""
    asked = [n for n in LENGTHS if str(n) in lab.runs("induction", arm="selective")[0]["history"][-1]]
    rows = [
        [f"{arm}, {run['seed']}", *(percent(run["history"][-1].get(str(n))) for n in asked)]
        for arm in ARMS["induction"]
        for run in lab.runs("induction", arm=arm)
    ]
    return table(["model, seed", *(f"{n:,}" for n in asked)], rows, right=len(asked))


def percent(right: float | None) -> str:
    """A share, or a dash where a run was not asked."""
    return "-" if right is None else f"{right:.1f}"


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "tasks": ("Both synthetic tasks", of_tasks(lab)),
        "step_sizes": ("Step sizes along a sequence, and by the distance from a token", of_step_sizes(lab)),
        "text": ("Training losses of all language models", of_text(lab)),
        "cost": ("Time and memory of a character and of a scan", of_cost(lab)),
    }
    return gallery(told)


def of_tasks(lab: Lab) -> str:
    """How the arms go apart."""
    first, last = (
        {arm: median(run["history"][look]["accuracy"] for run in lab.runs("copying", arm=arm))
         for arm in ARMS["copying"]}
        for look in (0, -1)
    )  # fmt: skip
    end = {arm: by_length(lab, arm, LENGTHS[0]) for arm in ARMS["induction"]}
    far = {arm: by_length(lab, arm, longest(lab, arm)) for arm in ARMS["induction"]}
    return (
        "Numbers are medians over seeds. Left: copying, every seed a line that ends where it is solved; at the first "
        f"look the selective networks copy {first['selective']:.1f} % and the time-invariant ones "
        f"{first['time-invariant']:.1f} %, at their last ones {last['selective']:.1f} % and "
        f"{last['time-invariant']:.1f} %. Right: induction heads by length; at the {LENGTHS[0]} tokens of training "
        f"Mamba answers {end['selective']:.1f} % and rotary attention {end['LLaMA']:.1f} %, at "
        f"{longest(lab, 'selective'):,} tokens Mamba {far['selective']:.1f} %, at {longest(lab, 'LLaMA'):,} attention "
        f"{far['LLaMA']:.1f} %."
    )


def by_length(lab: Lab, arm: str, length: int) -> float:
    """Percent of the induction sequences of a length that are answered, median over seeds."""
    return float(median(run["history"][-1][str(length)] for run in lab.runs("induction", arm=arm)))


def longest(lab: Lab, arm: str) -> int:
    """The greatest length that an arm was asked."""
    return max(int(length) for length in lab.runs("induction", arm=arm)[0]["history"][-1])


def of_step_sizes(lab: Lab) -> str:
    """Where Δ is large and where it is small, against the story of section 3.5 or with it."""
    seeds = lab.results("copying")["step_sizes"]["since"]
    said = [of_block([blocks[number] for blocks in seeds], number + 1) for number in range(len(seeds[0]))]
    return (
        "In section 3.5 a large Δ lets a token in, and a small one passes it by. Left: one test sequence in the first "
        f"network. Right: means over test sequences, of {len(seeds)} networks, and here the medians over these. "
        f"{' '.join(said)} The convolution holds a token for three places more, and what to keep can also be told by B "
        "and C: Δ at the token itself need not be large."
    )


def of_block(since: list[list[float]], number: int) -> str:
    """One block: Δ at tokens, one to three places after, and in noise; since: of each network, by distance."""
    found = dict(zip(PLACES, zip(*(spots(means) for means in since), strict=True), strict=True))
    at, after, noise = map(median, found.values())
    smaller = sum(means[0] < means[-1] for means in since)
    alone = [
        f" At {place} one network has more than the others together ({max(sizes):.3f} of {sum(sizes):.3f})."
        for place, sizes in found.items()
        if len(sizes) > 2 and max(sizes) > sum(sizes) / 2
    ]
    return (
        f"In block {number} Δ is {at:.3f} at a token, at most {after:.3f} one to three places after it, and "
        f"{noise:.3f} in noise further on; it is smaller at tokens than in noise in {smaller} of {len(since)} networks."
        f"{''.join(alone)}"
    )


def spots(means: list[float]) -> tuple[float, float, float]:
    """Δ at a token, the largest while the convolution holds it, and that of noise."""
    return means[0], max(means[1:-1]), means[-1]


def of_text(lab: Lab) -> str:
    """What each language model ends at, on each side."""
    return (
        "Every seed a line, smoothed over five points. On the held-out text the means over the engine's seeds are: "
        f"{ends_of(lab, 'numpy')}; over PyTorch's, which are others: {ends_of(lab, 'torch')}."
    )


def ends_of(lab: Lab, side: str) -> str:
    """What a character costs each of a side's language models."""
    bits = {arm: lab.spread("text", "metrics", "bits", side=side, arm=arm).mean for arm in ARMS["text"]}
    return ", ".join(f"{arm} {math.log(2) * cost:.3f} nats ({cost:.3f} bits)" for arm, cost in bits.items())


def of_cost(lab: Lab) -> str:
    """What grows with the position, and what does not."""
    cost = lab.results("cost")
    times, again, places = cost["written"]["milliseconds"], cost["reread"], cost["positions"]
    steps = lab.results("scan")["steps"]
    longest = max(steps, key=int)
    fused, plain = (steps[longest][form]["milliseconds"] for form in ("fused", "step by step"))
    return (
        f"Left: a character takes {times[0]:.2f} ms at position {places[0]:,} and {times[-1]:.2f} ms at "
        f"{places[-1]:,}; reading everything again {again[0]:.0f} and {again[-1]:,.0f} ms. Middle: Mamba keeps "
        f"{cost['written']['kilobytes'][0]:.0f} kB wherever it is. Right: the scan over {longest} steps "
        f"takes {fused:.1f} ms as one operation, {plain:.1f} ms step by step."
    )
