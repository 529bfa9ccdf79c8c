"""Data that is always there, for the training programs: digits, a text and dates; and how items become batches.

scikit-learn brings the digits, Python its own help as a text, Babel the dates.  Everything is split the same way every
time, and nothing that is tested on is trained on.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

# ---- batches ---------------------------------------------------------------------------------------------------------

Make = Callable[[Any], Any]  # from a tuple of tensors, their rows for some items, to a batch


def shuffled(make: Make, size: int, *tensors: Tensor, items: int | None = None) -> DataLoader[Any]:
    """Batches of ``size`` items in another order in every epoch; or of ``items`` of them, drawn with replacement."""
    data = TensorDataset(*tensors)
    order = RandomSampler(data, replacement=items is not None, num_samples=items)
    return DataLoader(data, batch_size=None, sampler=BatchSampler(order, size, drop_last=False), collate_fn=make)


def in_order(make: Make, size: int, *tensors: Tensor) -> DataLoader[Any]:
    """Batches of ``size`` items, one after the other."""
    data = TensorDataset(*tensors)
    order = BatchSampler(SequentialSampler(data), size, drop_last=False)
    return DataLoader(data, batch_size=None, sampler=order, collate_fn=make)


# ---- digits ----------------------------------------------------------------------------------------------------------


def digits(split: str, size: int) -> tuple[Float[Tensor, "n 1 {size} {size}"], Int[Tensor, " n"]]:
    """Handwritten digits as images in [0, 1], made ``size`` pixels wide, and their labels.

    Args:
        split: "train", 1,500 of them, or "test", the other 297.
        size: 8 pixels as they are written.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    rows = order[:1500] if split == "train" else order[1500:]
    return F.interpolate(images[rows], size=(size, size), mode="bilinear"), torch.tensor(bunch.target)[rows]


# ---- a text ----------------------------------------------------------------------------------------------------------

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))  # newline and the 95 printable characters of ASCII
HELD_OUT = 0.1  # the last part of a text is for testing


def topics() -> str:
    """Python's own help on its language, about 465,000 characters of English."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    return text.encode("ascii", "ignore").decode()


def encoded(text: str) -> Int[Tensor, " characters"]:
    """The number of each character.

    Raises:
        ValueError: a character that is not one of ``CHARACTERS``.
    """
    unknown = sorted(set(text) - set(CHARACTERS))
    if unknown:
        raise ValueError(f"the text has characters that are not among the {len(CHARACTERS)} known: {unknown}")
    number_of = {character: number for number, character in enumerate(CHARACTERS)}
    return torch.tensor([number_of[character] for character in text])


def parts(text: str) -> tuple[str, str]:
    """What to train on and what is held out."""
    cut = int(len(text) * (1 - HELD_OUT))
    return text[:cut], text[cut:]


def windows(tokens: Int[Tensor, " n"], length: int, step: int = 1) -> Int[Tensor, "windows {length}+1"]:
    """All stretches of ``length`` tokens and the one after them, ``step`` apart, in the memory of the text itself."""
    return tokens.unfold(0, length + 1, step)


def next_tokens(tensors: tuple[Tensor, ...]) -> Any:
    """A batch from windows of n + 1 tokens: n to read and the n that follow them."""
    (window,) = tensors
    return {"tokens": window[:, :-1], "target": window[:, 1:], "count": float(window[:, 1:].numel())}


# ---- dates -----------------------------------------------------------------------------------------------------------

PAD, BOS, EOS, UNKNOWN = 0, 1, 2, 3  # padding, beginning and end of a sequence, a character that is not known
LANGUAGES = ["cs", "de", "el", "en", "es", "fi", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh"]
FORMS = ("long", "full")  # 13. März 2019; Mittwoch, 13. März 2019
FIRST_DAY, DAYS, TEST_DAYS = date(1950, 1, 1), 36_524, 1000  # a century


def dates(split: str, items: int) -> list[tuple[str, str]]:
    """Dates as people write them, each of another day, in one of eighteen languages; and the same dates in ISO 8601.

    Args:
        split: "train" or "test".
        items: so many of them; all for 0.
    """
    from babel.dates import format_date

    rng = Random(0)
    days = [FIRST_DAY + timedelta(day) for day in rng.sample(range(DAYS), DAYS)]
    chosen = days[:TEST_DAYS] if split == "test" else days[TEST_DAYS:]
    rng.seed(split)
    return [
        (format_date(day, rng.choice(FORMS), locale=rng.choice(LANGUAGES)), day.isoformat())
        for day in chosen[: items or None]
    ]


def alphabet(texts: Sequence[str]) -> str:
    """The characters of the texts, each once."""
    return "".join(sorted(set("".join(texts))))


def padded(texts: Sequence[str], alphabet: str, begin: bool) -> Int[Tensor, "texts longest"]:
    """The numbers of each text's characters, EOS after them, and BOS before them where they are to ``begin`` so."""
    number_of = {character: number for number, character in enumerate(alphabet, UNKNOWN + 1)}
    rows = [[BOS] * begin + [number_of.get(character, UNKNOWN) for character in text] + [EOS] for text in texts]
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


def translation(tensors: tuple[Tensor, ...]) -> Any:
    """A batch from (source, target): without columns of nothing but padding, and with the count of tokens to write."""
    source, target = tensors
    length = (source != PAD).sum(dim=1)
    real = (target[:, 1:] != PAD).sum(dim=1)
    return {
        "source": source[:, : int(length.max())],
        "length": length,
        "target": target[:, : int(real.max()) + 1],
        "count": float(real.sum()),
    }
