"""What the studies of two translators ask of a trained model: this paper's, and the Transformer's beside it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tinygrad_lab.data.translation.writing import SearchOptions
from tinygrad_lab.study import Config, Lab

SHOWN_WORDS = ("PHOTOGRAPHY", "KNOWLEDGE", "SCHWARZENEGGER")


def beams(lab: Lab, width: int) -> SearchOptions:
    """Search as the paper does; what a network that has learned nothing writes need not be long."""
    options: SearchOptions = lab.part("inference").OPTIONS
    return replace(options, beam=width, max_length=3 if lab.quick else 100)


def test_pairs(lab: Lab, config: Config) -> tuple[tuple[str, str], ...]:
    """The test pairs, a few of them when quick."""
    pairs: tuple[tuple[str, str], ...] = lab.data.dataset(config, "test").pairs
    return pairs[:60] if lab.quick else pairs


def translations(lab: Lab, side: str, config: Config, model: Any, sources: Sequence[str], width: int = 1) -> list[str]:
    """What a model writes; one search serves both sides, as a witness's weights go to the engine."""
    engine = on_engine(lab, side, config, model)
    written: list[str] = lab.part("inference").translations(engine, config, sources, beams(lab, width))
    return written


def on_engine(lab: Lab, side: str, config: Config, model: Any) -> Any:
    """The model itself, or one of the engine with the weights of the other side's."""
    if side == "numpy":
        return model
    engine = lab.side("numpy")
    copy = engine.build(config)
    engine.load(copy, lab.side(side).state(model))
    return copy


def percent(right: Sequence[bool]) -> float:
    """The share that is right."""
    return 100 * sum(right) / len(right)
