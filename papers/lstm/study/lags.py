"""The claims about long time lags: the adding problem, forget gates that start open, and where the gradients go."""

from math import log10
from statistics import median

from tinygrad_lab.study import Claim, Finding, Lab, table

from .plan import BATCH, BIAS_ARMS, BIAS_LAG, CARRIERS, LAGS, TUNED, UPDATES
from .trials import MOST, Trials, outcome, rates_of, solved, trials_of, units

PAPER_LAG = 100
FAR = (500, 1000)
PLAIN = tuple(lag for lag, arms in LAGS.items() if "rnn" in arms)
CARRIED = 0.1  # share of an error that must be left for it to count as carried: it falls tenfold at most
VANISHED = 1e-3  # and for it to count as vanished
SOON = UPDATES[PAPER_LAG] * BATCH  # sequences: the paper's 74,000 for T = 100, at the look after it
FLOOR = 1e-300  # what a share counts as that float64 cannot hold
BUDGET = "the paper's networks had up to 853,000 sequences"


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [_adding(lab), _plain(lab), _far(lab), _forget_bias(lab), _gradient(lab)]


def file_of(lag: int) -> str:
    """The results file of a length."""
    return f"adding-{lag}"


def _ran(lab: Lab, lag: int, arm: str) -> str:
    results = lab.results(file_of(lag))
    config = results["configs"][arm]
    where = f", tried at T = {TUNED[lag]}" if lag in TUNED else ""
    return (
        f"{units(config)}, batches of {config['batch_size']}, Adam {config['learning_rate']:g} (the best of "
        f"{', '.join(results['rates'][arm])}{where}); solved: 99 % of 2,560 test sequences within 0.04; at most "
        f"{config['items'] * config['epochs']:,} sequences"
    )


def _adding(lab: Lab) -> Claim:
    name = file_of(PAPER_LAG)
    trials = trials_of(lab, name, "1997")
    return Claim(
        "the cell of 1997 solves the adding problem with T = 100, after 74,000 sequences, 1 of 2,560 wrong",
        "section 5.4; table 7, its number from memory",
        f"{_ran(lab, PAPER_LAG, '1997')}; input gates start at -3 and -6, as in the paper",
        numpy=f"solved {outcome(lab, trials)}",
        finding=lab.judge.succeeds(solved(trials)).tuned(rates_of(lab, name), "1997"),
        why=MOST,
    )


def _plain(lab: Lab) -> Claim:
    cells = {lag: trials_of(lab, file_of(lag), "rnn") for lag in PLAIN}
    return Claim(
        "a plain recurrent network does not learn the adding problem, at any of these lengths",
        "section 3.1",
        "; ".join(f"T = {lag}: {_ran(lab, lag, 'rnn')}" for lag in PLAIN),
        numpy="; ".join(f"T = {lag}: {outcome(lab, trials)}" for lag, trials in cells.items()),
        finding=lab.judge.all_of(*(_fails(lab, lag, trials) for lag, trials in cells.items())),
        why="that most trials fail is asked for, at each length; answering with the mean leaves a squared error of "
        "0.0417 (1/24), a little less with hidden marks",
    )


def _fails(lab: Lab, lag: int, trials: Trials) -> Finding:
    failed = [not one for one in solved(trials)]
    return lab.judge.succeeds(failed).tuned(rates_of(lab, file_of(lag)), "1997", "rnn")


def _far(lab: Lab) -> Claim:
    trials = {lag: trials_of(lab, file_of(lag), "1997") for lag in FAR}
    found = lab.judge.all_of(*(lab.judge.succeeds(solved(some)) for some in trials.values()))
    return Claim(
        "the cell of 1997 also solves T = 500 and T = 1,000, after 209,000 and 853,000 sequences",
        "section 5.4; table 7, its number from memory",
        _ran(lab, FAR[0], "1997"),
        numpy="; ".join(f"T = {lag:,}: {outcome(lab, some)}" for lag, some in trials.items()),
        finding=found.tuned(rates_of(lab, file_of(FAR[0])), "1997").allowing_for(ours=BUDGET),
        why=f"{MOST}, at both lengths",
    )


def _forget_bias(lab: Lab) -> Claim:
    ours, theirs = (
        [trials_of(lab, file_of(BIAS_LAG), arm, kind) for arm in BIAS_ARMS] for kind in ("trials", "others")
    )
    found, other = (lab.judge.succeeds_more(*map(solved, pair)) for pair in (ours, theirs))
    return Claim(
        "forget gates must start open, by a high bias: more trials with a bias of 5 than of 1 solve the adding "
        f"problem within {SOON:,} sequences",
        "Gers et al. 2000, section 3",
        f"T = {BIAS_LAG}; {'; '.join(f'{arm}: {_ran(lab, BIAS_LAG, arm)}' for arm in BIAS_ARMS)}",
        numpy=_both_biases(lab, ours),
        torch=_both_biases(lab, theirs),
        finding=found.confirmed_by(other).tuned(rates_of(lab, file_of(BIAS_LAG)), *BIAS_ARMS),
        why="in a step a cell keeps 0.99 of its state with bias 5, 0.73 with bias 1",
    )


def _both_biases(lab: Lab, pair: list[Trials]) -> str:
    return "; ".join(f"bias {arm[-1]}: {outcome(lab, trials)}" for arm, trials in zip(BIAS_ARMS, pair, strict=True))


# ---- gradients -------------------------------------------------------------------------------------------------------


def shares(lab: Lab) -> dict[str, list[float]]:
    """What is left of a gradient over the whole length, as a share of that at one step: by arm and time, one a seed."""
    results = lab.results("gradients")
    lag = results["lag"]
    return {
        f"{arm} {when}": [norms[when][part][lag] / norms[when][part][1] for norms in results["gradients"][arm]]
        for arm, part in CARRIERS.items()
        for when in ("untrained", "trained")
    }


def _gradient(lab: Lab) -> Claim:
    lag, found = lab.results("gradients")["lag"], shares(lab)
    logs = {case: [log10(max(share, FLOOR)) for share in some] for case, some in found.items()}
    parts = [_carried(lab, some) if case.startswith("1997") else _vanished(lab, some) for case, some in logs.items()]
    return Claim(
        "error flows back through the cells undiminished, and vanishes in a plain recurrent network",
        "sections 3.1, 3.2 and 4",
        f"|dE/dc| of the cell of 1997 and |dE/dh| of the plain network, {lag} steps before the end of the adding "
        f"problem with T = {lag}, as a share of one step before it, before and after training; means over the longest "
        f"of 256 sequences; {len(found['rnn trained'])} seeds",
        numpy="; ".join(f"{case}: {_middle(some)}" for case, some in found.items()),
        finding=lab.judge.all_of(*parts),
        why=f"more than {CARRIED:g} is asked of the cells and less than {VANISHED:g} of the plain network, of each "
        "before training and after it, on a logarithmic scale",
    )


def _carried(lab: Lab, logs: list[float]) -> Finding:
    return lab.judge.superiority(logs, [log10(CARRIED)] * len(logs))


def _vanished(lab: Lab, logs: list[float]) -> Finding:
    return lab.judge.at_most(log10(VANISHED), logs)


def _middle(values: list[float]) -> str:
    """The median and the range."""
    return f"{median(values):.2g} ({min(values):.2g} to {max(values):.2g})"


# ---- what the pictures and a table show ------------------------------------------------------------------------------


def seen(lab: Lab) -> str:
    """What the picture of the adding problem shows."""
    longest = max(LAGS)
    cells = solved(trials_of(lab, file_of(longest), "1997"))
    return (
        f"Of the lines of the cell of 1997 those of {sum(cells)} of {len(cells)} trials end in a dot even at T = "
        f"{longest:,}. Of the plain network's {'; '.join(_ends(lab, lag) for lag in PLAIN)}. The dotted line is at "
        f"{1 / 24:.4f}."
    )


def _ends(lab: Lab, lag: int) -> str:
    """Where the plain network's lines end."""
    trials = trials_of(lab, file_of(lag), "rnn")
    errors = [trial["history"][-1]["squared_error"] for trial in trials]
    return (
        f"{sum(solved(trials))} of {len(trials)} do at T = {lag}, and they end between {min(errors):.4f} and "
        f"{max(errors):.4f}, half of them below {median(errors):.4f}"
    )


def seen_in_gradients(lab: Lab) -> str:
    """What the first two panels of the gradients show."""
    found = shares(lab)
    return (
        f"In the adding problem the gradient in the cells of 1997 is, {lab.results('gradients')['lag']} steps back, "
        f"{median(found['1997 untrained']):.2g} of what it is one step back before training and "
        f"{median(found['1997 trained']):.2g} after it, that in the plain network {median(found['rnn untrained']):.1g} "
        f"and {median(found['rnn trained']):.1g}."
    )


def by_length(lab: Lab) -> str:
    """All arms at all lengths."""
    arms = LAGS[min(LAGS)]
    rows = [
        [arm, *(outcome(lab, trials_of(lab, file_of(lag), arm)) if arm in LAGS[lag] else "not run" for lag in LAGS)]
        for arm in arms
    ]
    return table(["layer", *(f"T = {lag:,}" for lag in LAGS)], rows)
