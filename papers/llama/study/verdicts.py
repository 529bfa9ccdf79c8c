"""What became of the claims, judged from the result files alone."""

from tinygrad_lab.study import Claim, Finding, Lab, Rates, out_of_reach

from .blocks import summary as summary
from .blocks import tables as tables
from .numbers import GROUPED, at_size, first, held_out, more, nats, seconds, text, tokens, with_bits

NANOGPT = 1.88  # nats a character after 2,000 steps on a CPU, from its README
# That number is a mean over 240 windows after one run: two standard errors are 0.03, seeds differ by 0.01.
SAMPLED = 0.04  # nats that it may lie off
CLOSE = 0.03  # nats a character that a part may cost and still count as as good
FLAT = 1.5  # a token after the longest prompt may take so many times what it takes after the shortest
MEMORY = " (from memory)"  # a table or section whose number was not looked up
SMALLEST, NEXT = 16, 32  # widths; and the smallest one's numbers of steps
ENOUGH, ON = 4096, 16_384


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        _yardstick(lab),
        _exchange(
            lab,
            "gpt",
            "a block of GPT (LayerNorm, GELU, learned positions, biases)",
            statement="LLaMA's block is better than GPT's, both tuned alike",
            source=f"section 2.2 names its parts; no table there compares them{MEMORY}",
        ),
        _normalised(lab),
        _normalised_sooner(lab),
        _exchange(
            lab,
            "gelu",
            "GELU in two matrices",
            statement="a layer gated by SiLU is better than one with GELU",
            source=f"Shazeer 2020, table 1; LLaMA section 2.2{MEMORY}",
        ),
        _exchange(
            lab,
            "learned",
            "learned positions",
            statement="positions that rotate are better than a learned table of them",
            source=f"Su et al. 2021, section 4; LLaMA section 2.2{MEMORY}",
        ),
        _grouped(lab),
        _further(lab),
        _flat(lab),
        _faster(lab),
        out_of_reach(
            "LLaMA 13B beats GPT-3 of 175B on most benchmarks",
            f"section 3, tables 3 to 9{MEMORY}",
            "compute",
            "13 billion parameters and 10^12 tokens make 8 × 10^22 operations, 25,000 years at 10^11 a second",
        ),
    ]


# ---- the whole -------------------------------------------------------------------------------------------------------


def _yardstick(lab: Lab) -> Claim:
    runs, ours = lab.runs("yardstick"), lab.spread("yardstick", "metrics", "loss")
    config = runs[0]["config"]
    found = lab.judge.at_most(NANOGPT - SAMPLED, lab.values("yardstick", "metrics", "loss"))
    if text(lab) != "Tiny Shakespeare":
        found = found.hold_back("the text is not there")
    return Claim(
        f"better than nanoGPT on as many tokens: a held-out loss below its {NANOGPT} on Tiny Shakespeare",
        source="nanoGPT's README, its setting for a CPU; not in the paper",
        ran=f"{text(lab)}: {config['layers']} layers, {config['heads']} heads, width {config['hidden_size']}, context "
        f"{config['context']}, {runs[0]['steps']:,} batches of {config['batch_size']}, {runs[0]['parameters']:,} "
        f"parameters, by nanoGPT's recipe: learning rate {config['learning_rate']:g}, second moments of "
        f"{config['beta2']:g}; the whole held-out tenth; {len(runs)} seeds",
        numpy=with_bits(ours) + " a character",
        finding=found.run_for(lab.spread("yardstick", "seconds").mean),
        why=f"the whole interval is asked to be {SAMPLED} below, as that number is a mean over 240 windows; by our "
        f"recipe {held_out(lab):.3f}, in PyTorch {held_out(lab, 'torch'):.3f}",
    )


# ---- its parts -------------------------------------------------------------------------------------------------------


def _rates(lab: Lab, results: str) -> Rates:
    return Rates("validation", lab.results(results)["rates"])


def _fair(lab: Lab, finding: Finding, ours: str, theirs: str) -> Finding:
    """A finding for one arm against another, each with the best of its rates."""
    tuned = finding.tuned(_rates(lab, "parts"), ours, theirs)
    return tuned.run_for(lab.spread("parts", "seconds", arm="llama").mean)


def _as_good(lab: Lab, name: str, other: str) -> Finding:
    """That a network costs no more nats than another one, but for what counts as as good."""
    return lab.judge.not_worse([-loss for loss in nats(lab, name)], [-loss for loss in nats(lab, other)], CLOSE)


def _losses(lab: Lab, name: str, side: str = "numpy") -> str:
    base, exchanged = (lab.interval(nats(lab, arm, side)) for arm in ("llama", name))
    return f"{with_bits(base)}, against {with_bits(exchanged)} a character"


def _against(lab: Lab, name: str, other: str) -> str:
    """What was run to compare the network with one that has another part."""
    base, exchanged = first(lab, "llama"), first(lab, name)
    config = base["config"]
    return (
        f"{text(lab)}, {base['steps']:,} batches of {config['batch_size']} windows of {config['context']}: "
        f"{config['layers']} layers of width {config['hidden_size']} against the same with {other} "
        f"({base['parameters']:,} and {exchanged['parameters']:,} parameters), a rate for each; "
        f"{len(nats(lab, 'llama'))} seeds"
    )


def _exchange(lab: Lab, name: str, other: str, statement: str, source: str) -> Claim:
    """A claim that a part is better than what it took the place of."""

    def judged(side: str) -> Finding:
        return lab.judge.superiority(nats(lab, name, side), nats(lab, "llama", side))

    witnessed = bool(nats(lab, name, "torch"))
    finding = judged("numpy")
    finding = finding.confirmed_by(judged("torch")) if witnessed else finding
    torch = _losses(lab, name, "torch") if witnessed else "-"
    again = f"; in PyTorch {more(lab, name, 'torch'):.3f nats}" if witnessed else ""
    return Claim(
        statement,
        source,
        _against(lab, name, other),
        _losses(lab, name),
        _fair(lab, finding, "llama", name),
        f"difference {more(lab, name):.3f nats}{again}",
        torch,
    )


def _normalised(lab: Lab) -> Claim:
    return Claim(
        "RMSNorm does what LayerNorm does",
        source=f"Zhang, Sennrich 2019, table 2{MEMORY}",
        ran=_against(lab, "layer-norm", "LayerNorm"),
        numpy=_losses(lab, "layer-norm"),
        finding=_fair(lab, _as_good(lab, "llama", "layer-norm"), "llama", "layer-norm"),
        why=f"LayerNorm costs {more(lab, 'layer-norm'):.3f nats} more, no less than -{CLOSE} is asked",
    )


def _normalised_sooner(lab: Lab) -> Claim:
    times = lab.results("norms")["seconds"]
    faster = times["LayerNorm"] / times["RMSNorm"]
    rows, width = lab.results("norms")["shape"]
    return Claim(
        "RMSNorm takes less time than LayerNorm",
        source=f"Zhang, Sennrich 2019, table 2{MEMORY}",
        ran=f"processor time of the two operations alone, forward and backward, on {rows} states of width {width}",
        numpy=f"{1e6 * times['RMSNorm']:.0f} against {1e6 * times['LayerNorm']:.0f} µs",
        finding=lab.judge.timed(1 / faster, 1.0),
        why=f"{faster:.2f} times as fast, 1.25 times is asked, so that another processor has room",
    )


def _grouped(lab: Lab) -> Claim:
    heads, kept = (first(lab, name)["config"]["kv_heads"] for name in ("llama", GROUPED))
    ran = _against(lab, GROUPED, f"{kept} heads of keys and values instead of {heads}")
    return Claim(
        "queries can share keys and values: nearly as good, with a smaller cache",
        source=f"Ainslie et al. 2023, table 1; Llama 2, section 2.2{MEMORY}",
        ran=f"{ran}; a cache of {kept / heads:.0%} the size",
        numpy=_losses(lab, GROUPED),
        finding=_fair(lab, _as_good(lab, GROUPED, "llama"), GROUPED, "llama"),
        why=f"difference {more(lab, GROUPED):.3f nats}, less than {CLOSE} is asked",
    )


# ---- small models, many tokens ---------------------------------------------------------------------------------------


def _further(lab: Lab) -> Claim:
    places = ((SMALLEST, ENOUGH), (NEXT, ENOUGH // 4), (SMALLEST, ON))
    small, larger, longer = (lab.interval(at_size(lab, *place)) for place in places)
    runs = [lab.runs("sizes", arm=f"{width}, {steps}")[0] for width, steps in places]
    cost = [tokens(run) * run["parameters"] for run in runs]
    times_over = tokens(runs[2]) / lab.results("sizes")["environment"]["data"]["items"]
    return Claim(
        "small models keep improving past the number of tokens that is optimal for their training",
        source=f"figure 1{MEMORY}",
        ran=f"{text(lab)}, two layers: width {SMALLEST} ({runs[0]['parameters']:,} parameters) over "
        f"{tokens(runs[0]):,} and then {tokens(runs[2]):,} characters, {times_over:.1f} times the text; width {NEXT} "
        f"({runs[1]['parameters']:,}) over {tokens(runs[1]):,}; {small.count} seeds, the rate of each size",
        numpy=f"{with_bits(small)}, then {with_bits(longer)}; width {NEXT}: {with_bits(larger)}",
        finding=_keeps_improving(lab).run_for(lab.spread("sizes", "seconds", arm=f"{SMALLEST}, {ON}").mean),
        why=f"past its optimum: width {NEXT} with {cost[1] / cost[0]:.0%} of the arithmetic (parameters × tokens) is "
        "asked to be better; and the smallest one to be better still after four times the tokens",
    )


def _keeps_improving(lab: Lab) -> Finding:
    """That the smallest network was past its optimum, which is the premise, and improved."""
    small, rates = at_size(lab, SMALLEST, ENOUGH), _rates(lab, "sizes")
    past = lab.judge.superiority(small, at_size(lab, NEXT, ENOUGH // 4)).tuned(rates, str(NEXT), str(SMALLEST))
    gain = lab.judge.superiority(small, at_size(lab, SMALLEST, ON))
    gain = gain.allowing_for(ours="no rate was tuned for the longest run")
    if past.verdict == "refuted":
        return gain.hold_back("the smallest network is not past its optimum yet")
    return lab.judge.all_of(past, gain)


# ---- what a token costs ----------------------------------------------------------------------------------------------


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
