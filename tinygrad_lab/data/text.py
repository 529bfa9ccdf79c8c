"""Running text for language models: novels, plays, the King James Bible, and the embedded help texts of Python."""

import hashlib
from dataclasses import dataclass, field

from tinygrad_lab.data import topics
from tinygrad_lab.data.download import obtain
from tinygrad_lab.data.embedded import EMBEDDED
from tinygrad_lab.data.sources import TextSource, sources_of

NAMES = (*sources_of(TextSource), topics.NAME)


@dataclass(frozen=True)
class TextData:
    """Running text, and where it is from.

    Args:
        text: all of it.
        name: "timemachine", "tinyshakespeare", "kjv" or "topics".
        source: the file it was read from, or the package it comes with.
        checksum: the SHA-256 of the text in UTF-8.
        licence: its licence.
    """

    text: str = field(repr=False)
    name: str
    source: str
    checksum: str
    licence: str

    def __len__(self) -> int:
        """Characters."""
        return len(self.text)


def load_text(name: str) -> TextData:
    """Return a text, from the first place that has it (see ``locate``), or the network.

    Args:
        name: "timemachine", "tinyshakespeare", "kjv", or "topics", which is always there.

    Raises:
        ValueError: an unknown name.
        DataError: the file is corrupt, or cannot be found and not be downloaded.
        ImportError: a package that is needed is not installed.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    if name == topics.NAME:
        text, origin, licence = topics.load_topics(), EMBEDDED[name].package, EMBEDDED[name].licence
    else:
        source = sources_of(TextSource)[name]
        path = obtain(source, source.file)
        text, origin, licence = source.file.read(path), str(path), source.licence
    return TextData(text, name, origin, hashlib.sha256(text.encode()).hexdigest(), licence)
