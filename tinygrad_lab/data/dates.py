"""Dates as people write them, in almost fifty languages and a dozen scripts, and the same dates in ISO 8601.

    13 de marzo de 2019        2019-03-13
    Mittwoch, 13. März 2019    2019-03-13
    2019年3月13日水曜日        2019-03-13

Babel writes them, after the Unicode Common Locale Data Repository: no file is needed.  A *form* is a language and a
pattern, as "d. MMMM y".  Every form whose dates can be read back without knowing the language is used:

- the year has four digits;
- a month written as a number is allowed only where every language here that uses the same separators uses the same
  order.  So 13.03.2019 and 2019/03/13 occur, and 03/04/2019, the 3rd of April in London and the 4th of March in
  New York, does not.

Days are shuffled and divided, so that no day of one split occurs in another; then each pair of a split gets a day and a
form of its own.
"""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np

from tinygrad_lab.data.embedded import EMBEDDED
from tinygrad_lab.data.pairs import PairData, pairs_checksum

NAME = "dates"
LANGUAGES = (
    "ar", "az", "bg", "bn", "ca", "cs", "cy", "da", "de", "el", "en", "en_GB", "es", "et", "eu", "fa", "fi", "fr", "ga",
    "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "ko", "lt", "lv", "nb", "nl", "pl", "pt", "ro", "ru",
    "sk", "sl", "sr", "sv", "sw", "ta", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip
STYLES = ("short", "medium", "long", "full", "yMMMEd")  # the last: an abbreviated month with the weekday
FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
SPLITS = {"train": 60_000, "validation": 2_000, "test": 2_000}  # pairs
SEED = 2015


@dataclass(frozen=True)
class Form:
    """A way to write a date.

    Args:
        language: a locale of Babel.
        pattern: in the notation of Unicode's date patterns: d day, M month, y year, E weekday.
    """

    language: str
    pattern: str

    @property
    def weekday(self) -> bool:
        """Whether the weekday is written."""
        return re.search("[Ec]", _unquoted(self.pattern)) is not None

    def write(self, day: date) -> str:
        """Return the day in this form, in plain characters (NFKC) without marks of direction."""
        text = _babel().dates.format_date(day, self.pattern, locale=self.language)
        return unicodedata.normalize("NFKC", _visible(text))


def load_dates(split: str) -> PairData:
    """Return pairs of a written date and its ISO form, always the same for one version of Babel.

    Args:
        split: "train" (60,000 pairs), "validation" or "test" (2,000 each, of as many different days).

    Raises:
        ValueError: an unknown split.
        ImportError: Babel is not installed.
    """
    if split not in SPLITS:
        raise ValueError(f"split of dates must be one of {', '.join(SPLITS)}, got {split!r}")
    rng = np.random.Generator(np.random.SFC64([SEED, list(SPLITS).index(split)]))
    days, chosen = days_of(split), SPLITS[split]
    order = np.resize(rng.permutation(len(days)), chosen)  # every day once before any comes again
    which = rng.integers(0, len(forms()), chosen)
    pairs = tuple((forms()[form].write(days[i]), days[i].isoformat()) for i, form in zip(order, which, strict=True))
    embedded = EMBEDDED[NAME]
    source = f"{embedded.package} {_babel().__version__}"
    return PairData(pairs, tuple(iso for _, iso in pairs), NAME, source, pairs_checksum(pairs), embedded.licence)


def days_of(split: str) -> list[date]:
    """Return the days of a split: 2,000 each for validation and test, the rest for training."""
    total = (LAST - FIRST).days + 1
    # Sorting raw words, whose stream NumPy guarantees, gives the same shuffle in every NumPy version.
    shuffled = np.argsort(np.random.SFC64(SEED).random_raw(total), kind="stable")
    start = {"test": 0, "validation": SPLITS["test"], "train": SPLITS["test"] + SPLITS["validation"]}[split]
    stop = total if split == "train" else start + SPLITS[split]
    return [FIRST + timedelta(days=int(number)) for number in shuffled[start:stop]]


@cache
def forms() -> tuple[Form, ...]:
    """Return every form in use, each once: a language's short and medium patterns may be the same."""
    candidates = [Form(language, pattern) for language in LANGUAGES for pattern in _patterns(language)]
    orders: dict[str, set[str]] = defaultdict(set)
    for form in candidates:
        orders[_separators(form.pattern)].add(_order(form.pattern))
    return tuple(
        form
        for form in candidates
        if "yy" not in form.pattern and ("MMM" in form.pattern or len(orders[_separators(form.pattern)]) == 1)
    )


def _patterns(language: str) -> list[str]:
    """The patterns of a language for ``STYLES``, without repetitions."""
    locale = _babel().Locale.parse(language)
    known = {**locale.date_formats, **locale.datetime_skeletons}
    return list(dict.fromkeys(str(known[style].pattern) for style in STYLES if style in known))


def _order(pattern: str) -> str:
    """In which order day, month and year come, as "dMy"."""
    return "".join(dict.fromkeys(c for c in _unquoted(pattern) if c in "dMy"))


def _separators(pattern: str) -> str:
    """What a reader sees of a pattern: numbers as "#", but a year, which is longer, as "y"; "d.MM.yy" is "#.#.y"."""
    return re.sub("y+", "y", re.sub("d+|M+", "#", _unquoted(pattern)))


def _unquoted(pattern: str) -> str:
    """Without the literal text, which stands between apostrophes, and without marks that nobody sees."""
    return re.sub("'[^']*'", "", _visible(pattern))


def _visible(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character) != "Cf")


def _babel() -> Any:
    try:
        import babel.dates
    except ImportError as error:
        raise ImportError("dates needs Babel: pip install 'tinygrad-lab[lab]'") from error
    return babel
