"""The claims about the embedded Reber grammar."""

from tinygrad_lab.study import Claim, Finding, Lab

from .plan import REBER_EPOCHS, STRINGS, SWEEP_EPOCHS
from .trials import MOST, outcome, rates_of, solved, trials_of, units

NEEDED = SWEEP_EPOCHS * STRINGS  # strings that LSTM needs: the paper's 8,440, at the look after it
BUDGET = REBER_EPOCHS * STRINGS


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [_every_trial(lab), _plain(lab)]


def _ran(lab: Lab, arm: str) -> str:
    results = lab.results("reber")
    config = results["configs"][arm]
    return (
        f"{units(config)}, one string at a time, Adam {config['learning_rate']:g} (the best of "
        f"{', '.join(results['rates'][arm])}); solved: every prediction legal in all of 256 training and 256 test "
        f"strings; at most {BUDGET:,} strings"
    )


def _every_trial(lab: Lab) -> Claim:
    cells = {arm: trials_of(lab, "reber", arm) for arm in ("1997", "2000")}
    others = trials_of(lab, "reber", "1997", "others")
    found, other = (lab.judge.succeeds(solved(trials)) for trials in (cells["1997"], others))
    return Claim(
        "most trials on the embedded Reber grammar succeed (the paper: every one, after 8,440 strings on average, with "
        "276 weights)",
        "section 5.1; table 1, its number from memory",
        _ran(lab, "1997"),
        numpy="; ".join(f"cell of {arm}: {outcome(lab, trials)}" for arm, trials in cells.items()),
        torch=f"cell of 1997: {outcome(lab, others)}",
        finding=found.confirmed_by(other).tuned(rates_of(lab, "reber"), "1997"),
        why=f"{MOST}, with the cell of 1997",
    )


def _plain(lab: Lab) -> Claim:
    trials, cells = trials_of(lab, "reber", "rnn"), trials_of(lab, "reber", "1997")
    in_time = {"cell of 1997": solved(cells, NEEDED), "plain network": solved(trials, NEEDED)}
    found: Finding = lab.judge.succeeds_more(*in_time.values())
    return Claim(
        "with the strings that LSTM needs for the grammar (8,440) more of its trials succeed than of a plain network's "
        "(Elman's: none, with 200,000 either)",
        "section 5.1; table 1, its number from memory",
        f"full backpropagation through time, {_ran(lab, 'rnn')}",
        numpy=f"within {NEEDED:,} strings: {'; '.join(f'{who}: {_count(did)}' for who, did in in_time.items())}; "
        f"within {BUDGET:,}: plain network: {outcome(lab, trials)}",
        finding=found.tuned(rates_of(lab, "reber"), "1997", "rnn"),
        why=f"they are looked at after {NEEDED:,} strings; Elman's network cuts the gradient after one step, ours does "
        "not: a stronger baseline than the paper's",
    )


def _count(did: list[bool]) -> str:
    return f"{sum(did)} of {len(did)}"


def seen(lab: Lab) -> str:
    """What the picture of the grammar shows."""
    counts = {arm: solved(trials_of(lab, "reber", arm), NEEDED) for arm in ("1997", "rnn")}
    return (
        f"At the dotted line, after the strings that the paper's best network needed, {_count(counts['1997'])} trials "
        f"of the cell of 1997 have all strings right, and {_count(counts['rnn'])} of the plain network."
    )
