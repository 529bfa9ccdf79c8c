"""The claims: what attention is worth, and to whom; which score function; input feeding; letters to phonemes; verses.

tinygrad-lab claims seq2seq_attention
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tinygrad_lab.data import available
from tinygrad_lab.data.translation.metrics import bleu, error_rates
from tinygrad_lab.study import Lab, Record, Run, as_command

from ..config import VARIANTS, Seq2SeqConfig
from ..inference import prompts
from .alignment import aligned
from .translating import (
    SHOWN_WORDS,
    beams,
    dates_right,
    percent,
    spelled,
    test_pairs,
    written,
)  # fmt: skip

LETTERS = {"dataset": "cmudict", "source_vocabulary": 32, "target_vocabulary": 48}
VERSES = {"dataset": "eng-spa", "source_vocabulary": 4000, "target_vocabulary": 4000}

# name -> what differs from the variant's ``small``
SETTINGS: dict[str, Record] = {
    "dates": {"epochs": 1},
    "words": {**LETTERS, "epochs": 2},
    "dictionary": {**LETTERS, "epochs": 3, "hidden_size": 256},
    "verses": {**VERSES, "epochs": 3, "hidden_size": 192, "max_length": 40, "batch_size": 64},
}
QUICK: Record = {"hidden_size": 16, "train_items": 256, "epochs": 1, "batch_size": 64}
# Where groups of equal length begin: characters of a date, letters of a word, words of a verse.
DATE_LENGTHS, WORD_LENGTHS, VERSE_LENGTHS = (8, 12, 16, 20, 25), (1, 5, 7, 9, 11), (1, 10, 20, 30, 40)


def configuration(setting: str, variant: str, quick: bool) -> Seq2SeqConfig:
    """What a setting trains."""
    config = replace(VARIANTS[variant]["small"], **SETTINGS[setting])
    return replace(config, **QUICK) if quick else config


def measure(lab: Lab) -> None:
    """Every setting whose data are to be had; a group of results is saved as soon as it is there."""
    for variant in VARIANTS:
        measure_dates(lab, variant)
    if available("cmudict"):
        for variant in ("none", "general"):
            measure_words(lab, variant)
        measure_dictionary(lab)
    if available("eng-spa"):
        for variant in ("none", "general"):
            measure_verses(lab, variant)


def measure_dates(lab: Lab, variant: str) -> None:
    """Three seeds on the engine, the first of two variants on PyTorch too: which unseen dates come out right."""
    config = configuration("dates", variant, lab.quick)
    runs = [lab.train(config, seed, label=variant) for seed in lab.seeds(3)]
    if variant in ("general", "none"):
        runs.append(lab.train(config, 0, side="torch", label=variant))
    results: Record = {"runs": [dates_record(lab, run) for run in runs]}
    if variant != "none":
        model, options = runs[0].model, beams(lab, 1)
        results["alignments"] = [aligned(model, config, text, options) for text in prompts(config)]
    lab.save(f"dates-{variant}", results, config)


def dates_record(lab: Lab, run: Run) -> Record:
    """A run's record with the share of dates that are right, of all and by length."""
    right, sources = dates_right(lab, run), [source for source, _ in test_pairs(lab, run.config)]
    by_length = counted(sources, right, DATE_LENGTHS)
    return run.record() | {"exact": percent(right), "by_length": by_length}


def measure_words(lab: Lab, variant: str) -> None:
    """Letters to phonemes at a small size, two seeds: errors by length of the word."""
    config = configuration("words", variant, lab.quick)
    runs = [lab.train(config, seed, label=f"words, {variant}") for seed in lab.seeds(2)]
    records = [run.record() | spelling_errors(lab, run, 1) for run in runs]
    lab.save(f"words-{variant}", {"runs": records}, config)


def measure_dictionary(lab: Lab) -> None:
    """Letters to phonemes at a larger size, once on each side, searched greedily and with five beams."""
    config = configuration("dictionary", "general", lab.quick)
    runs = [lab.train(config, 0, side=side, label="dictionary") for side in ("numpy", "torch")]
    errors = [{str(width): spelling_errors(lab, run, width) for width in (1, 5)} for run in runs]
    records = [run.record() | {"beams": found} for run, found in zip(runs, errors, strict=True)]
    alignments = [aligned(runs[0].model, config, word, beams(lab, 1)) for word in SHOWN_WORDS]
    lab.save("dictionary", {"runs": records, "alignments": alignments}, config)


def spelling_errors(lab: Lab, run: Run, width: int) -> Record:
    """PER and WER over the test words, and by length of the word."""
    words = spelled(lab, run, width)
    known, spellings = list(words), list(words.values())
    groups = grouped(known, WORD_LENGTHS).items()
    by_length = {name: error_rates([spellings[i] for i in rows]) for name, rows in groups}
    return error_rates(spellings) | {"words": len(words), "by_length": by_length}


def measure_verses(lab: Lab, variant: str) -> None:
    """English to Spanish, one run: BLEU of all held-out verses, and of short and long ones."""
    config = configuration("verses", variant, lab.quick)
    run = lab.train(config, 0, label=f"verses, {variant}")
    english, spanish = zip(*test_pairs(lab, config), strict=True)
    outputs = written(lab, run, english, 5)
    score, signature = bleu(outputs, spanish)
    lab.log(f"verses, {variant}: BLEU {score:.2f}")
    rows = zip(english, outputs, spanish, strict=True)
    examples = [dict(zip(("english", "output", "spanish"), row, strict=True)) for row in rows]
    record = run.record() | {
        "BLEU": score,
        "signature": signature,
        "by_length": {
            name: bleu([outputs[i] for i in rows], [spanish[i] for i in rows])[0]
            for name, rows in grouped(english, VERSE_LENGTHS, lambda text: len(text.split())).items()
        },
        "examples": examples[:: max(1, len(examples) // 12)],
    }
    shown = [] if variant == "none" else [min(english, key=len)]
    alignments = [aligned(run.model, config, verse, beams(lab, 1)) for verse in shown]
    lab.save(f"verses-{variant}", {"runs": [record], "alignments": alignments}, config)


def grouped(texts: Sequence[str], bounds: Sequence[int], size: Callable[[str], int] = len) -> dict[str, list[int]]:
    """Positions of the texts by length, "8-11" for the bounds 8 and 12; the last group is open, empty ones fall out."""
    groups: dict[str, list[int]] = {}
    for low, high in zip(bounds, [*(bound - 1 for bound in bounds[1:]), None], strict=True):
        rows = [i for i, text in enumerate(texts) if low <= size(text) and (high is None or size(text) <= high)]
        if rows:
            groups[f"{low}-{high}" if high else f"{low}+"] = rows
    return groups


def counted(texts: Sequence[str], right: Sequence[bool], bounds: Sequence[int]) -> dict[str, float]:
    """The share that is right, in percent, by length of the text."""
    groups = grouped(texts, bounds).items()
    return {name: percent([right[i] for i in rows]) for name, rows in groups}


if __name__ == "__main__":
    as_command("seq2seq_attention")
