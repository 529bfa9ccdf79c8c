"""What the rows of the claims are made of: findings and what allows for their runs, numbers, and what was run."""

import math
from collections.abc import Callable

import numpy as np

from tinygrad_lab.study import Claim, Course, Finding, Lab, Rates, of_training

from .arms import NEEDLES
from .experiment import WITNESSED, named
from .needles import VALUES
from .pages import READ, nats_and_bits, seconds

Judged = Callable[[str], Finding]  # the finding of a claim from the runs of a side


def claim(
    lab: Lab, study: str, arms: tuple[str, ...], judged: Judged, statement: str, source: str, why: str
) -> Claim:  # fmt: skip
    """A claim on arms of a study, with the other side's verdict where it trained all of them."""
    witnessed = set(arms) <= set(WITNESSED.get(study, ()))
    finding = judged("numpy").run_for(max(seconds(lab, study, arm) for arm in arms))
    finding = finding.confirmed_by(judged("torch")) if witnessed else finding
    return Claim(
        statement, source, ran=recipe(lab, study, arms), numpy=numbers(lab, study, arms, "numpy"),
        torch=numbers(lab, study, arms, "torch") if witnessed else "-", finding=finding, why=why,
    )  # fmt: skip


def once(finding: Finding) -> Judged:
    """A finding of the engine's runs alone."""
    return lambda side: finding  # noqa: ARG005  (there is no other side)


def tuned(lab: Lab, finding: Finding, study: str, ours: str, theirs: str = "") -> Finding:
    """The finding, allowing for rates that were not bracketed."""
    return finding.tuned(tried(lab, study, ours), named(study, ours), named(study, theirs) if theirs else "")


def paced(lab: Lab, found: Finding, study: str, first: str, second: str, side: str, sign: int = 1) -> Finding:
    """A finding of language models, allowing for one that was catching up; the sign is that of what is judged."""
    one, other = (course(lab, study, arm, side, sign) for arm in (first, second))
    return found.allowing_for_pace(one, other)


def course(lab: Lab, study: str, arm: str, side: str, sign: int) -> Course:
    """How an arm's loss fell: on held-out text where that was looked at on the way, of long windows in training."""
    runs = lab.runs(study, side, arm)
    if study == "long":
        return of_training(arm, runs, sign)
    means = np.mean([[look["loss"] for look in run["history"]] for run in runs], axis=0)
    return Course(arm, [sign * float(loss) for loss in means])


def tried(lab: Lab, study: str, arm: str) -> Rates:
    """All rates, with what guessing costs an arm of a study: one of a needle's values, or one of all characters."""
    choices = VALUES if study in NEEDLES else lab.runs(study, arm=arm)[0]["config"]["vocab_size"]
    return Rates("validation", lab.results("rates")["losses"], guessing=math.log(choices))


def difference(finding: Finding) -> str:
    """A difference in nats with its interval; of a single run there is none."""
    if finding.low is None:
        return f"{finding.estimate:.4f} nats (one run)"
    return f"{finding.estimate:.4f} nats ({finding.low:.4f} to {finding.high:.4f})"


def numbers(lab: Lab, study: str, arms: tuple[str, ...], side: str) -> str:
    """The losses of arms, in nats, and of text in bits beside."""
    return "; ".join(f"{arm}: {nats_and_bits(lab, study, arm, side)}" for arm in arms)


def recipe(lab: Lab, study: str, arms: tuple[str, ...]) -> str:
    """What was run of some arms."""
    first = [lab.runs(study, arm=arm)[0] for arm in arms]
    run, config = first[0], first[0]["config"]
    sizes = [
        f"{arm}: {other['parameters']:,} parameters, rate {other['config']['learning_rate']:g}"
        for arm, other in zip(arms, first, strict=True)
    ]
    return (
        f"{READ[config.get('task') or config['dataset']]}; {config['layers']} layers of width {config['hidden_size']}, "
        f"{run['steps']:,} steps of {config['batch_size']} windows of {config['length']:,}; {', '.join(sizes)}; "
        f"{len(lab.runs(study, arm=arms[0]))} seeds"
    )
