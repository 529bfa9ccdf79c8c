"""What became of the claims, judged from the result files alone.

A task counts as solved by an arm when the exact 95 % interval of the share of its trials that solved it within the
budget is above one half. The learning rates of those tasks were chosen on the same trials.
"""

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Record, Summary, not_run, table

Trials = list[Record]
LAGS = (20, 50, 100)
TEXTS = {"timemachine": "The Time Machine", "tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts"}
PAPER_LAG = 100
CARRIED = 0.1  # share of an error that must be left for it to count as carried
VANISHED = 1e-3
TEXT_STEPS = 60  # over which gradients in text are compared in words
MOST = "that most trials solve it is asked for"


def soonest_rate(trials: dict[str, Trials]) -> str:
    """The learning rate that solved the task for the most seeds, with the fewest sequences, or came closest to it."""
    return ranked_rates(trials)[0]


def ranked_rates(trials: dict[str, Trials]) -> list[str]:
    """All of its learning rates, the best one first."""

    def order(rate: str) -> tuple[int, int, float]:
        runs = [trial for trial in trials[rate] if trial["side"] == "numpy"]
        left = sum(run["history"][-1].get("squared_error", run["history"][-1].get("loss")) for run in runs)
        return -sum(run["solved"] for run in runs), sum(run["sequences"] for run in runs), left

    return sorted(trials, key=order)


def rates_of(lab: Lab, name: str) -> Rates:
    """The learning rates of a results file's arms, each with its rank."""
    ranked = {arm: ranked_rates(trials) for arm, trials in lab.results(name)["trials"].items()}
    ranks = {arm: {rate: float(rank) for rank, rate in enumerate(rates)} for arm, rates in ranked.items()}
    return Rates("the judged runs", ranks)


def trials_of(lab: Lab, name: str, arm: str, side: str = "numpy") -> Trials:
    """The trials of an arm in a results file, with the learning rate that is best for it; none where it was not run."""
    trials = lab.results(name)["trials"].get(arm)
    return [trial for trial in trials[soonest_rate(trials)] if trial["side"] == side] if trials else []


def solved(trials: Trials) -> list[bool]:
    """Whether each of the trials solved its task."""
    return [trial["solved"] for trial in trials]


def outcome(lab: Lab, trials: Trials) -> str:
    """How many trials solved the task, and after how many sequences; the error that is left where none did.

    A mean is taken only where all of them did: one over the solved alone would leave out the slow ones.
    """
    if not trials:
        return "not run"
    count, last = f"{sum(solved(trials))} of {len(trials)}", [trial["history"][-1] for trial in trials]
    if all(solved(trials)):
        return f"{count}, after {lab.interval([float(trial['sequences']) for trial in trials]):,.0f} sequences"
    if any(solved(trials)):
        after = [f"{trial['sequences']:,}" if trial["solved"] else f"over {trial['sequences']:,}" for trial in trials]
        return f"{count}, after {', '.join(after)} sequences"
    if "squared_error" in last[0]:
        return f"{count}, squared error {lab.interval([entry['squared_error'] for entry in last]):.4f}"
    return f"{count}, {lab.interval([entry['correct'] for entry in last]):.1f %} of the strings right"


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    long = [_adding(lab)] if PAPER_LAG in measured_lags(lab) else []
    short = [_plain(lab), _FAR, _forget_bias(lab), _gradient(lab), _reber(lab), _reber_plain(lab)]
    return [*long, *short, *(_text(lab, name) for name in measured_texts(lab))]


# ---- the adding problem ----------------------------------------------------------------------------------------------


def measured_lags(lab: Lab) -> list[int]:
    """The lengths T that were tried."""
    return [lag for lag in LAGS if lab.has(f"adding-{lag}")]


def _ran_adding(lab: Lab, lag: int, arm: str) -> str:
    results = lab.results(f"adding-{lag}")
    config = results["configs"][arm]
    return (
        f"{_units(config)}, batches of {config['batch_size']}, Adam, the best learning rate of "
        f"{', '.join(results['trials'][arm])} for each layer and length; solved: 99 % of 2,560 test sequences within "
        f"0.04; at most {config['items'] * config['epochs']:,} sequences"
    )


def _units(config: Record) -> str:
    return f"{config['hidden']} {'tanh units' if config['cell'] == 'rnn' else 'cells'}"


def _adding(lab: Lab) -> Claim:
    trials, torch = (trials_of(lab, f"adding-{PAPER_LAG}", "1997", side) for side in ("numpy", "torch"))
    return Claim(
        "the cell of 1997 solves the adding problem with T = 100, after 74,000 sequences, 1 of 2,560 wrong",
        "section 5.4, table 7",
        _ran_adding(lab, PAPER_LAG, "1997"),
        numpy=f"solved {outcome(lab, trials)}",
        torch=f"solved {outcome(lab, torch)}" if torch else "-",
        finding=lab.judge.succeeds(solved(trials)).tuned(rates_of(lab, f"adding-{PAPER_LAG}"), "1997"),
        why=MOST,
    )


def _plain(lab: Lab) -> Claim:
    cells = {lag: trials_of(lab, f"adding-{lag}", "rnn") for lag in measured_lags(lab)}
    failed = [not one for trials in cells.values() for one in solved(trials)]
    found = lab.judge.succeeds(failed).tuned(rates_of(lab, f"adding-{min(cells)}"), "1997", "rnn")
    return Claim(
        "a plain recurrent network does not learn the adding problem, at any of these lengths",
        "section 3.1",
        _ran_adding(lab, min(cells), "rnn"),
        numpy="; ".join(f"T = {lag}: {outcome(lab, trials)}" for lag, trials in cells.items()),
        finding=found,
        why=f"that most trials fail is asked for, over all lengths; at its better rate {sum(failed)} of {len(failed)} "
        "do; answering with the mean leaves a squared error of 0.0417 (1/24), a little less with hidden marks",
    )


def _forget_bias(lab: Lab) -> Claim:
    pairs = {
        lag: [trials_of(lab, f"adding-{lag}", f"2000, forget bias {bias}") for bias in (1, 5)]
        for lag in measured_lags(lab)
    }
    tried = {lag: [solved(trials) for trials in pair] for lag, pair in pairs.items() if all(pair)}
    longest = max(tried)
    found = lab.judge.succeeds_more(tried[longest][1], tried[longest][0])
    return Claim(
        "forget gates must start open, by a high bias, or a cell forgets before it has learned what to keep",
        "Gers et al. 2000, section 3",
        _ran_adding(lab, min(tried), "2000, forget bias 5"),
        numpy="solved, "
        + "; ".join(
            f"T = {lag}: bias 1: {sum(low)} of {len(low)}, bias 5: {sum(high)} of {len(high)}"
            for lag, (low, high) in tried.items()
        ),
        finding=found.tuned(rates_of(lab, f"adding-{longest}"), *(f"2000, forget bias {bias}" for bias in (5, 1))),
        why=f"that more trials with bias 5 solve it at T = {longest} is asked for; in a step a cell keeps 0.99 of its "
        "state with bias 5, 0.73 with bias 1",
    )


_FAR = not_run(
    "the cell of 1997 also solves T = 500 and T = 1,000, after 209,000 and 853,000 sequences",
    "section 5.4, table 7",
    "T = 500 would take minutes; 853,000 sequences of 1,000 steps take hours on one core",
)


def gradient_lag(lab: Lab) -> int:
    """The length at which gradients are looked at: the paper's shortest, or the longest there is."""
    lags = measured_lags(lab)
    return PAPER_LAG if PAPER_LAG in lags else lags[-1]


def _gradient(lab: Lab) -> Claim:
    lag = gradient_lag(lab)
    norms = lab.results(f"adding-{lag}")["gradients"]
    share = {
        f"{arm} {when}": norms[arm][when][part][lag] / norms[arm][when][part][1]
        for arm, part in (("1997", "c"), ("rnn", "h"))
        for when in ("untrained", "trained")
    }
    found = lab.judge.all_of(
        *(lab.judge.superiority([share[f"1997 {when}"]], [CARRIED]) for when in ("untrained", "trained")),
        lab.judge.at_most(VANISHED, [share["rnn untrained"]]),
    )
    return Claim(
        "error flows back through the cells undiminished, and vanishes in a plain recurrent network",
        "sections 3.1, 3.2 and 4",
        f"|dE/dc| of the cell of 1997 and |dE/dh| of the plain network, {lag} steps before the end of the adding "
        "problem, as a share of one step before it; first seed, means over 256 sequences at most",
        numpy="; ".join(f"{case}: {value:.2g}" for case, value in share.items()),
        finding=found.but("one seed, of which there is no interval"),
        why=f"more than {CARRIED:g} is asked of the cells, less than {VANISHED:g} of the plain network before training",
    )


# ---- the embedded Reber grammar --------------------------------------------------------------------------------------


def _ran_reber(lab: Lab, arm: str) -> str:
    results = lab.results("reber")
    config = results["configs"][arm]
    return (
        f"{_units(config)}, {config['parameters']} parameters, one string at a time, Adam "
        f"{config['learning_rate']:g} (the best of {', '.join(results['trials'][arm])}); solved: every prediction "
        f"legal in all of 256 training and 256 test strings; at most {256 * config['epochs']:,} strings"
    )


def _reber(lab: Lab) -> Claim:
    cells = {arm: trials_of(lab, "reber", arm) for arm in ("1997", "2000")}
    return Claim(
        "every trial on the embedded Reber grammar succeeds, after 8,440 strings on average (276 weights)",
        "section 5.1, table 1",
        _ran_reber(lab, "1997"),
        numpy="; ".join(f"cell of {arm}: {outcome(lab, trials)}" for arm, trials in cells.items()),
        torch=f"1997: {outcome(lab, trials_of(lab, 'reber', '1997', 'torch'))}",
        finding=_in_budget(lab.judge.succeeds(solved(cells["1997"])).tuned(rates_of(lab, "reber"), "1997")),
        why=f"{MOST}, with the cell of 1997",
    )


def _in_budget(finding: Finding) -> Finding:
    """A failure within a third of the paper's strings is not one."""
    return finding.allowing_for(ours="the paper's networks of this size had up to 39,740 strings")


def _reber_plain(lab: Lab) -> Claim:
    trials, cells = trials_of(lab, "reber", "rnn"), trials_of(lab, "reber", "1997")
    found = _in_budget(lab.judge.succeeds_more(solved(cells), solved(trials)))
    return Claim(
        "with the strings that LSTM needs for the grammar, a plain network fails (Elman's: with 200,000 too)",
        "section 5.1, table 1",
        f"full backpropagation through time, {_ran_reber(lab, 'rnn')}",
        numpy=outcome(lab, trials),
        finding=found.tuned(rates_of(lab, "reber"), "1997", "rnn"),
        why="that more trials of the one succeed is asked for; Elman's network cuts the gradient after "
        "one step, ours does not: a stronger baseline than the paper's",
    )


# ---- text ------------------------------------------------------------------------------------------------------------


def measured_texts(lab: Lab) -> list[str]:
    """The texts that there are results for."""
    return [name for name in TEXTS if lab.has(f"text-{name}")]


def bits(lab: Lab, name: str, arm: str, side: str = "numpy") -> list[float]:
    """Bits per character of a held-out text, one a run."""
    return lab.values(f"text-{name}", "metrics", "bits", side=side, arm=arm)


def _text(lab: Lab, name: str) -> Claim:
    runs = lab.runs(f"text-{name}", arm="2000")
    lstm, plain = bits(lab, name, "2000"), bits(lab, name, "rnn")
    gain, rates = lab.paired_difference(plain, lstm), Rates("test", lab.results("text-rates")["bits"])
    found = lab.judge.superiority(plain, lstm).tuned(rates, "2000", "rnn")
    return Claim(
        f"an LSTM predicts {TEXTS[name]} better than a plain network with as many parameters",
        "Karpathy, Johnson, Fei-Fei 2015, table 1 (other texts, larger networks)",
        f"{_layer(runs[0])} against {_layer(lab.runs(f'text-{name}', arm='rnn')[0])}; {runs[0]['steps']:,} updates on "
        f"windows of {runs[0]['config']['length']} characters, the best learning rate of "
        f"{', '.join(lab.results('text-rates')['bits']['2000'])} each; {len(runs)} seeds",
        numpy=f"{lab.interval(lstm):.3f} against {lab.interval(plain):.3f bits per character}",
        torch=f"LSTM: {lab.interval(bits(lab, name, '2000', 'torch')):.3f}",
        finding=found.run_for(lab.spread(f"text-{name}", "seconds", arm="2000").mean),
        why=f"difference {gain:.3f bits}",
    )


def _layer(run: Record) -> str:
    config = run["config"]
    return f"{_units(config)} ({run['parameters']:,} parameters, Adam {config['learning_rate']:g})"


def summary(lab: Lab) -> Summary:
    """The LSTM on the first text there is."""
    name = measured_texts(lab)[0]
    file, run = f"text-{name}", lab.runs(f"text-{name}", arm="2000")[0]
    data, config = lab.results(file)["environment"]["data"], run["config"]
    return Summary(
        data=f"{TEXTS[name]}, {data['items']:,} characters to train on, a ninth as many after them held out",
        model=f"a layer of {config['hidden']} cells with forget gates, {run['parameters']:,} parameters",
        loss="cross-entropy of the next character, mean over windows of "
        f"{config['length']} characters from a zero state",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}, gradients "
        f"clipped to norm {config['clip']:g}",
        schedule=f"cosine to 0 over {config['epochs']} passes, {run['steps']:,} updates",
        metric="bits per character of the held-out text, the state carried on",
        expected="below 3 bits after the first passes; late in training the held-out loss stops falling",
        numpy=f"{lab.interval(bits(lab, name, '2000')):.3f bits}",
        torch=f"{lab.interval(bits(lab, name, '2000', 'torch')):.3f bits}",
        command="tinygrad-lab claims lstm (all), tinygrad-lab train lstm (one run of 256 cells)",
        time=lab.run_time(file, "2000"),
    )


# ---- further blocks of the README ------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "lags" (adding by arm and T), "carried" (gradients in trained text) and "samples" (text written)."""
    return {"lags": _lags_table(lab), "carried": _carried(lab), "samples": _samples(lab)}


def _carried(lab: Lab) -> str:
    """What the last panel of the gradients shows."""
    name = measured_texts(lab)[0]
    norms = lab.results(f"text-{name}")["gradients"]
    shown = {"the plain network": norms["rnn"]["trained"]["h"], "the LSTM": norms["2000"]["trained"]["c"]}
    steps = min(TEXT_STEPS, *(len(norm) - 1 for norm in shown.values()))
    kept = " and ".join(f"{who} keeps {100 * norm[steps] / norm[1]:.2g} %" for who, norm in shown.items())
    return f"In the last panel, trained on {TEXTS[name]}, {kept} of the gradient over {steps} steps."


def _lags_table(lab: Lab) -> str:
    lags = measured_lags(lab)
    rows = [
        [arm, *(outcome(lab, trials_of(lab, f"adding-{lag}", arm)) for lag in lags)]
        for arm in lab.results(f"adding-{lags[0]}")["trials"]
    ]
    return table(["layer", *(f"T = {lag}" for lag in lags)], rows)


def _samples(lab: Lab) -> str:
    blocks = []
    for name in measured_texts(lab):
        for arm, written in lab.results(f"text-{name}")["samples"].items():
            network = "LSTM" if arm == "2000" else "plain network"
            title = f"{TEXTS[name]}, {network}, {bits(lab, name, arm)[0]:.2f} bits"
            blocks.append(f"{title}:\n\n```text\n{written.strip()}\n```")
    return "\n\n".join(blocks)
