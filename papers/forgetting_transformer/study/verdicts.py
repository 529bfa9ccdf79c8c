"""What became of the claims, judged from the result files alone.

Losses are nats per character; perplexity is their exponential.
"""

import math
from itertools import pairwise

import numpy as np

from tinygrad_lab.study import Claim, Finding, Interval, Lab, Rates, Record, Summary, out_of_reach, table

from ..config import CHANGES, VARIANTS, FoXConfig
from ..data import STRETCHES
from ..model import build

FILES = {  # arm -> its results
    "FoX (LLaMA)": "arm-fox-llama",
    "Transformer (LLaMA)": "arm-transformer-llama",
    "FoX (Pro)": "arm-fox-pro",
    "Transformer (Pro)": "arm-transformer-pro",
    "learned constant gates": "arm-learned-constant-gates",
    "fixed gates": "arm-fixed-gates",
    "no gates, no positions": "arm-no-gates-no-positions",
}
TEXTS = {"kjv": "the King James Bible", "topics": "Python's help texts"}
RISE = 0.02  # nats a character that the loss may rise beyond the training length and still count as holding
CLOSE = 0.02  # nats a character that count as no difference
FAR = 0.25  # share of the training length that some head has to remember for claims about long texts to be tried


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        _better(lab, "Transformer (LLaMA)", "FoX (LLaMA)", "table 1: 26.45 against 28.14 on WikiText"),
        _better(lab, "Transformer (Pro)", "FoX (Pro)", "table 1: 23.04 against 24.12 on WikiText"),
        _better(lab, "FoX (LLaMA)", "FoX (Pro)", "table 1: 23.04 against 26.45 on WikiText"),
        _better(lab, "learned constant gates", "FoX (LLaMA)", "section 4, data-independent gates"),
        _better(lab, "fixed gates", "FoX (LLaMA)", "section 4, fixed gates"),
        _without_positions(lab),
        _extrapolation(lab),
        _farther(lab),
        _pruning(lab),
        _OFTEN_QUOTED,
        _memory(lab),
    ]


def runs_of(lab: Lab, arm: str, side: str = "numpy") -> list[Record]:
    """The runs of an arm."""
    return lab.runs(FILES[arm], side)


def losses(lab: Lab, arm: str) -> list[float]:
    """Nats a character of held-out text, windows as long as in training, one a run."""
    return lab.values(FILES[arm], "metrics", "loss")


def perplexity(lab: Lab, arm: str, side: str = "numpy") -> str:
    """Perplexity of a character, with its interval."""
    return f"{lab.spread(FILES[arm], 'metrics', 'perplexity', side=side):.3f}"


def positions_of(lab: Lab, arm: str) -> np.ndarray:
    """Loss by position.    (seeds, positions)"""
    return np.array(lab.results(FILES[arm])["positions"])


def training_length(lab: Lab) -> int:
    """Tokens in a training window."""
    return int(runs_of(lab, "FoX (LLaMA)")[0]["config"]["length"])


def ran(lab: Lab, *arms: str) -> str:
    """How the arms were trained."""
    first = {arm: runs_of(lab, arm)[0] for arm in arms}
    run, config = first[arms[0]], first[arms[0]]["config"]
    sizes = [
        f"{arm}: {other['parameters']:,} parameters, learning rate {other['config']['learning_rate']:g}"
        for arm, other in first.items()
    ]
    return (
        f"{TEXTS[config['dataset']]}, character by character; {config['layers']} layers of width "
        f"{config['hidden_size']}, {run['steps']:,} steps of {config['batch_size']} windows of {config['length']}; "
        f"{', '.join(sizes)}; {len(runs_of(lab, arms[0]))} seeds"
    )


# ---- which model is better -------------------------------------------------------------------------------------------


def _better(lab: Lab, worse: str, better: str, source: str) -> Claim:
    gain = lab.paired_difference(losses(lab, worse), losses(lab, better))
    witness = bool(runs_of(lab, better, "torch"))
    return Claim(
        f"{better} predicts better than {worse}",
        source,
        ran(lab, better, worse),
        numpy=f"perplexity {perplexity(lab, better)} against {perplexity(lab, worse)}",
        torch=f"{better}: {perplexity(lab, better, 'torch')}" if witness else "-",
        finding=_fair(lab, lab.judge.superiority(losses(lab, worse), losses(lab, better)), better, worse),
        why=f"{gain:.4f nats} a character; the best of {', '.join(lab.results('rates')['loss'][better])} for each",
    )


def _fair(lab: Lab, finding: Finding, ours: str, theirs: str) -> Finding:
    """A finding about two arms, each with the best of its rates."""
    rates = Rates("test", lab.results("rates")["loss"])
    seconds = max(lab.spread(FILES[arm], "seconds").mean for arm in (ours, theirs))
    return finding.tuned(rates, ours, theirs).run_for(seconds)


def _without_positions(lab: Lab) -> Claim:
    arms = ("FoX (LLaMA)", "Transformer (LLaMA)", "no gates, no positions")
    fox, rotary, nope = (losses(lab, arm) for arm in arms)
    lost, kept = lab.paired_difference(nope, rotary), lab.paired_difference(rotary, fox)
    as_good = lab.judge.not_worse([-nats for nats in fox], [-nats for nats in rotary], CLOSE)
    found = lab.judge.all_of(
        _fair(lab, lab.judge.superiority(nope, rotary), arms[1], arms[2]), _fair(lab, as_good, arms[0], arms[1])
    )
    return Claim(
        "with gates no positions are needed: attention without either is worse than rotary, FoX is not",
        "section 3",
        ran(lab, *arms),
        numpy="perplexity " + ", ".join(f"{arm}: {perplexity(lab, arm)}" for arm in arms),
        finding=found,
        why=f"without either {lost:.4f nats} more than rotary, rotary {kept:.4f nats} more than FoX; above 0 and above "
        f"-{CLOSE:g} are asked for",
    )


# ---- lengths ---------------------------------------------------------------------------------------------------------


def contexts_of(lab: Lab, arm: str) -> dict[int, list[float]]:
    """Loss of the same stretches of text after each length of context, one a seed."""
    runs = lab.results(FILES[arm])["contexts"]
    return {int(context): [run[context] for run in runs] for context in runs[0]}


def rise(lab: Lab, arm: str) -> Interval:
    """Loss after the longest context less that after half a training length, with which a window is a training one."""
    nats = contexts_of(lab, arm)
    return lab.paired_difference(nats[max(nats)], nats[training_length(lab) // 2])


def longest_memory(lab: Lab) -> float:
    """Tokens that the head with the longest memory remembers, of both models whose gates were looked at."""
    means = [lab.results(FILES[arm])["gates"]["mean"] for arm in ("FoX (LLaMA)", "FoX (Pro)")]
    return float(np.max(-1 / np.array(means)))


def _of_long_texts(lab: Lab, finding: Finding) -> Finding:
    """A finding about long texts, held back where no head remembers far enough to try the claim."""
    memory, length = longest_memory(lab), training_length(lab)
    if memory < FAR * length:
        finding = finding.hold_back(
            f"no head remembers more than {memory:.1f} of the {length} tokens of a window, so that longer texts change "
            "nothing"
        )
    return finding.run_for(lab.spread(FILES["FoX (LLaMA)"], "seconds").mean)


def _extrapolation(lab: Lab) -> Claim:
    arms = ("FoX (LLaMA)", "FoX (Pro)", "Transformer (LLaMA)", "Transformer (Pro)")
    rises = {arm: rise(lab, arm) for arm in arms}
    half, longest = training_length(lab) // 2, max(contexts_of(lab, arms[0]))
    nats = [contexts_of(lab, arm) for arm in arms]
    ends = [(loss[longest], [before + RISE for before in loss[half]]) for loss in nats]
    found = lab.judge.all_of(
        *(lab.judge.superiority(bound, after) for after, bound in ends[:2]),
        *(lab.judge.superiority(after, bound) for after, bound in ends[2:]),
    )
    return Claim(
        "beyond the training length FoX's loss does not rise, that of the rotary Transformer does",
        "section 4, loss per token beyond the training length",
        f"{STRETCHES} stretches of {half} held-out characters, after {longest:,} characters less after {half}, as "
        "many as in training; models as above",
        numpy=", ".join(f"{arm}: {rises[arm]:.3f nats}" for arm in arms),
        finding=_of_long_texts(lab, found),
        why=f"more than {RISE:g} is a rise",
    )


def _farther(lab: Lab) -> Claim:
    nats, half = contexts_of(lab, "FoX (LLaMA)"), training_length(lab) // 2
    within = lab.paired_difference(nats[half // 2], nats[half])
    beyond = lab.paired_difference(nats[half], nats[4 * half])
    found = lab.judge.all_of(
        lab.judge.superiority(nats[half // 2], nats[half]), lab.judge.superiority(nats[half], nats[4 * half])
    )
    return Claim(
        "FoX's loss goes on falling with more context, up to the training length and beyond it",
        "section 4, loss per token",
        "the same stretches of text after less and more context, FoX (LLaMA)",
        numpy=f"{half // 2} to {half} characters before: {within:.4f nats} better; {half} to {4 * half}: "
        f"{beyond:.4f nats}",
        finding=_of_long_texts(lab, found),
        why=f"both are asked to be above 0; the longest memory of a head is {longest_memory(lab):.1f} tokens",
    )


# ---- costs -----------------------------------------------------------------------------------------------------------


def _pruning(lab: Lab) -> Claim:
    results = {arm: lab.results(FILES[arm])["pruning"] for arm in ("FoX (LLaMA)", "FoX (Pro)")}
    left = {arm: float(np.mean(pruning["left"])) for arm, pruning in results.items()}
    change = {arm: abs(pruning["pruned_loss"] - pruning["loss"]) for arm, pruning in results.items()}
    first = results["FoX (LLaMA)"]
    parts = [lab.judge.superiority([0.5], [share]) for share in left.values()]
    parts += [lab.judge.at_most(1e-3, [nats]) for nats in change.values()]
    return Claim(
        "about 70 % of the attention's work can be left out without a change of the loss",
        "Lin et al. 2025, Adaptive Computation Pruning",
        f"windows of {first['length']:,} held-out characters, at most exp({math.log(first['pruning']):.0f}) of a "
        "query's attention left out; blocks of 256 × 256 scores, mean over layers and heads; first seed",
        numpy="; ".join(
            f"{arm}: {100 * (1 - left[arm]):.0f} % left out, loss changed by {change[arm]:.1e}" for arm in results
        ),
        finding=_of_long_texts(lab, lab.judge.all_of(*parts)),
        why="more than half is asked to go, with less than 0.001 nats of change; where no head remembers more than "
        f"{longest_memory(lab):.1f} tokens that says little",
    )


_OFTEN_QUOTED = out_of_reach(
    "perplexity 174.19 against 193.37 on WikiText-2 (often quoted)",
    "a public re-implementation, not the paper",
    "data",
    "of WikiText-2 only validation and test text are at hand; that code multiplies scores by a gate where the paper "
    "adds a running sum of log gates, keeps learned positions in both models, and was run once",
)


def _memory(lab: Lab) -> Claim:
    ends = {name: (entries[0], entries[-1]) for name, entries in lab.results("costs")["writing"].items()}
    kept = {name: [entry["kilobytes"] for entry in both] for name, both in ends.items()}
    config, (start, end) = runs_of(lab, "FoX (LLaMA)")[0]["config"], ends["linear"]
    return Claim(
        "the recurrent form writes in constant memory: so the linear relative does, FoX itself does not",
        "section 2, the relation to linear attention",
        f"one token after {start['position']:,} and after {end['position']:,}, {config['layers']} layers of width "
        f"{config['hidden_size']}",
        numpy="; ".join(
            f"{name}: {a['kilobytes']:,.0f} and {b['kilobytes']:,.0f} kB, {a['milliseconds']:.1f} and "
            f"{b['milliseconds']:.1f} ms"
            for name, (a, b) in ends.items()
        ),
        finding=lab.judge.counted(kept["linear"][0] == kept["linear"][1] and kept["softmax"][0] < kept["softmax"][1]),
        why="the bytes that are kept are counted",
    )


# ---- summary and tables ----------------------------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """FoX with LLaMA's block."""
    arm = "FoX (LLaMA)"
    first, data = runs_of(lab, arm)[0], lab.results(FILES[arm])["environment"]["data"]
    config = first["config"]
    return Summary(
        data=f"{TEXTS[config['dataset']]}, {data['items']:,} characters to train on, a ninth as many held out",
        model=f"{config['layers']} blocks of width {config['hidden_size']}, {config['heads']} heads, "
        f"{first['parameters']:,} parameters",
        loss=f"cross-entropy of the next character, mean over windows of {config['length']} characters",
        optimiser=f"AdamW, learning rate {config['learning_rate']:g}, betas 0.9 and 0.95, weight decay "
        f"{config['weight_decay']:g}, batch {config['batch_size']}, gradients clipped to norm {config['clip']:g}",
        schedule=f"{100 * config['warmup']:.0f} % warm-up, then half a cosine to 0; {first['steps']:,} steps",
        metric="perplexity of a held-out character, in windows as long as in training",
        expected="below 6 after the first quarter of the steps",
        numpy=perplexity(lab, arm),
        torch=perplexity(lab, arm, "torch"),
        command="tinygrad-lab claims forgetting_transformer (all), tinygrad-lab train forgetting_transformer (one run)",
        time=lab.run_time(FILES[arm]),
    )


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "parameters", "gates", "lengths", "contexts", "costs" and "samples"."""
    return {
        "parameters": _parameters(),
        "gates": _gates(lab),
        "lengths": _lengths(lab),
        "contexts": _contexts(lab),
        "costs": _costs(lab),
        "samples": _samples(lab),
    }


def _parameters() -> str:
    """Sizes ``small``, counted, and what the gate adds at the paper's size, by its formula."""
    rows = []
    for variant in CHANGES:
        parameters = build(VARIANTS[variant]["small"]).named_parameters()
        sizes = {name: parameter.numel() for name, parameter in parameters}
        gates = sum(size for name, size in sizes.items() if "fgate" in name)
        rows.append((variant, f"{sum(sizes.values()):,}", f"{gates:,}"))
    paper: FoXConfig = VARIANTS["llama"]["paper"]
    added = paper.layers * paper.heads * (paper.hidden_size + 1)
    counted = table(("variant", "parameters, `small`", "of which gates"), rows)
    return f"{counted}\n\nAt size `paper` the gates are {added:,} parameters."


def _gates(lab: Lab) -> str:
    gates = lab.results(FILES["FoX (LLaMA)"])["gates"]
    columns = ["layer, head", "memory, tokens", *(f"gate at {kind}" for kind in gates["by_kind"])]
    rows = [
        [
            f"{layer}, {head}", f"{-1 / mean:,.1f}",
            *(f"{math.exp(kind[layer][head]):.3f}" for kind in gates["by_kind"].values()),
        ]
        for layer, heads in enumerate(gates["mean"])
        for head, mean in enumerate(heads)
    ]  # fmt: skip
    return table(columns, rows)


def octaves(longest: int) -> list[tuple[int, int]]:
    """Positions from 1, 2, 4 ... up to the next of these."""
    edges = [2**k for k in range(int(math.log2(longest)) + 1)]
    return list(pairwise(edges))


def _lengths(lab: Lab) -> str:
    longest = positions_of(lab, "FoX (LLaMA)").shape[1]
    shown = octaves(longest)[-8:]
    rows = []
    for arm in FILES:
        losses = positions_of(lab, arm)
        octave = [lab.interval(losses[:, a:b].mean(axis=1).tolist()) for a, b in shown]
        rows.append([arm, *(f"{nats:.3f}" for nats in octave)])
    return table(["positions", *(f"{a:,} to {b:,}" for a, b in shown)], rows)


def _contexts(lab: Lab) -> str:
    shown = list(contexts_of(lab, "FoX (LLaMA)"))
    rows = [[arm, *(f"{lab.interval(nats):.3f}" for nats in contexts_of(lab, arm).values())] for arm in FILES]
    return table(["characters before", *(f"{n:,}" for n in shown)], rows)


def _costs(lab: Lab) -> str:
    kernels = lab.results("costs")["attention"]
    lengths = [entry["length"] for entry in kernels["in blocks"]]
    rows = []
    for name, entries in kernels.items():
        cells = [f"{entry['seconds']:.2f} s, {entry['megabytes']:,.0f} MB" for entry in entries]
        rows.append([name, *cells, *["-"] * (len(lengths) - len(cells))])
    return table(["length", *(f"{n:,}" for n in lengths)], rows)


def _samples(lab: Lab) -> str:
    blocks = []
    for arm in ("FoX (LLaMA)", "FoX (Pro)"):
        written, first = lab.results(FILES[arm])["sample"], runs_of(lab, arm)[0]["metrics"]["perplexity"]
        title = f"{arm}, perplexity {lab.interval([first]):.3f}"
        blocks.append(f"{title}:\n\n```text\n{written.strip()}\n```")
    return "\n\n".join(blocks)
