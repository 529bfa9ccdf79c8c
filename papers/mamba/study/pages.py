"""The README's further blocks: induction heads by length, a sample, and what to see in each picture."""

import math

from tinygrad_lab.study import Lab, gallery, table

from .experiment import ARMS, LENGTHS


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
        {arm: lab.interval([run["history"][look]["accuracy"] for run in lab.runs("copying", arm=arm)]).mean
         for arm in ARMS["copying"]}
        for look in (0, -1)
    )  # fmt: skip
    end = {arm: by_length(lab, arm, LENGTHS[0]) for arm in ARMS["induction"]}
    far = {arm: by_length(lab, arm, longest(lab, arm)) for arm in ARMS["induction"]}
    return (
        f"Left: copying, every seed a line that ends where it is solved; at the first look the selective networks copy "
        f"{first['selective']:.1f} % and the time-invariant ones {first['time-invariant']:.1f} %, at their last ones "
        f"{last['selective']:.1f} % and {last['time-invariant']:.1f} %. Right: induction heads by length; at the "
        f"{LENGTHS[0]} tokens of training Mamba answers {end['selective']:.1f} % and rotary attention "
        f"{end['LLaMA']:.1f} %, at {longest(lab, 'selective'):,} tokens Mamba {far['selective']:.1f} %, at "
        f"{longest(lab, 'LLaMA'):,} attention {far['LLaMA']:.1f} %."
    )


def by_length(lab: Lab, arm: str, length: int) -> float:
    """Mean percent of the induction sequences of a length that are answered."""
    return lab.interval([run["history"][-1][str(length)] for run in lab.runs("induction", arm=arm)]).mean


def longest(lab: Lab, arm: str) -> int:
    """The greatest length that an arm was asked."""
    return max(int(length) for length in lab.runs("induction", arm=arm)[0]["history"][-1])


def of_step_sizes(lab: Lab) -> str:
    """Where Δ is large and where it is small, against the story of section 3.5 or with it."""
    seeds = lab.results("copying")["step_sizes"]["since"]
    said = [of_block([blocks[number] for blocks in seeds], number + 1) for number in range(len(seeds[0]))]
    return (
        "In section 3.5 a large Δ lets a token in, and a small one passes it by. Left: one test sequence in the first "
        f"network. Right: means over test sequences, of {len(seeds)} networks. {' '.join(said)} The convolution holds "
        "a token for three places more, and what to keep can also be told by B and C: Δ at the token itself need not "
        "be large."
    )


def of_block(since: list[list[float]], number: int) -> str:
    """One block: Δ at tokens, one to three places after, and in noise; since: of each network, by distance."""
    at, after, noise = (sum(values) / len(values) for values in zip(*(spots(means) for means in since), strict=True))
    smaller = sum(means[0] < means[-1] for means in since)
    return (
        f"In block {number} Δ is {at:.3f} at a token, at most {after:.3f} one to three places after it, and "
        f"{noise:.3f} in noise further on; it is smaller at tokens than in noise in {smaller} of {len(since)} networks."
    )


def spots(means: list[float]) -> tuple[float, float, float]:
    """Δ at a token, the largest while the convolution holds it, and that of noise."""
    return means[0], max(means[1:-1]), means[-1]


def of_text(lab: Lab) -> str:
    """What each language model ends at."""
    ends = {arm: lab.spread("text", "metrics", "bits", arm=arm).mean for arm in ARMS["text"]}
    said = ", ".join(f"{arm} {math.log(2) * bits:.3f} nats ({bits:.3f} bits)" for arm, bits in ends.items())
    return (
        f"Every seed a line, smoothed over five points; on the held-out text the means over seeds are: "
        f"{said}. Right: Mamba and the time-invariant block again, with PyTorch's runs, dashed, which "
        "have other seeds."
    )


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
