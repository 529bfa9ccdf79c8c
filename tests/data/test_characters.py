"""An alphabet's characters as numbers and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.data.characters import CHARACTERS, decode, encode


def test_alphabet_is_newline_and_printable_ascii() -> None:
    assert len(CHARACTERS) == 96 == len(set(CHARACTERS))
    assert all(character == "\n" or 32 <= ord(character) < 127 for character in CHARACTERS)


@given(
    st.sampled_from([CHARACTERS, "BTPSXVE", "zyé\N{GRINNING FACE}"]).flatmap(
        lambda a: st.tuples(st.just(a), st.text(a))
    )
)
def test_decoding_undoes_encoding(drawn: tuple[str, str]) -> None:
    alphabet, text = drawn
    numbers = encode(text, alphabet)
    np.testing.assert_array_equal(numbers, [alphabet.index(character) for character in text])
    assert decode(numbers, alphabet) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [("Zürich", "character 'ü' at place 1 is not one of the 96 known ones"), ("a\tb", r"'\\t' at place 1")],
)
def test_unknown_characters_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode(text)


def test_a_number_of_no_character_is_a_replacement_character() -> None:
    assert decode([0, 5000]) == "\n\N{REPLACEMENT CHARACTER}"
