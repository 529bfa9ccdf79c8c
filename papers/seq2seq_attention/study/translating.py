"""What the studies of two translators ask of a trained model: this paper's, and the Transformer's beside it."""

from collections.abc import Sequence
from dataclasses import replace

from tinygrad_lab.data.translation.metrics import Spelling, error_rates, exact, spelled_words
from tinygrad_lab.data.translation.writing import SearchOptions
from tinygrad_lab.study import Config, Lab, Run

SHOWN_WORDS = ("PHOTOGRAPHY", "KNOWLEDGE", "SCHWARZENEGGER")


def beams(lab: Lab, width: int) -> SearchOptions:
    """Search as the paper does; what a network that has learned nothing writes need not be long."""
    options: SearchOptions = lab.part("inference").OPTIONS
    return replace(options, beam=width, max_length=3 if lab.quick else 100)


def test_pairs(lab: Lab, config: Config) -> tuple[tuple[str, str], ...]:
    """The test pairs, a few of them when quick."""
    pairs: tuple[tuple[str, str], ...] = lab.data.dataset(config, "test").pairs
    return pairs[:60] if lab.quick else pairs


def written(lab: Lab, run: Run, sources: Sequence[str], width: int) -> list[str]:
    """A run's translations; one search serves both sides, as a witness's weights go to the engine."""
    model, options = lab.on_engine(run), beams(lab, width)
    translations: list[str] = lab.part("inference").translations(model, run.config, sources, options)
    return translations


def dates_right(lab: Lab, run: Run, width: int = 1) -> list[bool]:
    """Whether a run's model writes each test date exactly."""
    sources, iso = zip(*test_pairs(lab, run.config), strict=True)
    right = exact(written(lab, run, sources, width), iso)
    lab.log(f"seed {run.seed} ({run.side}), {width} beam(s): {percent(right):.2f} % right")
    return right


def spelled(lab: Lab, run: Run, width: int = 1) -> dict[str, Spelling]:
    """How a run's model spells each test word."""
    pairs = test_pairs(lab, run.config)
    words = spelled_words(pairs, lambda words: written(lab, run, words, width))
    rates = "PER {PER:.2f} %, WER {WER:.2f} %".format_map(error_rates(list(words.values())))
    lab.log(f"seed {run.seed} ({run.side}), {width} beam(s): {rates}")
    return words


def percent(right: Sequence[bool]) -> float:
    """The share that is right."""
    return 100 * sum(right) / len(right)
