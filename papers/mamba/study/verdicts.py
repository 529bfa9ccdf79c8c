"""What became of the claims, judged from the result files alone."""

import math

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Record, Summary, out_of_reach, table

ARMS = {"selective": True, "time-invariant": False}
SOLVED = {"copying": 97.0}  # percent at which training ends: what S6 has in table 1; induction is trained to the end
LENGTHS = (64, 128, 256, 1024, 4096, 16_384, 65_536)  # the first is that of training
POSITIONS = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
PERFECT = 99.0  # percent
CLOSE = 0.02  # nats a character that count as no difference between language models
TEXTS = {"tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts"}
CONSTANT = 1.5  # the slowest position may take so many times as long as the fastest


def soonest_rate(sweep: dict[str, Record]) -> str:
    """The learning rate that answers most, and among those that do the soonest."""
    return min(sweep, key=lambda rate: (sweep[rate]["updates"], -sweep[rate]["history"][-1]["accuracy"]))


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [_copying(lab), _induction(lab), _ablation(lab), _quality(lab), _writing(lab), _scanning(lab), _THROUGHPUT]


# ---- the synthetic tasks ---------------------------------------------------------------------------------------------


def accuracy(lab: Lab, task: str, arm: str, side: str = "numpy") -> list[float]:
    """Percent of the answers that are right in the end, one a run."""
    return [run["history"][-1]["accuracy"] for run in lab.runs(task, side, arm)]


def _ran(lab: Lab, task: str) -> str:
    results = lab.results(task)
    config = results["configs"]["selective"]
    rates = [f"{arm} {other['learning_rate']:g}" for arm, other in results["configs"].items()]
    most = config["epochs"] * config["items"] // config["batch_size"]
    return (
        f"{config['layers']} layers of width {config['hidden_size']}, {config['state_size']} states, batches of "
        f"{config['batch_size']}, at most {most:,} updates; of the learning rates "
        f"{', '.join(results['rates']['selective'])} the better one for each arm ({', '.join(rates)})"
    )


def _copying(lab: Lab) -> Claim:
    config = lab.results("copying")["configs"]["selective"]
    solved = {arm: [right >= SOLVED["copying"] for right in _all_copied(lab, arm)] for arm in ARMS}
    found = lab.judge.succeeds_more(*solved.values()).tuned(_task_rates(lab, "copying"), *ARMS)
    return Claim(
        "selective state spaces copy the tokens and leave out the noise (97.0 to 99.8 %), time-invariant ones do not "
        "(18.3 to 57.0 %)",
        "section 4.1.1, table 1",
        f"{config['copies']} tokens among {config['length'] - config['copies']} of noise (the paper: 16 among "
        f"4,080); {_ran(lab, 'copying')}; the control is the same block with Δ, B and C of its own for every channel, "
        "but not for every token",
        numpy="; ".join(_copied(lab, arm) for arm in ARMS),
        torch=_copied(lab, "selective", "torch"),
        finding=found.allowing_for(theirs="the control was still rising at its last update"),
        why=f"that more selective trials reach {SOLVED['copying']:g} % is asked for, at which training ends, with the "
        "trial that chose the rate among them: "
        + "; ".join(f"{arm} {', '.join(f'{right:.1f}' for right in _all_copied(lab, arm))} %" for arm in ARMS),
    )


def _all_copied(lab: Lab, arm: str) -> list[float]:
    """Percent right of every run of an arm with its rate, that of the sweep last."""
    rates = lab.results("copying")["rates"][arm]
    return [*accuracy(lab, "copying", arm), rates[soonest_rate(rates)]["history"][-1]["accuracy"]]


def _task_rates(lab: Lab, task: str) -> Rates:
    """The rates that were tried for a task, each with the order that :func:`soonest_rate` goes by."""
    ranked = {
        arm: sorted(sweep, key=lambda rate: (sweep[rate]["updates"], -sweep[rate]["history"][-1]["accuracy"]))
        for arm, sweep in lab.results(task)["rates"].items()
    }
    return Rates("test", {arm: {rate: float(rank) for rank, rate in enumerate(rates)} for arm, rates in ranked.items()})


def _copied(lab: Lab, arm: str, side: str = "numpy") -> str:
    right = lab.interval(accuracy(lab, "copying", arm, side))
    return f"{arm}: {right:.1f %} after {lab.spread('copying', 'updates', side=side, arm=arm):,.0f updates}"


def at_length(lab: Lab, arm: str, length: int) -> list[float]:
    """Percent of the induction sequences of a length that are answered, one a seed that was asked."""
    asked = lab.results("induction")["lengths"][arm]
    return [right[str(length)] for right in asked if str(length) in right]


def asked_lengths(lab: Lab, arm: str = "selective") -> list[int]:
    """The lengths at which an arm was tried."""
    return [length for length in LENGTHS if at_length(lab, arm, length)]


def _induction(lab: Lab) -> Claim:
    right = {length: at_length(lab, "selective", length) for length in asked_lengths(lab)}
    found = lab.judge.all_of(*(lab.judge.superiority(values, [PERFECT] * len(values)) for values in right.values()))
    return Claim(
        "a selective model that learned induction heads at one length is perfect at all lengths, up to 4,000 times as "
        "long",
        "section 4.1.2, table 2",
        f"trained at {min(right)} tokens (the paper: 256), tested at up to {max(right):,}; {_ran(lab, 'induction')}",
        numpy="; ".join(f"{arm}: {_by_length(lab, arm)}" for arm in ARMS),
        finding=found.tuned(_task_rates(lab, "induction"), "selective"),
        why=f"more than {PERFECT:g} % is asked for at every length; attention, the paper's rival here, was not run",
    )


def _by_length(lab: Lab, arm: str) -> str:
    """From the worst seed to the best, at the lengths that all seeds were asked."""
    seeds = len(lab.results("induction")["lengths"][arm])
    asked = {length: at_length(lab, arm, length) for length in asked_lengths(lab, arm)}
    whole = {length: values for length, values in asked.items() if len(values) == seeds}
    return ", ".join(f"{n:,}: {min(values):.1f} to {max(values):.1f} %" for n, values in whole.items())


# ---- text ------------------------------------------------------------------------------------------------------------


def _ablation(lab: Lab) -> Claim:
    selective, control = (lab.runs("ablation", arm=arm) for arm in ARMS)
    bits = {arm: lab.values("ablation", "metrics", "bits", arm=arm) for arm in ARMS}
    gain = lab.paired_difference(bits["time-invariant"], bits["selective"])
    found = lab.judge.superiority(bits["time-invariant"], bits["selective"])
    config = selective[0]["config"]
    return Claim(
        "selection makes the better language model (perplexity 8.71 against 10.93 without)",
        "section 4.6.2, table 7",
        f"{TEXTS[config['dataset']]}, {config['layers']} layers of width {config['hidden_size']} "
        f"({selective[0]['parameters']:,} against {control[0]['parameters']:,} parameters), "
        f"{selective[0]['steps']:,} updates with the same recipe for both; {len(selective)} seeds",
        numpy=", ".join(f"{arm} {lab.interval(values):.3f}" for arm, values in bits.items()) + " bits per character",
        torch=f"selective {lab.spread('ablation', 'metrics', 'bits', side='torch', arm='selective'):.3f}",
        finding=found.tuned(Rates("one rate for every arm"), *ARMS).run_for(
            lab.spread("ablation", "seconds", arm="selective").mean
        ),
        why=f"difference {gain:.3f bits}",
    )


def language_models(lab: Lab) -> dict[str, list[Record]]:
    """The runs of Mamba and of its neighbours."""
    return {"Mamba": lab.results("text")["runs"], **lab.results("neighbours")["runs"]}


def _quality(lab: Lab) -> Claim:
    models = language_models(lab)
    first, rates = models["Mamba"][0], ", ".join(lab.results("text")["rates"])
    nats = {name: [run["nats"] for run in runs] for name, runs in models.items()}
    ahead = {name: lab.paired_difference(nats[name], nats["Mamba"]) for name in list(nats)[1:]}
    sizes = [
        f"{name} {runs[0]['parameters']:,} parameters, {runs[0]['config']['learning_rate']:g}"
        for name, runs in models.items()
    ]
    return Claim(
        "Mamba models language as well as the best Transformers of its size (shown there from 125 million parameters "
        "up)",
        "section 4.2, figure 4 and table 3",
        f"{TEXTS[first['config']['dataset']]}, the same {first['steps']:,} batches of {first['config']['batch_size']} "
        f"windows of {first['config']['length']} for all; of the learning rates {rates} the best one for each "
        f"({', '.join(sizes)}); {len(nats['Mamba'])} seeds; at this scale only",
        numpy=", ".join(f"{name} {lab.interval(n):.3f}" for name, n in nats.items()) + " nats per character",
        finding=lab.judge.all_of(*(_as_good(lab, nats, other) for other in ahead)).run_for(
            lab.spread("text", "seconds").mean
        ),
        why="Mamba is better by "
        + ", ".join(f"{difference:.3f nats} ({name})" for name, difference in ahead.items())
        + f"; the intervals may reach down to -{CLOSE:g}",
    )


def _as_good(lab: Lab, nats: dict[str, list[float]], other: str) -> Finding:
    """That Mamba costs no more nats than another model, but for what counts as no difference."""
    rates = Rates("test", {"Mamba": lab.results("text")["rates"], **lab.results("neighbours")["rates"]})
    ours, theirs = ([-loss for loss in nats[name]] for name in ("Mamba", other))
    return lab.judge.not_worse(ours, theirs, CLOSE).tuned(rates, "Mamba", other)


# ---- cost ------------------------------------------------------------------------------------------------------------


def _writing(lab: Lab) -> Claim:
    cost, config = lab.results("text")["cost"], lab.runs("text")[0]["config"]
    (first, *_, last), times, again = cost["positions"], cost["written"]["milliseconds"], cost["reread"]
    return Claim(
        "a token is written in constant time and memory, however many there were before",
        "section 3.4 and figure 8",
        f"the language model ({config['layers']} layers of width {config['hidden_size']}) writes to position "
        f"{last:,}; processor time, medians over 50 characters",
        numpy=f"{times[0]:.2f} ms at position {first:,}, {times[-1]:.2f} ms at {last:,} (reading all again: "
        f"{again[0]:.0f} and {again[-1]:,.0f} ms); {cost['written']['kilobytes'][0]:.0f} kB are kept at both",
        finding=lab.judge.all_of(
            lab.judge.timed(max(times) / min(times), CONSTANT),
            lab.judge.counted(len(set(cost["written"]["kilobytes"])) == 1),
        ),
        why=f"no position may take {CONSTANT:g} times as long as another; what is kept are three inputs and the states "
        "of every channel",
    )


def _scanning(lab: Lab) -> Claim:
    steps = lab.results("scan")["steps"]
    fused, plain = (steps[max(steps, key=int)][form] for form in ("fused", "step by step"))
    return Claim(
        "one fused scan, which runs forward again on the way back, needs a fraction of the time and memory of the "
        "standard one (20 to 40 times faster)",
        "sections 3.3.2 and 4.5, figure 8",
        "forward and backward of 128 channels with 16 states, one sequence, processor time; the scan as one "
        f"operation and as its definition, step by step, both on the engine; lengths {', '.join(steps)}",
        numpy="; ".join(f"{n}: {_against(cost['fused'], cost['step by step'])}" for n, cost in steps.items()),
        finding=lab.judge.all_of(
            *(lab.judge.timed(fused[cost] / plain[cost], 0.5) for cost in ("milliseconds", "megabytes"))
        ),
        why="half of the time and half of the memory at most is asked at the longest; the paper's factor is a GPU's, "
        "where what counts is the traffic between its memories",
    )


def _against(fused: dict[str, float], plain: dict[str, float]) -> str:
    units = {"milliseconds": "ms", "megabytes": "MB"}
    return ", ".join(f"{fused[cost]:.1f} against {plain[cost]:.1f} {unit}" for cost, unit in units.items())


_THROUGHPUT = out_of_reach(
    "Mamba writes four to five times as many tokens a second as a Transformer of its size",
    "section 4.5, figure 8",
    "hardware",
    "models of 1.4 and 6.9 billion parameters in large batches on one A100",
)


# ---- blocks of the README --------------------------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """The language model."""
    results, bits = lab.results("text"), lab.values("text", "metrics", "bits")
    first, data = results["runs"][0], results["environment"]["data"]
    config, nats = first["config"], lab.interval([value * math.log(2) for value in bits])
    return Summary(
        data=f"{TEXTS[config['dataset']]}, {data['items']:,} characters to train on, a ninth as many held out",
        model=f"{config['layers']} blocks of width {config['hidden_size']} with {config['state_size']} states a "
        f"channel, {first['parameters']:,} parameters",
        loss=f"cross-entropy of the next character, mean over windows of {config['length']} characters",
        optimiser=f"AdamW, learning rate {config['learning_rate']:g}, weight decay {config['weight_decay']:g}, batch "
        f"{config['batch_size']}, gradients clipped to norm {config['clip']:g}",
        schedule=f"up along a line for {100 * config['warmup']:g} % and down along half a cosine to a tenth, "
        f"{first['steps']:,} updates",
        metric=f"bits per character of the held-out text in windows of {config['length']}, each read from a zero state",
        expected="below 3 bits within 500 updates, and falling to the end",
        numpy=f"{lab.interval(bits):.3f bits} ({nats:.3f nats}), {len(bits)} seeds",
        torch="- (two layers of width 64: see the claims)",
        command="tinygrad-lab claims mamba (all), tinygrad-lab train mamba (one run)",
        time=f"{lab.spread('text', 'seconds'):.0f s} a run on NumPy, "
        f"{results['environment']['blas_threads']} BLAS thread(s)",
    )


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "lengths" (induction heads by length), "steps" (Δ in copying) and "sample" (what is written)."""
    sample = f"```text\n{lab.results('text')['sample'].strip()}\n```"
    return {"lengths": _lengths_table(lab), "steps": _steps(lab), "sample": sample}


def _steps(lab: Lab) -> str:
    """Mean step sizes where there is a token to copy, and where there is noise."""
    shown, config = lab.results("copying")["step_sizes"], lab.results("copying")["configs"]["selective"]
    places = range(config["length"])
    means = []
    for number, sizes in enumerate(shown["blocks"], 1):
        kept, noise = ([sizes[t] for t in places if (shown["tokens"][t] != 0) is keep] for keep in (True, False))
        means.append(f"{lab.interval(kept).mean:.3f} and {lab.interval(noise).mean:.3f} in block {number}")
    return f"Δ at tokens to copy and at noise, means over channels and places: {'; '.join(means)}."


def _lengths_table(lab: Lab) -> str:
    lengths = asked_lengths(lab)
    rows = [
        [f"{arm}, {seed}", *(f"{right[str(n)]:.1f}" if str(n) in right else "-" for n in lengths)]
        for arm, seeds in lab.results("induction")["lengths"].items()
        for seed, right in enumerate(seeds)
    ]
    return table(["model, seed", *(f"{n:,}" for n in lengths)], rows)
