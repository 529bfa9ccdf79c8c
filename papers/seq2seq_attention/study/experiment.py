"""The claims: what attention is worth, and to whom; which kind of it; input feeding; letters to phonemes; verses.

tinygrad-lab claims seq2seq_attention
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from math import log

from tinygrad_lab import generator
from tinygrad_lab.data import available
from tinygrad_lab.data.translation.metrics import bleu
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from ..config import VARIANTS, Seq2SeqConfig
from ..inference import prompts
from .alignment import aligned
from .arms import ARMS, FILES, RATES, WORDS, configuration, tried
from .looks import LOOKS
from .translating import SHOWN_WORDS, beams, test_pairs, translations

SEEDS = 5  # of everything, as no run takes three minutes
WITNESSED = {"dates": ("none", "general"), "words": ("none", "general")}  # what PyTorch trains too
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on
TIMES_LOOKED = {"dates": 6, "kinds": 8, "words": 4, "verses": 1}  # evenly; but for verses after each pass
WIDTHS = (1, 5)  # of the search for the verses that are shown
QUICK_RATES = 2

Rates = dict[str, dict[str, float]]  # group -> arm -> the rate that was chosen
Job = tuple[str, str, Callable[[], Run]]  # group, arm, and what makes the run


def measure(lab: Lab) -> None:
    """Every group whose data are to be had."""
    groups = [group for group in ARMS if group not in FILES or available(FILES[group])]
    for group in groups:
        # learned once, before processes are forked that would each learn it
        lab.data.vocabularies(configuration(lab, ARMS[group]["general"], RATES[0]))
    rates = measure_rates(lab, groups)
    measure_runs(lab, rates)
    if "words" in groups:
        measure_cost(lab)


# ---- rates -----------------------------------------------------------------------------------------------------------
def measure_rates(lab: Lab, groups: Sequence[str]) -> Rates:
    """Every arm's loss on validation pairs at every rate, until the best lies between two others."""
    scores = {group: {name: rate_scores(lab, group, name) for name in ARMS[group]} for group in groups}
    lab.save("rates", {"scores": scores}, tried(lab, ARMS["dates"]["general"], RATES[0]))
    return {group: {name: best_rate(found) for name, found in arms.items()} for group, arms in scores.items()}


def rate_scores(lab: Lab, group: str, name: str) -> dict[str, float]:
    """One arm's losses by rate, in nats a token."""
    rates = RATES[:QUICK_RATES] if lab.quick else RATES
    return lab.bracket(
        partial(tried, lab, ARMS[group][name]), rates, f"rate of {group}, {name}",
        lambda run: log(lab.evaluate(run, "validation")["perplexity"]),
    )  # fmt: skip


# ---- the runs that are judged ----------------------------------------------------------------------------------------
def measure_runs(lab: Lab, rates: Rates) -> None:
    """All of them, on both sides and side by side; each group into its file."""
    jobs = [*witness_jobs(lab, rates), *engine_jobs(lab, rates)]
    made = lab.together([call for *_, call in jobs])
    found: dict[str, dict[str, list[Run]]] = {}
    for (group, name, _), run in zip(jobs, made, strict=True):
        found.setdefault(group, {}).setdefault(name, []).append(run)
    for group, arms in found.items():
        records = {name: [run.record() for run in runs] for name, runs in arms.items()}
        lab.save(group, {"runs": records}, configuration(lab, ARMS[group]["general"], RATES[0]))
    measure_shown(lab, found)


def witness_jobs(lab: Lab, rates: Rates) -> list[Job]:
    """PyTorch's runs, under seeds that nothing else has."""
    seeds = [FIRST_WITNESS + seed for seed in lab.seeds(SEEDS)]
    arms = [(group, name) for group in rates for name in WITNESSED.get(group, ())]
    return [(group, name, call) for group, name in arms for call in calls(lab, group, name, rates, seeds, "torch")]


def engine_jobs(lab: Lab, rates: Rates) -> list[Job]:
    """The engine's runs of every arm."""
    arms = [(group, name) for group in rates for name in ARMS[group]]
    return [(group, name, call) for group, name in arms for call in calls(lab, group, name, rates, lab.seeds(SEEDS))]


def calls(
    lab: Lab, group: str, name: str, rates: Rates, seeds: Sequence[int], side: str = "numpy"
) -> list[Callable[[], Run]]:
    """One run for each seed, looked at while it trains."""
    config = configuration(lab, ARMS[group][name], rates[group][name])
    steps = config.epochs * len(lab.data.training_batches(config, generator(0)))
    look, every = LOOKS[group](lab, side, config), max(1, steps // TIMES_LOOKED[group])
    run = partial(lab.train, config, side=side, label=f"{group}, {name}", evaluate=look, every=every, at_end=("test",))
    return [partial(run, seed=seed) for seed in seeds]


# ---- what is shown of them -------------------------------------------------------------------------------------------
def measure_shown(lab: Lab, runs: dict[str, dict[str, list[Run]]]) -> None:
    """Where general attention looks with seed 0, and what it makes of verses."""
    first = {group: next(run for run in arms["general"] if run.side == "numpy") for group, arms in runs.items()}
    shown: Record = {"dates": maps(lab, first["dates"], prompts(first["dates"].config))}
    if "words" in first:
        shown["words"] = maps(lab, first["words"], SHOWN_WORDS)
    if "verses" in first:
        english = [source for source, _ in test_pairs(lab, first["verses"].config)]
        shown["verses"] = maps(lab, first["verses"], [min(english, key=len)])
        shown |= translated_verses(lab, first["verses"])
    lab.save("shown", shown, first["dates"].config)


def maps(lab: Lab, run: Run, texts: Sequence[str]) -> list[Record]:
    """Translations and their alignments."""
    return [aligned(run.model, run.config, text, beams(lab, 1)) for text in texts]


def translated_verses(lab: Lab, run: Run) -> Record:
    """BLEU by width of the search, and twelve verses as the widest found them."""
    english, spanish = zip(*test_pairs(lab, run.config), strict=True)
    outputs = {width: translations(lab, run.side, run.config, run.model, english, width) for width in WIDTHS}
    scores = {width: bleu(found, spanish) for width, found in outputs.items()}
    rows = zip(english, outputs[WIDTHS[-1]], spanish, strict=True)
    examples = [dict(zip(("english", "output", "spanish"), row, strict=True)) for row in rows]
    return {
        "BLEU": {str(width): score for width, (score, _) in scores.items()},
        "signature": scores[WIDTHS[-1]][1],
        "examples": examples[:: max(1, len(examples) // 12)],
    }


# ---- what CMUdict would take -----------------------------------------------------------------------------------------
def measure_cost(lab: Lab) -> None:
    """Processor time of one pass over all of CMUdict's training words, four times as wide; from a few steps."""
    config = dictionary(lab)
    loop, steps = lab.steps(config), 2 if lab.quick else 8
    next(loop)  # the first step builds model and data
    start = time.process_time()
    for _ in islice(loop, steps):
        pass
    a_step = (time.process_time() - start) / steps
    batches = len(lab.data.training_batches(config, generator(0)))
    lab.save("cost", {"seconds": a_step * batches, "hidden_size": config.hidden_size}, config)


def dictionary(lab: Lab) -> Seq2SeqConfig:
    """What would read CMUdict as well as is published, if anything here did; a token of it when quick."""
    config = replace(VARIANTS["general"]["small"], **WORDS, hidden_size=256)
    return replace(config, hidden_size=16, train_items=256) if lab.quick else config


if __name__ == "__main__":
    as_command("seq2seq_attention")
