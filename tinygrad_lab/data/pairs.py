"""Pairs of strings for sequence to sequence: words and their phonemes, English and Spanish verses."""

import hashlib
from dataclasses import dataclass, field

from tinygrad_lab.data.content import DataError
from tinygrad_lab.data.download import obtain
from tinygrad_lab.data.sources import PairSource, sources_of


@dataclass(frozen=True)
class PairData:
    """Source and target strings, aligned.

    Args:
        pairs: (source, target).
        keys: what each pair is known by: the word, the verse's reference.
        name: the data set's name.
        source: the file the pairs were read from, or the package that made them.
        checksum: the SHA-256 of the pairs, one a line with a tab between the sides, in UTF-8.
        licence: the data set's licence.
    """

    pairs: tuple[tuple[str, str], ...] = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    name: str
    source: str
    checksum: str
    licence: str

    def __len__(self) -> int:
        """Pairs."""
        return len(self.pairs)


def load_pairs(name: str, split: str) -> PairData:
    """Return a split of a data set of pairs, from the first place that has it (see ``locate``).

    Args:
        name: "cmudict" (splits "train" and "test"; a word with several pronunciations has several pairs), or "eng-spa"
            (split "all").
        split: one of the splits of that data set.

    Raises:
        ValueError: an unknown name or split.
        DataError: the file is corrupt, or nowhere to be found.
    """
    known = sources_of(PairSource)
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}, got {name!r}")
    source = known[name]
    if split not in source.splits:
        raise ValueError(f"split of {name} must be one of {', '.join(source.splits)}, got {split!r}")
    path = obtain(source, source.splits[split])
    rows = [line.split("\t") for line in source.splits[split].read(path).splitlines()]
    if any(len(row) <= max(source.columns) for row in rows):
        raise DataError(f"{path}: a line has fewer than {max(source.columns) + 1} columns")
    key, left, right = source.columns
    pairs = tuple((row[left], row[right]) for row in rows)
    return PairData(pairs, tuple(row[key] for row in rows), name, str(path), pairs_checksum(pairs), source.licence)


def pairs_checksum(pairs: tuple[tuple[str, str], ...]) -> str:
    """Return the SHA-256 of pairs, one a line, a tab between source and target."""
    return hashlib.sha256("".join(f"{left}\t{right}\n" for left, right in pairs).encode()).hexdigest()
