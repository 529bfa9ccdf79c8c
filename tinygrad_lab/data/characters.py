"""Text as numbers, one for each character of an alphabet, and back."""

from collections.abc import Iterable
from typing import Any

import numpy as np

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))  # newline and the 95 printable characters of ASCII


def encode(text: str, alphabet: str = CHARACTERS) -> np.ndarray:
    """Return the number of each character.    -> (characters), int64

    Raises:
        ValueError: a character that the alphabet does not have, named with its place.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    number_of = np.full(max(map(ord, alphabet)) + 2, -1)  # by a character's code; the last is for all codes beyond
    number_of[list(map(ord, alphabet))] = np.arange(len(alphabet))
    numbers = number_of[np.minimum(codes, len(number_of) - 1)]
    if (numbers < 0).any():
        place = int((numbers < 0).argmax())
        raise ValueError(f"character {text[place]!r} at place {place} is not one of the {len(alphabet)} known ones")
    return numbers


def decode(numbers: Iterable[Any], alphabet: str = CHARACTERS) -> str:
    """Return the characters of these numbers; an unknown number becomes a replacement character."""
    return "".join(alphabet[n] if n < len(alphabet) else "\N{REPLACEMENT CHARACTER}" for n in numbers)
