"""The claims: what attention is worth, and to whom; which score function; input feeding; letters to phonemes; verses.

tinygrad-lab claims seq2seq_attention
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from papers.seq2seq_attention.config import VARIANTS, Seq2SeqConfig
from papers.seq2seq_attention.inference import SearchOptions, prompts, translations
from papers.seq2seq_attention.study.alignment import aligned
from tinygrad_lab.data import available
from tinygrad_lab.data.translation.metrics import bleu, error_rates, exact, spelled_words
from tinygrad_lab.study import Lab, as_command

LETTERS = {"dataset": "cmudict", "source_vocabulary": 32, "target_vocabulary": 48}
VERSES = {"dataset": "eng-spa", "source_vocabulary": 4000, "target_vocabulary": 4000}

# name -> what differs from the variant's ``small``
SETTINGS: dict[str, dict[str, Any]] = {
    "dates": {"epochs": 1},
    "words": {**LETTERS, "epochs": 2},
    "dictionary": {**LETTERS, "epochs": 3, "hidden_size": 256},
    "verses": {**VERSES, "epochs": 3, "hidden_size": 192, "max_length": 40, "batch_size": 64},
}
# Where groups of equal length begin: characters of a date, letters of a word, words of a verse.
DATE_LENGTHS, WORD_LENGTHS, VERSE_LENGTHS = (8, 12, 16, 20, 25), (1, 5, 7, 9, 11), (1, 10, 20, 30, 40)
SHOWN_WORDS = ("PHOTOGRAPHY", "KNOWLEDGE", "SCHWARZENEGGER")


def configuration(setting: str, variant: str, quick: bool) -> Seq2SeqConfig:
    """What a setting trains."""
    config = replace(VARIANTS[variant]["small"], **SETTINGS[setting])
    return replace(config, hidden_size=16, train_items=256, epochs=1, batch_size=64) if quick else config


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
    written, iso = zip(*test_pairs(lab, config), strict=True)
    runs = [lab.train(config, seed, label=variant) for seed in lab.seeds(3)]
    if variant in ("general", "none"):
        runs.append(lab.train(config, 0, side="torch", label=variant))
    records = []
    for run in runs:
        right = exact(translations(on_engine(lab, run), config, written, beams(lab, 1)), iso)
        by_length = counted(written, right, DATE_LENGTHS)
        records.append(run.record() | {"exact": 100 * sum(right) / len(right), "by_length": by_length})
        lab.log(f"{variant} seed {run.seed} ({run.side}): {records[-1]['exact']:.2f} % of the dates right")
    found: dict[str, Any] = {"runs": records}
    if variant != "none":
        found["alignments"] = [aligned(runs[0].model, config, text, beams(lab, 1)) for text in prompts(config)]
    lab.save(f"dates-{variant}", found, config)


def measure_words(lab: Lab, variant: str) -> None:
    """Letters to phonemes at a small size, two seeds: errors by length of the word."""
    config = configuration("words", variant, lab.quick)
    records = []
    for seed in lab.seeds(2):
        run = lab.train(config, seed, label=f"words, {variant}")
        records.append(run.record() | spelling_errors(lab, config, run.model, beams(lab, 1)))
        lab.log(f"words, {variant} seed {seed}: PER {records[-1]['PER']:.2f}, WER {records[-1]['WER']:.2f}")
    lab.save(f"words-{variant}", {"runs": records}, config)


def measure_dictionary(lab: Lab) -> None:
    """Letters to phonemes at a larger size, once on each side, searched greedily and with five beams."""
    config = configuration("dictionary", "general", lab.quick)
    records: list[dict[str, Any]] = []
    alignments: list[dict[str, Any]] = []
    for side in ("numpy", "torch"):
        run = lab.train(config, 0, side=side, label="dictionary")
        model = on_engine(lab, run)
        found = {str(width): spelling_errors(lab, config, model, beams(lab, width)) for width in (1, 5)}
        records.append(run.record() | {"beams": found})
        lab.log(f"dictionary ({side}): " + ", ".join(f"{b} beam(s) WER {e['WER']:.2f}" for b, e in found.items()))
        alignments = alignments or [aligned(model, config, word, beams(lab, 1)) for word in SHOWN_WORDS]
    lab.save("dictionary", {"runs": records, "alignments": alignments}, config)


def measure_verses(lab: Lab, variant: str) -> None:
    """English to Spanish, one run: BLEU of all held-out verses, and of short and long ones."""
    config = configuration("verses", variant, lab.quick)
    run = lab.train(config, 0, label=f"verses, {variant}")
    english, spanish = zip(*test_pairs(lab, config), strict=True)
    outputs = translations(run.model, config, english, beams(lab, 5))
    score, signature = bleu(outputs, spanish)
    lab.log(f"verses, {variant}: BLEU {score:.2f}")
    rows = zip(english, outputs, spanish, strict=True)
    examples = [dict(zip(("english", "output", "spanish"), row, strict=True)) for row in rows]
    found = run.record() | {
        "BLEU": score,
        "signature": signature,
        "by_length": {
            name: bleu([outputs[i] for i in rows], [spanish[i] for i in rows])[0]
            for name, rows in grouped(english, VERSE_LENGTHS, lambda text: len(text.split())).items()
        },
        "examples": examples[:: max(1, len(examples) // 12)],
    }
    alignments = [] if variant == "none" else [aligned(run.model, config, min(english, key=len), beams(lab, 1))]
    lab.save(f"verses-{variant}", {"runs": [found], "alignments": alignments}, config)


def beams(lab: Lab, width: int) -> SearchOptions:
    """How to search; what is written by a network that has learned nothing need not be long."""
    return SearchOptions(beam=width, max_length=3 if lab.quick else 100)


def on_engine(lab: Lab, run: Any) -> Any:
    """The trained model on the engine: a witness's weights are carried over, so that one search serves both sides."""
    if run.side == "numpy":
        return run.model
    engine = lab.side("numpy")
    model = engine.build(run.config, run.seed)
    engine.load(model, lab.side("torch").state(run.model))
    return model


def test_pairs(lab: Lab, config: Seq2SeqConfig) -> tuple[tuple[str, str], ...]:
    """The test pairs, a few of them when quick."""
    pairs = lab.data.dataset(config, "test").pairs
    return pairs[:60] if lab.quick else pairs


def spelling_errors(lab: Lab, config: Seq2SeqConfig, model: Any, options: SearchOptions) -> dict[str, Any]:
    """PER and WER over the test words, and by length of the word."""
    spelled = spelled_words(test_pairs(lab, config), lambda words: translations(model, config, words, options))
    words = list(spelled)
    groups = grouped(words, WORD_LENGTHS)
    return error_rates(list(spelled.values())) | {
        "words": len(words),
        "by_length": {name: error_rates([spelled[words[i]] for i in rows]) for name, rows in groups.items()},
    }


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
    return {name: 100 * sum(right[i] for i in rows) / len(rows) for name, rows in grouped(texts, bounds).items()}


if __name__ == "__main__":
    as_command("seq2seq_attention")
