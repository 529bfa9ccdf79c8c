"""Decoding metrics: edit distance by its axioms, error rates and BLEU on examples worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.data.translation.metrics import (
    Spelling,
    bleu,
    edit_distance,
    error_rates,
    exact,
    spelled_words,
    spellings,
)

texts = st.text("abc", max_size=6)


def recursive(first: str, second: str) -> int:
    """The distance by its definition."""
    if not first or not second:
        return len(first) + len(second)
    if first[0] == second[0]:
        return recursive(first[1:], second[1:])
    return 1 + min(recursive(first[1:], second), recursive(first, second[1:]), recursive(first[1:], second[1:]))


@given(texts, texts)
def test_edit_distance_is_the_fewest_changes(first: str, second: str) -> None:
    assert edit_distance(first, second) == recursive(first, second) == edit_distance(second, first)


def test_edit_distance_of_phonemes() -> None:
    assert edit_distance(["K", "AE", "T"], ["K", "AH", "T", "S"]) == 2
    assert edit_distance([], ["K"]) == 1


def test_error_rates_use_the_nearest_pronunciation() -> None:
    outputs = {"CAT": "K AE T", "READ": "R EH D", "TOMATO": "T AH M AA T"}
    known = {"CAT": ["K AE T"], "READ": ["R IY D", "R EH D"], "TOMATO": ["T AH M EY T OW", "T AH M AA T OW"]}
    spelled = spellings(outputs, known)
    assert spelled == {"CAT": Spelling(0, 3), "READ": Spelling(0, 3), "TOMATO": Spelling(1, 6)}
    assert error_rates(list(spelled.values())) == pytest.approx({"PER": 100 * 1 / 12, "WER": 100 * 1 / 3})


def test_a_word_of_several_pairs_is_translated_once() -> None:
    asked: list[list[str]] = []

    def translate(words: list[str]) -> list[str]:
        asked.append(words)
        return ["R EH D", "K AE"]

    found = spelled_words([("READ", "R IY D"), ("CAT", "K AE T"), ("READ", "R EH D")], translate)
    assert found == {"READ": Spelling(0, 3), "CAT": Spelling(1, 3)}
    assert asked == [["READ", "CAT"]]


def test_exact_is_all_or_nothing() -> None:
    assert exact(["2019-03-13", "2019-03-1"], ["2019-03-13", "2019-03-13"]) == [True, False]


def test_bleu_is_sacrebleu_s_and_says_how() -> None:
    reference = ["En el principio crió Dios los cielos y la tierra.", "Y la tierra estaba desordenada y vacía."]
    score, signature = bleu(reference, reference)
    assert score == pytest.approx(100)
    assert bleu(["En el comienzo crió Dios la tierra."] * 2, reference)[0] < 40
    assert "tok:13a" in signature
    assert "version:" in signature
