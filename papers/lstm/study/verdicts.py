"""What became of the claims, judged from the result files alone.

A task counts as solved by an arm when every one of its seeds solved it within the budget, with the learning rate that
is best for the arm on these seeds. A difference in bits per character counts when its 95 % interval over seeds, in
pairs, excludes 0.
"""

from typing import Any

from tinygrad_lab.study import Claim, Lab, Summary, Verdict

Trials = list[dict[str, Any]]
LAGS = (20, 50, 100)
TEXTS = {"timemachine": "The Time Machine", "tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts"}
PAPER_LAG = 100
CARRIED = 0.1  # share of an error that must be left for it to count as carried
VANISHED = 1e-3


def best_rate(trials: dict[str, Trials]) -> str:
    """The learning rate that solved the task for the most seeds, with the fewest sequences, or came closest to it."""

    def order(rate: str) -> tuple[int, int, float]:
        runs = [trial for trial in trials[rate] if trial["side"] == "numpy"]
        left = sum(run["history"][-1].get("squared_error", run["history"][-1].get("loss")) for run in runs)
        return -sum(run["solved"] for run in runs), sum(run["sequences"] for run in runs), left

    return min(trials, key=order)


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    found = [_adding(lab, PAPER_LAG)] if PAPER_LAG in measured_lags(lab) else []
    found += [_plain(lab), _FAR, _forget_bias(lab), _gradient(lab), _reber(lab), _reber_plain(lab)]
    return [*found, *(_text(lab, name) for name in measured_texts(lab))]


# ---- the adding problem ----------------------------------------------------------------------------------------------


def measured_lags(lab: Lab, arm: str = "1997") -> list[int]:
    """The lengths T at which an arm was tried."""
    return [lag for lag in LAGS if lab.has(f"adding-{lag}") and arm in lab.results(f"adding-{lag}")["trials"]]


def adding_trials(lab: Lab, lag: int, arm: str, side: str = "numpy") -> Trials:
    """The trials of an arm at a lag, with its best learning rate."""
    trials = lab.results(f"adding-{lag}")["trials"][arm]
    return [trial for trial in trials[best_rate(trials)] if trial["side"] == side]


def outcome(lab: Lab, trials: Trials) -> str:
    """How many trials solved the task, and after how many sequences; the error that is left where none did."""
    solved = [float(trial["sequences"]) for trial in trials if trial["solved"]]
    if not solved:
        last = [trial["history"][-1] for trial in trials]
        if "squared_error" in last[0]:
            return f"0 of {len(trials)}, squared error {lab.interval([entry['squared_error'] for entry in last]):.4f}"
        return f"0 of {len(trials)}, {lab.interval([entry['correct'] for entry in last]):.1f %} of the strings right"
    return f"{len(solved)} of {len(trials)}, after {lab.interval(solved):,.0f} sequences"


def _ran_adding(lab: Lab, lag: int, arm: str) -> str:
    results = lab.results(f"adding-{lag}")
    config = results["configs"][arm]
    most = config["items"] * config["epochs"]
    return (
        f"{_units(config)}, batches of {config['batch_size']}, Adam, the best learning rate of "
        f"{', '.join(results['trials'][arm])} for each layer and length; solved: 99 % of 2,560 test sequences within "
        f"0.04; at most {most:,} sequences"
    )


def _units(config: dict[str, Any]) -> str:
    return f"{config['hidden']} {'tanh units' if config['cell'] == 'rnn' else 'cells'}"


def _adding(lab: Lab, lag: int) -> Claim:
    trials, torch = (adding_trials(lab, lag, "1997", side) for side in ("numpy", "torch"))
    return Claim(
        statement="the cell of 1997 solves the adding problem with T = 100, after 74,000 sequences, 1 of 2,560 wrong",
        source="section 5.4, table 7",
        ran=_ran_adding(lab, lag, "1997"),
        numpy=f"solved {outcome(lab, trials)}",
        torch=f"solved {outcome(lab, torch)}" if torch else "-",
        verdict=_judge(all(trial["solved"] for trial in trials)),
        why="every seed is asked to solve it",
    )


def _plain(lab: Lab) -> Claim:
    cells = {lag: adding_trials(lab, lag, "rnn") for lag in measured_lags(lab)}
    return Claim(
        statement="a plain recurrent network does not learn the adding problem, at any of these lengths",
        source="section 3.1",
        ran=f"{_ran_adding(lab, min(cells), 'rnn')}",
        numpy="; ".join(f"T = {lag}: {outcome(lab, trials)}" for lag, trials in cells.items()),
        torch="-",
        verdict=_judge(not any(trial["solved"] for trials in cells.values() for trial in trials)),
        why="answering with the mean leaves a squared error of 0.0417 (1/24), a little less with hidden marks",
    )


def _forget_bias(lab: Lab) -> Claim:
    arms = {bias: f"2000, forget bias {bias}" for bias in (1, 5)}
    cells, wins = [], False
    for lag in measured_lags(lab, arms[1]):
        shares = {bias: [trial["solved"] for trial in adding_trials(lab, lag, arm)] for bias, arm in arms.items()}
        cells.append(f"T = {lag}: " + ", ".join(f"bias {b}: {sum(s)} of {len(s)}" for b, s in shares.items()))
        wins = wins or (all(shares[5]) and not any(shares[1]))
    return Claim(
        statement="forget gates must start open, by a high bias, or a cell forgets before it has learned what to keep",
        source="Gers et al. 2000, section 3",
        ran=_ran_adding(lab, measured_lags(lab)[0], arms[5]),
        numpy="solved, " + "; ".join(cells),
        torch="-",
        verdict=_judge(wins),
        why="at one lag every seed with bias 5 and none with bias 1 is asked to solve it; in a step a cell keeps 0.99 "
        "of its state with bias 5, 0.73 with bias 1",
    )


_FAR = Claim(
    statement="the cell of 1997 also solves T = 500 and T = 1,000, after 209,000 and 853,000 sequences",
    source="section 5.4, table 7",
    ran="not run",
    numpy="-",
    torch="-",
    verdict="out of reach here",
    why="853,000 sequences of 1,000 steps take hours on one core",
)


def gradient_lag(lab: Lab) -> int:
    """The length at which gradients are looked at: the paper's shortest, or the longest there is."""
    lags = measured_lags(lab)
    return PAPER_LAG if PAPER_LAG in lags else lags[-1]


def left_over(lab: Lab, lag: int, arm: str, when: str, part: str) -> float:
    """The gradient norm ``lag`` steps before the end as a share of that one step before it."""
    norms = lab.results(f"adding-{lag}")["gradients"][arm][when][part]
    return norms[lag] / norms[1]


def _gradient(lab: Lab) -> Claim:
    lag = gradient_lag(lab)
    share = {
        (arm, when): left_over(lab, lag, arm, when, part)
        for arm, part in (("1997", "c"), ("rnn", "h"))
        for when in ("untrained", "trained")
    }
    carried = share["1997", "untrained"] > CARRIED and share["1997", "trained"] > CARRIED
    return Claim(
        statement="error flows back through the cells undiminished, and vanishes in a plain recurrent network",
        source="sections 3.1, 3.2 and 4",
        ran=f"|dE/dc| of the cell of 1997 and |dE/dh| of the plain network, {lag} steps before the end of the adding "
        "problem, as a share of one step before it; first seed, means over 256 sequences at most",
        numpy="; ".join(f"{arm} {when}: {value:.2g}" for (arm, when), value in share.items()),
        torch="-",
        verdict=_judge(carried and share["rnn", "untrained"] < VANISHED),
        why=f"more than {CARRIED:g} is asked of the cells, less than {VANISHED:g} of the plain network before training",
    )


# ---- the embedded Reber grammar --------------------------------------------------------------------------------------


def reber_trials(lab: Lab, arm: str, side: str = "numpy") -> Trials:
    """The trials of an arm, with its best learning rate."""
    trials = lab.results("reber")["trials"][arm]
    return [trial for trial in trials[best_rate(trials)] if trial["side"] == side]


def _ran_reber(lab: Lab, arm: str) -> str:
    results = lab.results("reber")
    config = results["configs"][arm]
    return (
        f"{_units(config)}, {config['parameters']} parameters, one string at a time, Adam "
        f"{config['learning_rate']:g} (the best of {', '.join(results['trials'][arm])}); solved: every prediction "
        f"legal in all of 256 training and 256 test strings; at most {256 * config['epochs']:,} strings"
    )


def _reber(lab: Lab) -> Claim:
    cells = {arm: reber_trials(lab, arm) for arm in ("1997", "2000")}
    torch = reber_trials(lab, "1997", "torch")
    return Claim(
        statement="every trial on the embedded Reber grammar succeeds, after 8,440 strings on average (276 weights)",
        source="section 5.1, table 1",
        ran=_ran_reber(lab, "1997"),
        numpy="; ".join(f"cell of {arm}: {outcome(lab, trials)}" for arm, trials in cells.items()),
        torch=f"1997: {outcome(lab, torch)}",
        verdict=_judge(all(trial["solved"] for trial in cells["1997"])),
        why="every trial with the cell of 1997 is asked to succeed",
    )


def _reber_plain(lab: Lab) -> Claim:
    trials, cells = reber_trials(lab, "rnn"), reber_trials(lab, "1997")
    return Claim(
        statement="with the strings that LSTM needs for the grammar, a plain network fails (Elman's: with 200,000 too)",
        source="section 5.1, table 1",
        ran=f"full backpropagation through time, {_ran_reber(lab, 'rnn')}",
        numpy=outcome(lab, trials),
        torch="-",
        verdict=_judge(all(trial["solved"] for trial in cells) and not any(trial["solved"] for trial in trials)),
        why="every trial of the one and none of the other is asked to succeed; Elman's network cuts the gradient after "
        "one step, ours does not: a stronger baseline than the paper's",
    )


# ---- text ------------------------------------------------------------------------------------------------------------


def measured_texts(lab: Lab) -> list[str]:
    """The texts that there are results for."""
    return [name for name in TEXTS if lab.has(f"text-{name}")]


def text_runs(lab: Lab, name: str, arm: str, side: str = "numpy") -> Trials:
    """The runs of an arm on a text."""
    return [run for run in lab.results(f"text-{name}")["runs"][arm] if run["side"] == side]


def bits(runs: Trials) -> list[float]:
    """Bits per character of the held-out text, one a run."""
    return [run["metrics"]["bits"] for run in runs]


def _text(lab: Lab, name: str) -> Claim:
    lstm, plain = (text_runs(lab, name, arm) for arm in ("2000", "rnn"))
    gain = lab.paired_difference(bits(plain), bits(lstm))
    return Claim(
        statement=f"an LSTM predicts {TEXTS[name]} better than a plain network with as many parameters",
        source="Karpathy, Johnson, Fei-Fei 2015, table 1 (other texts, larger networks)",
        ran=f"{_layer(lstm[0])} against {_layer(plain[0])}; {lstm[0]['steps']:,} updates on windows of "
        f"{lstm[0]['config']['length']} characters, the best learning rate of "
        f"{', '.join(lab.results('text-rates')['bits']['2000'])} each; {len(lstm)} seeds",
        numpy=f"{lab.interval(bits(lstm)):.3f} against {lab.interval(bits(plain)):.3f bits per character}",
        torch=f"LSTM: {lab.interval(bits(text_runs(lab, name, '2000', 'torch'))):.3f}",
        verdict=_judge(gain.low > 0),
        why=f"difference {gain:.3f bits}",
    )


def _layer(run: dict[str, Any]) -> str:
    config = run["config"]
    return f"{_units(config)} ({run['parameters']:,} parameters, Adam {config['learning_rate']:g})"


def summary(lab: Lab) -> Summary:
    """The LSTM on the first text there is."""
    name = measured_texts(lab)[0]
    runs, torch = text_runs(lab, name, "2000"), text_runs(lab, name, "2000", "torch")
    results = lab.results(f"text-{name}")
    data, first = results["environment"]["data"], runs[0]
    config = first["config"]
    seconds = {side: lab.interval([run["seconds"] for run in found]) for side, found in (("n", runs), ("t", torch))}
    return Summary(
        data=f"{TEXTS[name]}, {data['items']:,} characters to train on, a ninth as many after them held out",
        model=f"a layer of {config['hidden']} cells with forget gates, {first['parameters']:,} parameters",
        loss="cross-entropy of the next character, mean over windows of "
        f"{config['length']} characters from a zero state",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}, gradients "
        f"clipped to norm {config['clip']:g}",
        schedule=f"cosine to 0 over {config['epochs']} passes, {first['steps']:,} updates",
        metric="bits per character of the held-out text, the state carried on",
        expected="below 3 bits after the first passes; late in training the held-out loss stops falling",
        numpy=f"{lab.interval(bits(runs)):.3f bits}",
        torch=f"{lab.interval(bits(torch)):.3f bits}",
        command="tinygrad-lab claims lstm (all), tinygrad-lab train lstm (one run of 256 cells)",
        time=f"{seconds['n']:.0f s} NumPy, {seconds['t']:.0f s} PyTorch a run, "
        f"{results['environment']['blas_threads']} BLAS thread(s)",
    )


# ---- further blocks of the README ------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "lags" (the adding problem by arm and T) and "samples" (text as the networks write it)."""
    return {"lags": _lags_table(lab), "samples": _samples(lab)}


def _lags_table(lab: Lab) -> str:
    lags = measured_lags(lab)
    lines = ["| layer | " + " | ".join(f"T = {lag}" for lag in lags) + " |", "|---" * (1 + len(lags)) + "|"]
    for arm in lab.results(f"adding-{lags[0]}")["trials"]:
        tried = measured_lags(lab, arm)
        cells = [outcome(lab, adding_trials(lab, lag, arm)) if lag in tried else "not run" for lag in lags]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _samples(lab: Lab) -> str:
    blocks = []
    for name in measured_texts(lab):
        results = lab.results(f"text-{name}")
        for arm, written in results["samples"].items():
            run = results["runs"][arm][0]
            title = f"{TEXTS[name]}, {'LSTM' if arm == '2000' else 'plain network'}, {run['metrics']['bits']:.2f} bits"
            blocks.append(f"{title}:\n\n```text\n{written.strip()}\n```")
    return "\n\n".join(blocks)


def _judge(holds: bool) -> Verdict:
    return "reproduced" if holds else "not reproduced"
