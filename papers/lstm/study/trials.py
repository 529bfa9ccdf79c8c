"""Trials as the results files have them: how many solved their task, how soon, and with which learning rates."""

from statistics import median

from tinygrad_lab.study import Lab, Rates, Record

Trials = list[Record]
MOST = "that most trials solve it is asked for"


def trials_of(lab: Lab, name: str, arm: str, kind: str = "trials") -> Trials:
    """The trials of an arm in a results file, or, as "others", those of PyTorch under other seeds; none if not run."""
    found: Trials = lab.results(name)[kind].get(arm, [])
    return found


def rates_of(lab: Lab, name: str) -> Rates:
    """The learning rates of a results file's arms."""
    return Rates("validation", lab.results(name)["rates"])


def solved(trials: Trials, within: int | None = None) -> list[bool]:
    """Whether each of the trials solved its task, after so many sequences at most."""
    return [trial["solved"] and (within is None or trial["sequences"] <= within) for trial in trials]


def outcome(lab: Lab, trials: Trials) -> str:
    """How many trials solved the task, and after how many sequences; the error that is left where few did.

    A mean is taken only where all of them did: one over the solved alone would leave out the slow ones.  A median needs
    most of them.
    """
    if not trials:
        return "not run"
    did = solved(trials)
    count = f"{sum(did)} of {len(did)}"
    if all(did):
        return f"{count}, after {lab.interval([float(trial['sequences']) for trial in trials]):,.0f} sequences"
    if sum(did) > len(did) / 2:
        middle = median(trial["sequences"] if trial["solved"] else float("inf") for trial in trials)
        return f"{count}, half of them after {middle:,.0f} sequences"
    return f"{count}, {_left(lab, trials)}"


def _left(lab: Lab, trials: Trials) -> str:
    last = [trial["history"][-1] for trial in trials]
    if "squared_error" in last[0]:
        return f"squared error {lab.interval([entry['squared_error'] for entry in last]):.4f}"
    return f"{lab.interval([entry['correct'] for entry in last]):.1f %} of the strings right"


def units(config: Record) -> str:
    """The layer in words."""
    return (
        f"{config['hidden']} {'tanh units' if config['cell'] == 'rnn' else 'cells'}, {config['parameters']} parameters"
    )
