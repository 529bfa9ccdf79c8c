"""What is always there after ``pip install tinygrad-lab[lab]``: data that comes inside Python packages."""

import importlib.util
from dataclasses import dataclass

from tinygrad_lab.data.locate import find
from tinygrad_lab.data.sources import SOURCES


@dataclass(frozen=True)
class Embedded:
    """A data set inside a Python package.

    Args:
        name: its name.
        what: one line for a reader.
        licence: its licence.
        module: the module that must be importable.
        package: what brings it.
        size: bytes; None for what is made when it is asked for.
    """

    name: str
    what: str
    licence: str
    module: str
    package: str
    size: int | None = None


EMBEDDED = {
    entry.name: entry
    for entry in (
        Embedded(
            "digits",
            "1,797 handwritten digits, 8x8 (Alpaydin, Kaynak 1998)",
            "CC BY 4.0 (UCI Machine Learning Repository)",
            "sklearn",
            "scikit-learn",
            1797 * (8 * 8 + 1),
        ),
        Embedded("topics", "English prose: Python's own help on its language", "PSF", "pydoc_data", "Python", 465_000),
        Embedded("dates", "dates in many languages and their ISO form", "Unicode (CLDR data)", "babel", "Babel"),
    )
}
NAMES = (*SOURCES, *EMBEDDED)


def check_name(name: str) -> None:
    """Raise ValueError unless ``name`` is a data set."""
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")


def available(name: str) -> bool:
    """Tell whether a data set's files are here, so that no network is needed; none is opened.

    Raises:
        ValueError: an unknown data set.
    """
    check_name(name)
    if name in EMBEDDED:
        return importlib.util.find_spec(EMBEDDED[name].module) is not None
    return all(find(SOURCES[name], file) for file in SOURCES[name].files)
