"""The claims about long time lags: the adding problem, forget gates that start open, and where the gradients go."""

from math import log10
from statistics import median

from tinygrad_lab.study import Claim, Finding, Lab, Record, table

from .plan import BATCH, BIAS_ARMS, BIAS_LAG, CARRIERS, LAGS, PAPERS_MOST, PLAIN_LAGS, TUNED, UPDATES
from .trials import MOST, Trials, outcome, rates_of, solved, trials_of, units

PAPER_LAG = 100
FAR = (500, 1000)
CARRIED = 0.1  # share of an error that must be left for it to count as carried: it falls tenfold at most
VANISHED = 1e-3  # and for it to count as vanished
SOON = UPDATES[PAPER_LAG] * BATCH  # sequences: the paper's 74,000 for T = 100, at the look after it
FLOOR = 1e-300  # what a share counts as that float64 cannot hold
BUDGET = f"the paper's networks had up to {PAPERS_MOST:,} sequences"


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [_adding(lab), _sooner(lab), _plain(lab), _far(lab), _forget_bias(lab), _gradient(lab)]


def file_of(lag: int) -> str:
    """The results file of a length."""
    return f"adding-{lag}"


def long_file_of(lag: int) -> str:
    """That of the plain network's long trials at a length."""
    return f"plain-{lag}"


def _ran(lab: Lab, lag: int, arm: str) -> str:
    where = f", tried at T = {TUNED[lag]}" if lag in TUNED else ""
    return _as_in(lab.results(file_of(lag)), arm, where)


def _as_in(results: Record, arm: str, where: str = "") -> str:
    """How the trials of an arm were run that a results file has; where: at which length its rates were tried."""
    config = results["configs"][arm]
    return (
        f"{units(config)}, batches of {config['batch_size']}, Adam {config['learning_rate']:g} (the best of "
        f"{', '.join(results['rates'][arm])}{where}); solved: 99 % of 2,560 test sequences within 0.04; at most "
        f"{_budget(config):,} sequences"
    )


def _budget(config: Record) -> int:
    sequences: int = config["items"] * config["epochs"]
    return sequences


def _adding(lab: Lab) -> Claim:
    name = file_of(PAPER_LAG)
    trials, others = (trials_of(lab, name, "1997", kind) for kind in ("trials", "others"))
    found, other = (lab.judge.succeeds(solved(some)) for some in (trials, others))
    return Claim(
        "the cell of 1997 solves the adding problem with T = 100, after 74,000 sequences, 1 of 2,560 wrong",
        "section 5.4; table 7, its number from memory",
        f"{_ran(lab, PAPER_LAG, '1997')}; input gates start at -3 and -6, as in the paper",
        numpy=f"solved {outcome(lab, trials)}",
        torch=f"solved {outcome(lab, others)}",
        finding=found.confirmed_by(other).tuned(rates_of(lab, name), "1997"),
        why=MOST,
    )


def _sooner(lab: Lab) -> Claim:
    found, other = (lab.judge.all_of(*(_more(lab, lag, kind) for lag in PLAIN_LAGS)) for kind in ("trials", "others"))
    return Claim(
        f"within {SOON:,} sequences (the paper's LSTM needs 74,000 with T = 100) more trials of the cell of 1997 solve "
        f"the adding problem than of a plain recurrent network, with T = {' and with T = '.join(map(str, PLAIN_LAGS))}",
        "sections 3.1 and 5.4",
        "; ".join(f"T = {lag}: {arm}: {_ran(lab, lag, arm)}" for lag in PLAIN_LAGS for arm in ("1997", "rnn")),
        numpy=_both_layers(lab, "trials"),
        torch=_both_layers(lab, "others"),
        finding=found.confirmed_by(other),
        why="asked for at both lengths; answering with the mean leaves a squared error of 0.0417 (1/24), a little less "
        "with hidden marks",
    )


def _more(lab: Lab, lag: int, kind: str) -> Finding:
    cells, plain = (solved(trials_of(lab, file_of(lag), arm, kind)) for arm in ("1997", "rnn"))
    return lab.judge.succeeds_more(cells, plain).tuned(rates_of(lab, file_of(lag)), "1997", "rnn")


def _both_layers(lab: Lab, kind: str) -> str:
    return "; ".join(
        f"T = {lag}, {arm}: {outcome(lab, trials_of(lab, file_of(lag), arm, kind))}"
        for lag in PLAIN_LAGS
        for arm in ("1997", "rnn")
    )


def _plain(lab: Lab) -> Claim:
    cells = {lag: trials_of(lab, long_file_of(lag), "rnn") for lag in PLAIN_LAGS}
    return Claim(
        f"with as many sequences as any of the paper's networks had ({PAPERS_MOST:,}) a plain recurrent network does "
        f"not learn the adding problem, neither with T = {' nor with T = '.join(map(str, PLAIN_LAGS))}",
        "section 3.1",
        "; ".join(f"T = {lag}: {_as_in(lab.results(long_file_of(lag)), 'rnn')}" for lag in PLAIN_LAGS),
        numpy="; ".join(f"T = {lag}: {outcome(lab, trials)}" for lag, trials in cells.items()),
        finding=lab.judge.all_of(*(_fails(lab, lag, trials) for lag, trials in cells.items())),
        why="that most trials fail is asked for, at both lengths",
    )


def _fails(lab: Lab, lag: int, trials: Trials) -> Finding:
    """Most trials fail; where they had fewer sequences than the paper's networks that shows nothing."""
    name = long_file_of(lag)
    short = BUDGET if _budget(lab.results(name)["configs"]["rnn"]) < PAPERS_MOST else ""
    failed = lab.judge.succeeds([not one for one in solved(trials)])
    return failed.tuned(rates_of(lab, name), theirs="rnn").allowing_for(theirs=short)


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
        f"{longest:,}. Of the plain network's {'; '.join(_ends(lab, lag) for lag in PLAIN_LAGS)}. The dotted line is "
        f"at {1 / 24:.4f}."
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
    """All arms at all lengths, and the plain network's long trials."""
    arms = LAGS[min(LAGS)]
    rows = [
        [arm, *(outcome(lab, trials_of(lab, file_of(lag), arm)) if arm in LAGS[lag] else "not run" for lag in LAGS)]
        for arm in arms
    ]
    long = {lag: outcome(lab, trials_of(lab, long_file_of(lag), "rnn")) for lag in PLAIN_LAGS}
    most = _budget(lab.results(long_file_of(PLAIN_LAGS[0]))["configs"]["rnn"])
    rows.append([f"rnn, up to {most:,} sequences", *(long.get(lag, "not run") for lag in LAGS)])
    return table(["layer", *(f"T = {lag:,}" for lag in LAGS)], rows)
