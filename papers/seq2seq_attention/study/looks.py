"""How well a translator writes by itself, looked at while it trains, of all test pairs and by length of the source.

The Transformer's study asks the same of its networks.
"""

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lab.data.translation.metrics import bleu, error_rates, exact, spelled_words
from tinygrad_lab.fit import Metrics
from tinygrad_lab.study import Config, Lab

from .translating import percent, test_pairs, translations

# Where groups of equal length begin: characters of a date, letters of a word, words of a verse.
LENGTHS = {"dates": (8, 12, 16, 20, 25), "words": (1, 5, 7, 9, 11), "verses": (1, 10, 20, 30, 40)}
WORDS_TESTED = 2000  # about so many of CMUdict's 12,000 test words: at PER near 30 % they tell one point apart

Look = Callable[[Any], Metrics]


def dates_right(lab: Lab, side: str, config: Config, width: int = 1) -> Look:
    """What finds the share of test dates that a model writes exactly, in percent."""
    sources, iso = zip(*test_pairs(lab, config), strict=True)
    groups = grouped(sources, LENGTHS["dates"])

    def look(model: Any) -> Metrics:
        right = exact(translations(lab, side, config, model, sources, width), iso)
        by_length = {f"exact, {name}": percent([right[i] for i in rows]) for name, rows in groups.items()}
        return {"exact": percent(right)} | by_length

    return look


def phonemes_wrong(lab: Lab, side: str, config: Config) -> Look:
    """What finds the rates of wrong phonemes and words, in percent, on test words evenly apart."""
    pairs = test_pairs(lab, config)
    tested = pairs[:: max(1, len(pairs) // WORDS_TESTED)]

    def look(model: Any) -> Metrics:
        spelled = spelled_words(tested, lambda words: translations(lab, side, config, model, words))
        spellings = list(spelled.values())
        groups = grouped(list(spelled), LENGTHS["words"]).items()
        by_length = {f"PER, {name}": error_rates([spellings[i] for i in rows])["PER"] for name, rows in groups}
        return error_rates(spellings) | by_length

    return look


def verses_like(lab: Lab, side: str, config: Config) -> Look:
    """What finds BLEU of the test verses."""
    english, spanish = zip(*test_pairs(lab, config), strict=True)
    groups = grouped(english, LENGTHS["verses"], lambda text: len(text.split()))

    def look(model: Any) -> Metrics:
        outputs = translations(lab, side, config, model, english)
        scores = {
            f"BLEU, {name}": bleu([outputs[i] for i in rows], [spanish[i] for i in rows])[0]
            for name, rows in groups.items()
        }
        return {"BLEU": bleu(outputs, spanish)[0]} | scores

    return look


LOOKS = {"dates": dates_right, "kinds": dates_right, "words": phonemes_wrong, "verses": verses_like}


def grouped(texts: Sequence[str], bounds: Sequence[int], size: Callable[[str], int] = len) -> dict[str, list[int]]:
    """Positions of the texts by length, "8-11" for the bounds 8 and 12; the last group is open, empty ones fall out."""
    groups: dict[str, list[int]] = {}
    for low, high in zip(bounds, [*(bound - 1 for bound in bounds[1:]), None], strict=True):
        rows = [i for i, text in enumerate(texts) if low <= size(text) and (high is None or size(text) <= high)]
        if rows:
            groups[f"{low}-{high}" if high else f"{low}+"] = rows
    return groups
