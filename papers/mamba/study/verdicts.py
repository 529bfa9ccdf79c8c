"""What became of the claims, judged from the result files alone, by the protocol of ``docs/claims.md``."""

import math

import numpy as np

from tinygrad_lab.study import Claim, Course, Finding, Interval, Lab, Rates, Record, Summary, of_training

from .costs import THROUGHPUT, scanning, writing
from .experiment import ARMS, ATTENDED, BEYOND, EVERY, LENGTHS, SOLVED, WITNESS_UPDATES
from .pages import tables as tables

NAMES = {
    "selective": "Mamba", "time-invariant": "the time-invariant block", "LLaMA": "LLaMA", "FoX": "FoX",
}  # fmt: skip
PERFECT = 99.0  # percent of answers that count as all
CLOSE = 0.02  # nats a character that count as no difference between language models
LEARNED = 95.0  # percent at the length of training from which on a trial counts as one that found the task
TEXTS = {"tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts"}


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        copying(lab), sooner(lab), perfect(lab), beyond(lab), ablation(lab), quality(lab), writing(lab), scanning(lab),
        THROUGHPUT,
    ]  # fmt: skip


# ---- what claims are made of -----------------------------------------------------------------------------------------
def fair(lab: Lab, found: Finding, task: str, ours: str, theirs: str = "") -> Finding:
    """The finding, allowing for rates that were not bracketed and for seeds that are missing."""
    seconds = max(lab.spread(task, "seconds", arm=arm).mean for arm in ARMS[task])
    return found.tuned(tried(lab, task), ours, theirs).run_for(seconds)


def tried(lab: Lab, task: str) -> Rates:
    """The rates of a task, with what guessing costs: nats an answer, bits a character of text."""
    vocabulary = lab.runs(task, arm="selective")[0]["config"]["vocab_size"]
    guessing = {
        "copying": math.log(vocabulary - 2), "induction": math.log(vocabulary - 1), "text": math.log2(vocabulary),
    }[task]  # fmt: skip
    return Rates("validation", lab.results("rates")["scores"][task], guessing=guessing)


def recipe(lab: Lab, task: str, arms: tuple[str, ...]) -> str:
    """What was run of some arms of a task."""
    runs = {arm: lab.runs(task, arm=arm) for arm in arms}
    each = [
        f"{NAMES[arm]} {len_of(found[0]):,} updates at {found[0]['config']['learning_rate']:g}"
        for arm, found in runs.items()
    ]
    first = runs[arms[0]][0]["config"]
    return (
        f"width {first['hidden_size']}, batches of {first['batch_size']}, {', '.join(each)}, the best rate of each; "
        f"{len(runs[arms[0]])} seeds"
    )


def len_of(run: Record) -> int:
    """Updates that a run could make at most."""
    config = run["config"]
    return int(config["epochs"] * config["items"] // config["batch_size"])


def ends(found: Finding, digits: int = 1) -> str:
    """A difference with its interval; of a single run there is none."""
    interval = "no interval" if found.low is None else f"{found.low:.{digits}f} to {found.high:.{digits}f}"
    return f"{found.estimate:.{digits}f} ({interval})"


# ---- selective copying -----------------------------------------------------------------------------------------------
def solved(lab: Lab, arm: str) -> list[bool]:
    """Whether each run came to the accuracy of table 1 within the budget; one that did not is censored there."""
    return [run["history"][-1]["accuracy"] >= SOLVED for run in lab.runs("copying", arm=arm)]


def copying(lab: Lab) -> Claim:
    """Whether networks that select copy, and those that do not do not: as trials, all seeds counted."""
    judged = lab.judge.succeeds_more(*(solved(lab, arm) for arm in ARMS["copying"]))
    ours, theirs = (accuracies(lab, arm) for arm in ARMS["copying"])
    judged = judged.allowing_for_pace(ours, theirs, end=100.0)
    config = lab.runs("copying", arm="selective")[0]["config"]
    return Claim(
        "selective state spaces copy the tokens and leave out the noise (97.0 to 99.8 %), time-invariant ones do not "
        "(18.3 to 57.0 %)",
        "section 4.1.1, table 1",
        f"{config['copies']} tokens among {config['length'] - config['copies']} of noise (the paper: 16 among "
        f"4,080), 2 layers, {recipe(lab, 'copying', ARMS['copying'])}; the control is the same block with Δ, B and C "
        f"of its own for every channel, but not for every token; ends at {SOLVED:g} % of validation sequences",
        numpy="; ".join(trials(lab, arm) for arm in ARMS["copying"]),
        finding=fair(lab, judged, "copying", *ARMS["copying"]).allowing_for(
            ours="the paper's networks have 400,000 updates"
        ),
        why=f"more trials must come to {SOLVED:g} %; every seed counts, and the runs that chose the rates "
        "are others; the paper's sequences are longer by far",
    )


def accuracies(lab: Lab, arm: str) -> Course:
    """How an arm came to copy; a run that ended, as it had solved the task, stays where it was."""
    runs = lab.runs("copying", arm=arm)
    right = [[look["accuracy"] for look in run["history"]] for run in runs]
    looks = range(1, runs[0]["config"]["epochs"] + 1)
    return Course(NAMES[arm], [float(np.mean([shares[:n][-1] for shares in right])) for n in looks])


def sooner(lab: Lab) -> Claim:
    """Whether networks that select copy more by the end of PyTorch's budget, seed by seed.

    How soon is what is asked, so that who comes up later is no excuse.
    """
    most = WITNESS_UPDATES["copying"]

    def judged(side: str) -> Finding:
        return fair(lab, lab.judge.superiority(*(reached(lab, arm, side) for arm in arms)), "copying", *arms)

    arms = ARMS["copying"]
    finding = judged("numpy").confirmed_by(judged("torch"))
    return Claim(
        f"selection learns to copy sooner: after {most:,} updates it copies more than the time-invariant block",
        "not in the paper; it goes with table 1",
        f"the runs of the row above, at {most:,} updates or where they were solved before; PyTorch's are no longer",
        numpy=", ".join(f"{NAMES[arm]} {lab.interval(reached(lab, arm, 'numpy')):.1f %}" for arm in arms),
        torch=", ".join(f"{NAMES[arm]} {lab.interval(reached(lab, arm, 'torch')):.1f %}" for arm in arms),
        finding=finding,
        why=f"{ends(finding)} points more",
    )


def reached(lab: Lab, arm: str, side: str) -> list[float]:
    """Percent of the validation tokens that each run copies after PyTorch's updates, or where it ended before."""
    looks = WITNESS_UPDATES["copying"] // EVERY
    return [run["history"][:looks][-1]["accuracy"] for run in lab.runs("copying", side, arm)]


def trials(lab: Lab, arm: str) -> str:
    """How many trials of an arm solve the task, and what all copy in the end."""
    found, right = solved(lab, arm), lab.values("copying", "metrics", "accuracy", arm=arm)
    last = max(run["steps"] for run in lab.runs("copying", arm=arm))
    return (
        f"{NAMES[arm]} {sum(found)} of {len(found)} solved, all ended by {last:,} updates with "
        f"{min(right):.1f} to {max(right):.1f} % of the test tokens"
    )


# ---- induction heads -------------------------------------------------------------------------------------------------
def at_length(lab: Lab, arm: str, length: int, side: str = "numpy") -> list[float]:
    """Percent of the induction sequences of a length that each run answers; nothing where it was not asked."""
    last = [run["history"][-1] for run in lab.runs("induction", side, arm)]
    return [right[str(length)] for right in last if str(length) in right]


def asked_lengths(lab: Lab, arm: str, side: str = "numpy") -> list[int]:
    """The lengths at which an arm was tried."""
    return [length for length in LENGTHS if at_length(lab, arm, length, side)]


def perfect(lab: Lab) -> Claim:
    """Whether Mamba is perfect at every length; with a part of the paper's updates a failure refutes nothing."""
    right = {length: at_length(lab, "selective", length) for length in asked_lengths(lab, "selective")}
    found = lab.judge.all_of(*(lab.judge.superiority(values, [PERFECT] * len(values)) for values in right.values()))
    return Claim(
        "a selective model that learned induction heads at one length is perfect at all lengths, up to 4,000 times as "
        "long",
        "section 4.1.2, table 2",
        f"trained at {min(right)} tokens (the paper: 256), tested at up to {max(right):,}; 2 layers, "
        f"{recipe(lab, 'induction', ('selective',))}",
        numpy=by_length(lab, "selective"),
        finding=fair(lab, found, "induction", "selective").allowing_for(ours=fewer(lab)),
        why=f"more than {PERFECT:g} % is asked for at every length",
    )


def fewer(lab: Lab) -> str:
    """How much shorter these runs are than the paper's."""
    return f"the paper makes 204,800 updates, and here are {len_of(lab.runs('induction', arm='selective')[0]):,}"


def beyond(lab: Lab) -> Claim:
    """Whether Mamba answers more than rotary attention beyond the length of training, on both sides."""
    arms = ARMS["induction"]

    def judged(side: str) -> Finding:
        found = lab.judge.superiority(*(at_length(lab, arm, BEYOND, side) for arm in arms))
        attended = learned(lab, "LLaMA", side) == found.seeds
        unlearned = "" if attended else "attention did not always learn the task to begin with"
        return fair(lab, found, "induction", *arms).allowing_for(ours=fewer(lab), theirs=unlearned)

    finding = judged("numpy").confirmed_by(judged("torch"))
    config = lab.runs("induction", arm="LLaMA")[0]["config"]
    return Claim(
        "beyond the length of training Mamba holds on to induction heads, and rotary attention does not (100 against "
        "31.3 % at four times the length)",
        "section 4.1.2, table 2",
        f"trained at {LENGTHS[0]} tokens, asked at {BEYOND}; 2 layers, {recipe(lab, 'induction', arms)}; attention of "
        f"{config['heads']} heads with gated layers, as many parameters (the paper's has no such layers)",
        numpy="; ".join(f"{NAMES[arm]} {by_length(lab, arm)}" for arm in arms),
        torch="; ".join(f"{NAMES[arm]} {by_length(lab, arm, 'torch')}" for arm in arms),
        finding=finding,
        why=f"Mamba has {ends(finding)} points more; at the length of training {learned(lab, 'selective')} and "
        f"{learned(lab, 'LLaMA')} trials have {LEARNED:g} % or more; attention is asked up to {ATTENDED} tokens, "
        f"PyTorch up to {BEYOND}",
    )


def learned(lab: Lab, arm: str, side: str = "numpy") -> int:
    """How many trials find the task."""
    return sum(right >= LEARNED for right in at_length(lab, arm, LENGTHS[0], side))


def by_length(lab: Lab, arm: str, side: str = "numpy") -> str:
    """From the worst seed to the best, at the lengths that all seeds were asked."""
    asked = {length: at_length(lab, arm, length, side) for length in asked_lengths(lab, arm, side)}
    return ", ".join(f"{n:,}: {min(values):.1f} to {max(values):.1f} %" for n, values in asked.items())


# ---- text ------------------------------------------------------------------------------------------------------------
def nats(lab: Lab, arm: str, side: str = "numpy") -> list[float]:
    """What a character of the held-out text costs, one number a seed."""
    return [math.log(2) * bits for bits in lab.values("text", "metrics", "bits", side=side, arm=arm)]


def paced(lab: Lab, found: Finding, first: str, second: str, side: str, sign: int = 1) -> Finding:
    """A finding of language models, allowing for one that was catching up; the sign is that of what is judged."""
    one, other = (of_training(NAMES[arm], lab.runs("text", side, arm), sign) for arm in (first, second))
    return found.allowing_for_pace(one, other)


def spelled(lab: Lab, arm: str, side: str = "numpy") -> str:
    """The same with its interval, and in bits."""
    found = lab.interval(nats(lab, arm, side))
    return f"{NAMES[arm]} {found:.3f} ({found.mean / math.log(2):.3f} bits)"


def language(lab: Lab, arms: tuple[str, ...]) -> str:
    """What was run of the language models."""
    first = lab.runs("text", arm="selective")[0]["config"]
    sizes = [f"{NAMES[arm]} {lab.runs('text', arm=arm)[0]['parameters']:,}" for arm in arms]
    return (
        f"{TEXTS[first['dataset']]}, windows of {first['length']}, {recipe(lab, 'text', arms)}; parameters: "
        f"{', '.join(sizes)}; nats a character"
    )


def ablation(lab: Lab) -> Claim:
    """Whether selection lowers the loss, on both sides."""
    arms = ARMS["text"][:2]

    def judged(side: str) -> Finding:
        found = lab.judge.superiority(nats(lab, arms[1], side), nats(lab, arms[0], side))
        return fair(lab, paced(lab, found, arms[1], arms[0], side), "text", *arms)

    finding = judged("numpy").confirmed_by(judged("torch"))
    return Claim(
        "selection makes the better language model (perplexity 8.71 against 10.93 without)",
        "section 4.6.2, table 7 (section and table from memory)",
        f"3 layers, {language(lab, arms)}",
        numpy=", ".join(spelled(lab, arm) for arm in arms),
        torch=", ".join(spelled(lab, arm, "torch") for arm in arms),
        finding=finding,
        why=f"selection saves {ends(finding, 3)} nats",
    )


def quality(lab: Lab) -> Claim:
    """Whether Mamba costs no more than either Transformer, but for a margin, on both sides."""
    others = ARMS["text"][2:]

    def against(arm: str, side: str) -> Finding:
        ours, theirs = ([-loss for loss in nats(lab, name, side)] for name in ("selective", arm))
        found = paced(lab, lab.judge.not_worse(ours, theirs, CLOSE), "selective", arm, side, sign=-1)
        return fair(lab, found, "text", "selective", arm)

    def judged(side: str) -> Finding:
        return lab.judge.all_of(*(against(arm, side) for arm in others))

    finding = judged("numpy").confirmed_by(judged("torch"))
    saved = [f"{ends(part, 3)} nats ({NAMES[arm]})" for arm, part in zip(others, finding.parts, strict=True)]
    return Claim(
        "Mamba models language as well as the best Transformers of its size (shown there from 125 million parameters "
        "up)",
        "section 4.2, figure 4 and table 3 (from memory)",
        f"3 layers of Mamba, 2 of the others, {language(lab, ('selective', *others))}; at this scale only",
        numpy=", ".join(spelled(lab, arm) for arm in ("selective", *others)),
        torch=", ".join(spelled(lab, arm, "torch") for arm in ("selective", *others)),
        finding=finding,
        why=f"Mamba is better by {', '.join(saved)}; the intervals may reach down to -{CLOSE:g}",
    )


# ---- the summary -----------------------------------------------------------------------------------------------------
def summary(lab: Lab) -> Summary:
    """The language model."""
    first, data = lab.runs("text", arm="selective")[0], lab.results("text")["environment"]["data"]
    config = first["config"]
    numpy, torch = (lab.interval(nats(lab, "selective", side)) for side in ("numpy", "torch"))
    return Summary(
        data=f"{TEXTS[config['dataset']]}, {data['items']:,} characters to train on, a ninth as many held out",
        model=f"{config['layers']} blocks of width {config['hidden_size']} with {config['state_size']} states a "
        f"channel, {first['parameters']:,} parameters",
        loss=f"cross-entropy of the next character, mean over windows of {config['length']} characters",
        optimiser=f"AdamW, learning rate {config['learning_rate']:g}, weight decay {config['weight_decay']:g}, batch "
        f"{config['batch_size']}, gradients clipped to norm {config['clip']:g}",
        schedule=f"up along a line for {100 * config['warmup']:g} % and down along half a cosine to a tenth, "
        f"{first['steps']:,} updates",
        metric=f"nats per character of the held-out text in windows of {config['length']}, each read from a zero state",
        expected=f"{half_way(lab):.1f} nats on the training text half way, and falling to the end; 4.6 are guessing",
        numpy=in_nats(numpy),
        torch=f"{in_nats(torch)}, other seeds",
        command="tinygrad-lab claims mamba (all), tinygrad-lab train mamba (one longer run of 7 wider blocks)",
        time=lab.run_time("text", arm="selective", threads=False) + ", two of them side by side, each on one core",
    )


def half_way(lab: Lab) -> float:
    """The training loss in the middle of the runs, a mean over seeds."""
    curves = [run["losses"] for run in lab.runs("text", arm="selective")]
    return lab.interval([losses[len(losses) // 2] for losses in curves]).mean


def in_nats(found: Interval) -> str:
    """Nats and bits."""
    return f"{found:.3f} nats ({found.mean / math.log(2):.3f} bits), {found.count} seeds"
