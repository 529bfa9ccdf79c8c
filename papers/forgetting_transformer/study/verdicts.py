"""What became of the claims, judged from the result files alone.

A difference in loss counts when its 95 % interval over seeds, in pairs, excludes 0. Losses are nats per character;
perplexity is their exponential.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from papers.forgetting_transformer.config import CHANGES, VARIANTS, FoXConfig
from papers.forgetting_transformer.data import STRETCHES
from papers.forgetting_transformer.model import build
from tinygrad_lab.study import Claim, Lab, Summary, Verdict

Runs = list[dict[str, Any]]
ARMS = {
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
        _often_quoted(),
        _memory(lab),
    ]


def runs_of(lab: Lab, arm: str, side: str = "numpy") -> Runs:
    """The runs of an arm."""
    return [run for run in lab.results(ARMS[arm])["runs"] if run["side"] == side]


def losses(runs: Runs) -> list[float]:
    """Nats a character of held-out text, windows as long as in training, one a run."""
    return [run["metrics"]["loss"] for run in runs]


def perplexity(lab: Lab, runs: Runs) -> str:
    """Perplexity of a character, with its interval."""
    return f"{lab.interval([run['metrics']['perplexity'] for run in runs]):.3f}"


def positions_of(lab: Lab, arm: str) -> np.ndarray:
    """Loss by position.    (seeds, positions)"""
    return np.array(lab.results(ARMS[arm])["positions"])


def training_length(lab: Lab) -> int:
    """Tokens in a training window."""
    return runs_of(lab, "FoX (LLaMA)")[0]["config"]["length"]


def ran(lab: Lab, *arms: str) -> str:
    """How the arms were trained."""
    first = runs_of(lab, arms[0])[0]
    config = first["config"]
    sizes = ", ".join(f"{arm}: {runs_of(lab, arm)[0]['parameters']:,} parameters, {_rate(lab, arm)}" for arm in arms)
    return (
        f"{TEXTS[config['dataset']]}, character by character; {config['layers']} layers of width "
        f"{config['hidden_size']}, {first['steps']:,} steps of {config['batch_size']} windows of {config['length']}; "
        f"{sizes}; {len(runs_of(lab, arms[0]))} seeds"
    )


def _rate(lab: Lab, arm: str) -> str:
    return f"learning rate {runs_of(lab, arm)[0]['config']['learning_rate']:g}"


# ---- which model is better -------------------------------------------------------------------------------------------


def _better(lab: Lab, worse: str, better: str, source: str) -> Claim:
    first, second = runs_of(lab, worse), runs_of(lab, better)
    gain = lab.paired_difference(losses(first), losses(second))
    torch = runs_of(lab, better, "torch")
    return Claim(
        statement=f"{better} predicts better than {worse}",
        source=source,
        ran=ran(lab, better, worse),
        numpy=f"perplexity {perplexity(lab, second)} against {perplexity(lab, first)}",
        torch=f"{better}: {perplexity(lab, torch)}" if torch else "-",
        verdict=_judge(gain.low > 0),
        why=f"{gain:.4f nats} a character; the best of {', '.join(rates(lab))} for each",
    )


def rates(lab: Lab) -> list[str]:
    """The learning rates that every arm was tried with."""
    return list(lab.results("rates")["loss"]["FoX (LLaMA)"])


def _without_positions(lab: Lab) -> Claim:
    arms = ("FoX (LLaMA)", "Transformer (LLaMA)", "no gates, no positions")
    fox, rotary, nope = (losses(runs_of(lab, arm)) for arm in arms)
    lost, kept = lab.paired_difference(nope, rotary), lab.paired_difference(rotary, fox)
    return Claim(
        statement="with gates no positions are needed: attention without either is worse than rotary, FoX is not",
        source="section 3",
        ran=ran(lab, *arms),
        numpy="perplexity " + ", ".join(f"{arm}: {perplexity(lab, runs_of(lab, arm))}" for arm in arms),
        torch="-",
        verdict=_judge(lost.low > 0 and kept.high > 0),
        why=f"without either {lost:.4f nats} more than rotary, rotary {kept:.4f nats} more than FoX",
    )


# ---- lengths ---------------------------------------------------------------------------------------------------------


def contexts_of(lab: Lab, arm: str) -> dict[int, list[float]]:
    """Loss of the same stretches of text after each length of context, one a seed."""
    runs = lab.results(ARMS[arm])["contexts"]
    return {int(context): [run[context] for run in runs] for context in runs[0]}


def rise(lab: Lab, arm: str) -> Any:
    """Loss after the longest context less that after half a training length, with which a window is a training one."""
    found = contexts_of(lab, arm)
    return lab.paired_difference(found[max(found)], found[training_length(lab) // 2])


def _extrapolation(lab: Lab) -> Claim:
    arms = ("FoX (LLaMA)", "FoX (Pro)", "Transformer (LLaMA)", "Transformer (Pro)")
    rises = {arm: rise(lab, arm) for arm in arms}
    half, longest = training_length(lab) // 2, max(contexts_of(lab, arms[0]))
    holds = all(rises[arm].mean < RISE for arm in arms[:2]) and all(rises[arm].mean > RISE for arm in arms[2:])
    return Claim(
        statement="beyond the training length FoX's loss does not rise, that of the rotary Transformer does",
        source="section 4, loss per token beyond the training length",
        ran=f"{STRETCHES} stretches of {half} held-out characters, after {longest:,} characters less after {half}, as "
        "many as in training; models as above",
        numpy=", ".join(f"{arm}: {rises[arm]:.3f nats}" for arm in arms),
        torch="-",
        verdict=_judge(holds),
        why=f"a mean above {RISE:g} is a rise",
    )


def _farther(lab: Lab) -> Claim:
    found, half = contexts_of(lab, "FoX (LLaMA)"), training_length(lab) // 2
    within = lab.paired_difference(found[half // 2], found[half])
    beyond = lab.paired_difference(found[half], found[4 * half])
    return Claim(
        statement="FoX's loss goes on falling with more context, up to the training length and beyond it",
        source="section 4, loss per token",
        ran="the same stretches of text after less and more context, FoX (LLaMA)",
        numpy=f"{half // 2} to {half} characters before: {within:.4f nats} better; {half} to {4 * half}: "
        f"{beyond:.4f nats}",
        torch="-",
        verdict=_judge(within.low > 0 and beyond.low > 0),
        why="both intervals are asked to be above 0",
    )


# ---- costs -----------------------------------------------------------------------------------------------------------


def _pruning(lab: Lab) -> Claim:
    found = {arm: lab.results(ARMS[arm])["pruning"] for arm in ("FoX (LLaMA)", "FoX (Pro)")}
    left = {arm: float(np.mean(pruning["left"])) for arm, pruning in found.items()}
    change = {arm: abs(pruning["pruned_loss"] - pruning["loss"]) for arm, pruning in found.items()}
    first = found["FoX (LLaMA)"]
    return Claim(
        statement="about 70 % of the attention's work can be left out without a change of the loss",
        source="Lin et al. 2025, Adaptive Computation Pruning",
        ran=f"windows of {first['length']:,} held-out characters, at most exp({math.log(first['pruning']):.0f}) of a "
        "query's attention left out; blocks of 256 × 256 scores, mean over layers and heads; first seed",
        numpy="; ".join(
            f"{arm}: {100 * (1 - left[arm]):.0f} % left out, loss changed by {change[arm]:.1e}" for arm in found
        ),
        torch="-",
        verdict=_judge(all(left[arm] < 0.5 and change[arm] < 1e-3 for arm in found)),
        why="more than half is asked to go, with less than 0.001 nats of change",
    )


def _often_quoted() -> Claim:
    return Claim(
        statement="perplexity 174.19 against 193.37 on WikiText-2 (often quoted)",
        source="a public re-implementation, not the paper",
        ran="not run",
        numpy="-",
        torch="-",
        verdict="out of reach here",
        why="that code multiplies scores by a gate where the paper adds a running sum of log gates, keeps learned "
        "positions in both models, and was run once; and of WikiText-2 only validation and test text are at hand",
    )


def _memory(lab: Lab) -> Claim:
    found = lab.results("costs")["writing"]
    shown = {name: (entries[0], entries[-1]) for name, entries in found.items()}
    (start, end), (first, last) = shown["linear"], shown["softmax"]
    return Claim(
        statement="the recurrent form writes in constant memory: so the linear relative does, FoX itself does not",
        source="section 2, the relation to linear attention",
        ran=f"one token after {start['position']:,} and after {end['position']:,}, {found_layers(lab)}",
        numpy="; ".join(
            f"{name}: {a['kilobytes']:,.0f} and {b['kilobytes']:,.0f} kB, {a['milliseconds']:.1f} and "
            f"{b['milliseconds']:.1f} ms"
            for name, (a, b) in shown.items()
        ),
        torch="-",
        verdict=_judge(end["kilobytes"] == start["kilobytes"] and last["kilobytes"] > first["kilobytes"]),
        why="the bytes that are kept are counted",
    )


def found_layers(lab: Lab) -> str:
    """The size of the model that writes."""
    config = runs_of(lab, "FoX (LLaMA)")[0]["config"]
    return f"{config['layers']} layers of width {config['hidden_size']}"


# ---- summary and tables ----------------------------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """FoX with LLaMA's block."""
    runs, torch = runs_of(lab, "FoX (LLaMA)"), runs_of(lab, "FoX (LLaMA)", "torch")
    results = lab.results(ARMS["FoX (LLaMA)"])
    first, data = runs[0], results["environment"]["data"]
    config = first["config"]
    seconds = [f"{lab.interval([run['seconds'] for run in found]):.0f s}" for found in (runs, torch)]
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
        numpy=perplexity(lab, runs),
        torch=perplexity(lab, torch),
        command="tinygrad-lab claims forgetting_transformer (all), tinygrad-lab train forgetting_transformer (one run)",
        time=f"{seconds[0]} NumPy, {seconds[1]} PyTorch a run, {results['environment']['blas_threads']} BLAS thread(s)",
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
    lines = ["| variant | parameters, `small` | of which gates |", "|---|---|---|"]
    for variant in CHANGES:
        model = build(VARIANTS[variant]["small"])
        sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
        gates = sum(size for name, size in sizes.items() if "fgate" in name)
        lines.append(f"| {variant} | {sum(sizes.values()):,} | {gates:,} |")
    paper: FoXConfig = VARIANTS["llama"]["paper"]
    added = paper.layers * paper.heads * (paper.hidden_size + 1)
    return "\n".join([*lines, "", f"At size `paper` the gates are {added:,} parameters."])


def _gates(lab: Lab) -> str:
    found = lab.results(ARMS["FoX (LLaMA)"])["gates"]
    kinds = list(found["by_kind"])
    lines = ["| layer, head | memory, tokens | " + " | ".join(f"gate at {kind}" for kind in kinds) + " |"]
    lines.append("|---" * (2 + len(kinds)) + "|")
    for layer, heads in enumerate(found["mean"]):
        for head, mean in enumerate(heads):
            cells = [f"{math.exp(found['by_kind'][kind][layer][head]):.3f}" for kind in kinds]
            lines.append(f"| {layer}, {head} | {-1 / mean:,.1f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def octaves(longest: int) -> list[tuple[int, int]]:
    """Positions from 1, 2, 4 ... up to the next of these."""
    edges = [2**k for k in range(int(math.log2(longest)) + 1)]
    return list(pairwise(edges))


def _lengths(lab: Lab) -> str:
    longest = positions_of(lab, "FoX (LLaMA)").shape[1]
    shown = octaves(longest)[-8:]
    lines = ["| positions | " + " | ".join(f"{a:,} to {b:,}" for a, b in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for arm in ARMS:
        found = positions_of(lab, arm)
        cells = [f"{lab.interval(found[:, a:b].mean(axis=1).tolist()):.3f}" for a, b in shown]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _contexts(lab: Lab) -> str:
    shown = list(contexts_of(lab, "FoX (LLaMA)"))
    lines = ["| characters before | " + " | ".join(f"{n:,}" for n in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for arm in ARMS:
        found = contexts_of(lab, arm)
        lines.append(f"| {arm} | " + " | ".join(f"{lab.interval(found[n]):.3f}" for n in shown) + " |")
    return "\n".join(lines)


def _costs(lab: Lab) -> str:
    found = lab.results("costs")["attention"]
    lengths = [entry["length"] for entry in found["in blocks"]]
    lines = ["| length | " + " | ".join(f"{n:,}" for n in lengths) + " |", "|---" * (len(lengths) + 1) + "|"]
    for name, entries in found.items():
        cells = [f"{entry['seconds']:.2f} s, {entry['megabytes']:,.0f} MB" for entry in entries]
        lines.append(f"| {name} | " + " | ".join(cells + ["-"] * (len(lengths) - len(cells))) + " |")
    return "\n".join(lines)


def _samples(lab: Lab) -> str:
    blocks = []
    for arm in ("FoX (LLaMA)", "FoX (Pro)"):
        written = lab.results(ARMS[arm])["sample"]
        blocks.append(f"{arm}, perplexity {perplexity(lab, runs_of(lab, arm)[:1])}:\n\n```text\n{written.strip()}\n```")
    return "\n\n".join(blocks)


def _judge(holds: bool) -> Verdict:
    return "reproduced" if holds else "not reproduced"
