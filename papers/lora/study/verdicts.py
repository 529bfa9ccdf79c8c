"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same batches. A difference in nats
counts when its 95 % interval over seeds excludes 0; "on par" allows for a share of what full fine-tuning gains.
"""

from statistics import median

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Summary, out_of_reach, table

from .findings import (
    METHODS,
    arm_values,
    arms,
    arms_schedule,
    base_loss,
    gain_of_full,
    kilobytes,
    percent,
    random_share,
    schedule,
    spectrum_share,
    trained_share,
    values,
)

PARITY = 0.05  # share of full fine-tuning's gain that may be missing for "on par" and for "as good as"
SMALL_RANK, LARGE_RANK = "4", "32"
LOW_RANK = 0.9  # share of a change's squared norm that must lie in a few directions for a low rank


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        *(_on_par(lab), _beats(lab, "head"), _beats(lab, "bias"), _both(lab), _targets(lab), _rank(lab)),
        *(_low_rank(lab), _memory(lab), _time(lab)),
        *([_smollm2(lab)] if lab.has("smollm2") else []),
        _SCALE,
    ]


def _fair(lab: Lab, finding: Finding, ours: str, theirs: str) -> Finding:
    """A finding about two methods, each with the best of its rates on validation data."""
    return finding.tuned(Rates("validation", lab.results("rates")["losses"]), ours, theirs).run_for(_seconds(lab))


def _with_one_rate(lab: Lab, finding: Finding, ours: str, theirs: str) -> Finding:
    """A finding about two forms of LoRA; all of them have the rate of the default one, "q, v" with r = 4."""
    tuned = lab.results("rates")["losses"]["lora"]
    rates = Rates("one rate for every arm", {"q, v": tuned, f"r = {SMALL_RANK}": tuned})
    return finding.tuned(rates, ours, theirs).run_for(_seconds(lab))


def _seconds(lab: Lab) -> float:
    return lab.spread("lora", "seconds").mean


def _as_good(lab: Lab, losses: list[float], others: list[float]) -> Finding:
    """That losses are not higher than others by more than the share of full fine-tuning's gain that is allowed."""
    return lab.judge.not_worse([-loss for loss in losses], [-loss for loss in others], PARITY * gain_of_full(lab))


# ---- quality ---------------------------------------------------------------------------------------------------------


def _on_par(lab: Lab) -> Claim:
    full, lora = values(lab, "full"), values(lab, "lora")
    gap, gain = lab.paired_difference(lora, full), gain_of_full(lab)
    share = trained_share(lab, "lora")
    found = lab.judge.all_of(_as_good(lab, lora, full), lab.judge.counted(share < 0.01))
    torch = "; ".join(f"{n}: {lab.interval(values(lab, n, 'torch')):.3f}" for n in ("full", "lora"))
    return Claim(
        statement="LoRA performs on par with full fine-tuning, with a fraction of the parameters trained "
        "(GPT-2 M: 0.1 %, RoBERTa-base: 0.24 %)",
        source="tables 2 and 3",
        ran=schedule(lab, "full", "lora"),
        numpy=f"base {base_loss(lab):.3f}; full {lab.interval(full):.3f}; LoRA {lab.interval(lora):.3f} nats, "
        f"{percent(share)} of the parameters",
        torch=torch,
        finding=_fair(lab, found, "lora", "full"),
        why=f"LoRA less full: {gap:.3f nats}, {percent(gap.mean / gain)} of what full fine-tuning gains; "
        f"{percent(PARITY)} are allowed",
    )


def _beats(lab: Lab, other: str) -> Claim:
    gain = lab.paired_difference(values(lab, other), values(lab, "lora"))
    trained = {name: lab.runs(name)[0]["trained"] for name in (other, "lora")}
    source = {"bias": "table 2 (BitFit)", "head": "not in the paper: the simplest way to adapt"}[other]
    return Claim(
        statement=f"LoRA adapts better than training the {METHODS[other].removesuffix(' only')} alone",
        source=source,
        ran=schedule(lab, other, "lora"),
        numpy=f"{lab.interval(values(lab, other)):.3f} -> {lab.interval(values(lab, 'lora')):.3f} nats",
        finding=_fair(lab, lab.judge.superiority(values(lab, other), values(lab, "lora")), "lora", other),
        why=f"difference {gain:.3f nats}; {trained[other]:,} and {trained['lora']:,} numbers are trained",
    )


# ---- which matrices, which rank --------------------------------------------------------------------------------------


def _both(lab: Lab) -> Claim:
    """Table 5's headline: two matrices at r = 4 beat one at r = 8."""
    one = {arm: arm_values(lab, "targets", arm) for arm in ("q", "k", "v", "o")}
    best = min(one, key=lambda arm: lab.interval(one[arm]).mean)
    gain = lab.paired_difference(one["q"], arm_values(lab, "targets", "q, v"))
    found = lab.judge.superiority(one["q"], arm_values(lab, "targets", "q, v"))
    return Claim(
        statement="with the same number of parameters it is better to adapt queries and values than queries alone",
        source="table 5 (MNLI: q 91.0, q and v 91.3; WikiSQL: 70.4, 73.7)",
        ran=arms_schedule(lab, "targets"),
        numpy="; ".join(f"{arm}: {lab.interval(arm_values(lab, 'targets', arm)):.3f}" for arm in arms(lab, "targets")),
        finding=_with_one_rate(lab, found, "q, v", "q"),
        why=f"q less q, v: {gain:.3f nats}; the best single matrix is {best}",
    )


def _targets(lab: Lab) -> Claim:
    two, four = arm_values(lab, "targets", "q, v"), arm_values(lab, "targets", "q, k, v, o")
    gain = lab.paired_difference(two, four)
    mlp = lab.interval(arm_values(lab, "targets", "MLP"))
    return Claim(
        statement="all four attention matrices at half the rank are as good as queries and values, or better",
        source="table 5 (73.7 and 91.3 against 73.7 and 91.7)",
        ran=arms_schedule(lab, "targets"),
        numpy=f"q, v: {lab.interval(two):.3f}; q, k, v, o: {lab.interval(four):.3f} nats",
        finding=_with_one_rate(lab, _as_good(lab, four, two), "q, k, v, o", "q, v"),
        why=f"q, v less all four: {gain:.3f nats}, no less than -{PARITY * gain_of_full(lab):.3f} is asked for; the "
        f"two matrices of the MLP, not in the paper's table: {mlp:.3f}",
    )


def _rank(lab: Lab) -> Claim:
    small, large = arm_values(lab, "ranks", SMALL_RANK), arm_values(lab, "ranks", LARGE_RANK)
    gain = lab.paired_difference(small, large)
    return Claim(
        statement="a very small rank suffices: more rank brings nothing (r = 4: 73.7, r = 64: 73.5)",
        source="table 6",
        ran=arms_schedule(lab, "ranks"),
        numpy="; ".join(f"r = {r}: {lab.interval(arm_values(lab, 'ranks', r)):.3f}" for r in arms(lab, "ranks")),
        finding=_with_one_rate(lab, _as_good(lab, small, large), f"r = {SMALL_RANK}", f"r = {LARGE_RANK}"),
        why=f"r = {SMALL_RANK} less r = {LARGE_RANK}: {gain:.3f nats}, {percent(gain.mean / gain_of_full(lab))} of "
        f"what full fine-tuning gains; {percent(PARITY)} are allowed",
    )


def _low_rank(lab: Lab) -> Claim:
    shares = {
        name: [spectrum_share(run, name) for run in lab.results("full")["spectra"]] for name in ("q_proj", "v_proj")
    }
    width = lab.runs("full")[0]["config"]["width"]
    shown = "; ".join(
        f"{name[0]}: {lab.interval([100 * share for share in found]):.1f %}" for name, found in shares.items()
    )
    found = [lab.judge.superiority(found, [LOW_RANK] * len(found)) for found in shares.values()]
    return Claim(
        statement="the change that adaptation makes to a weight has a low intrinsic rank",
        source="section 4.1 (the hypothesis)",
        ran="singular values of W - W0 after full fine-tuning, all blocks",
        numpy=f"share of the squared norm in the first 8 of {width} directions: {shown}",
        finding=lab.judge.all_of(*found).run_for(lab.spread("full", "seconds").mean),
        why=f"{percent(LOW_RANK)} are asked for; a random matrix has about {percent(random_share(width))} there",
    )


# ---- what it costs ---------------------------------------------------------------------------------------------------


def _memory(lab: Lab) -> Claim:
    costs = {name: lab.results(name)["cost"] for name in ("full", "lora")}
    less = {part: costs["full"][part] / costs["lora"][part] for part in ("optimizer", "file")}
    return Claim(
        statement="the optimiser's memory and the file of a task shrink with the trained parameters "
        "(GPT-3: 350 GB -> 35 MB)",
        source="section 4.2",
        ran="AdamW's two moments; the adapter against the whole model, as files",
        numpy=f"optimiser {kilobytes(costs['full']['optimizer'])} -> {kilobytes(costs['lora']['optimizer'])}; "
        f"file {kilobytes(costs['full']['file'])} -> {kilobytes(costs['lora']['file'])}",
        finding=lab.judge.counted(min(less.values()) > 10),
        why=f"{less['optimizer']:.0f} and {less['file']:.0f} times less; more than 10 times is asked for",
    )


def _time(lab: Lab) -> Claim:
    seconds = {name: [run["seconds"] / run["steps"] for run in lab.runs(name)] for name in ("full", "lora")}
    middle, saved = {name: median(found) for name, found in seconds.items()}, lab.paired_difference(*seconds.values())
    return Claim(
        statement="a training step takes less time (GPT-3: 25 % faster)",
        source="section 4.2",
        ran="the runs above, time of training alone, median over seeds",
        numpy=f"{1e3 * middle['full']:.0f} ms -> {1e3 * middle['lora']:.0f} ms a step",
        finding=lab.judge.superiority(seconds["full"], seconds["lora"]).run_for(_seconds(lab)),
        why=f"{percent(middle['full'] / middle['lora'] - 1)} faster by the medians, {1e3 * saved.mean:.0f} ± "
        f"{1e3 * saved.half_width:.0f} ms by the means: frozen weights need no gradient, but the runs shared their "
        "processor with others",
    )


# ---- a published model -----------------------------------------------------------------------------------------------


def _smollm2(lab: Lab) -> Claim:
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


_SCALE = out_of_reach(
    "no loss of quality on GPT-3 with 175 billion parameters (WikiSQL, MNLI, SAMSum)",
    source="table 4",
    lacks="compute",
    estimate="175 billion parameters are 350 GB of weights, which are not published either",
)


# ---- the training summary and the tables -----------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """LoRA on the target text."""
    base, data = (lab.results(name)["environment"]["data"] for name in ("base", "lora"))
    run = lab.runs("lora")[0]
    config = run["config"]
    return Summary(
        data=f"pretrained on {base['name']}, adapted to {data['name']}, {data['items']:,} characters",
        model=f"decoder, {config['layers']} layers of width {config['width']}, {run['parameters']:,} parameters; "
        f"r = {config['rank']} on {config['targets']}, {run['trained']:,} trained",
        loss="cross-entropy of the next character, mean over the batch",
        optimiser=f"AdamW, learning rate {config['learning_rate']:g}, weight decay {config['weight_decay']:g}, "
        f"batch {config['batch_size']} x {config['context']}",
        schedule=f"a line up over {percent(config['warmup'])} of {run['steps']:,} steps, then a line down to 0",
        metric="nats per character of the held-out text",
        expected=f"from the base model's {base_loss(lab):.2f} well down, though not to what full fine-tuning reaches",
        numpy=f"{lab.interval(values(lab, 'lora')):.3f}",
        torch=f"{lab.interval(values(lab, 'lora', 'torch')):.3f}",
        command="tinygrad-lab claims lora (all), tinygrad-lab train lora --size small (one run)",
        time=lab.run_time("lora", threads=False),
    )


def tables(lab: Lab) -> dict[str, str]:
    """The block "methods": what each trains, what it costs, and what becomes of both texts."""
    columns = ("trained", "parameters", "share", "optimiser", "file", "target, nats", "source, nats")
    target, source = (f"{base_loss(lab, text):.3f}" for text in ("target", "source"))
    base = ("nothing (the base)", 0, "", "", "", target, source)
    return {"methods": table(columns, [base, *(_row(lab, *method) for method in METHODS.items())])}


def _row(lab: Lab, name: str, title: str) -> tuple[str, ...]:
    cost, trained = lab.results(name)["cost"], lab.runs(name)[0]["trained"]
    kept = (kilobytes(cost[part]) for part in ("optimizer", "file"))
    losses = lab.spread(name, "metrics", "loss"), lab.spread(name, "after", "source")
    return title, f"{trained:,}", percent(trained_share(lab, name)), *kept, *(f"{loss:.3f}" for loss in losses)
