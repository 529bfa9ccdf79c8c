"""How well a model writes by itself, looked at while it trains: dates that are right, phonemes that are wrong."""

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lab.data.translation.metrics import error_rates, exact, spelled_words
from tinygrad_lab.fit import Metrics
from tinygrad_lab.study import Lab

from ...seq2seq_attention.study.translating import beams, percent, test_pairs

WORDS_TESTED = 2000  # about so many of CMUdict's 12,000 test words: at PER near 30 % they tell one point apart

Look = Callable[[Any], Metrics]


def dates_right(bench: Lab, side: str, config: Any, width: int = 1) -> Look:
    """What finds the share of test dates that a model writes exactly, in percent."""
    sources, iso = zip(*test_pairs(bench, config), strict=True)

    def look(model: Any) -> Metrics:
        written = translations(bench, side, config, model, sources, width)
        return {"exact": percent(exact(written, iso))}

    return look


def phonemes_wrong(bench: Lab, side: str, config: Any) -> Look:
    """What finds the rates of wrong phonemes and words, in percent, on test words evenly apart."""
    pairs = test_pairs(bench, config)
    tested = pairs[:: max(1, len(pairs) // WORDS_TESTED)]

    def look(model: Any) -> Metrics:
        spelled = spelled_words(tested, lambda words: translations(bench, side, config, model, words))
        return error_rates(list(spelled.values()))

    return look


def translations(bench: Lab, side: str, config: Any, model: Any, sources: Sequence[str], width: int = 1) -> list[str]:
    """What a model writes; one search serves both sides, as a witness's weights go to the engine."""
    engine = on_engine(bench, side, config, model)
    written: list[str] = bench.part("inference").translations(engine, config, sources, beams(bench, width))
    return written


def on_engine(bench: Lab, side: str, config: Any, model: Any) -> Any:
    """The model itself, or one of the engine with the weights of the other side's."""
    if side == "numpy":
        return model
    engine = bench.side("numpy")
    copy = engine.build(config)
    engine.load(copy, bench.side(side).state(model))
    return copy
