"""Vocabularies: every text comes back, what is unknown is said, two sides can share one numbering."""

import pytest

from tinygrad_lab.data.translation.vocabulary import (
    BOS,
    EOS,
    PAD,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    learn,
    learn_joint,
)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("characters", ["13 марта 2019 г.", "2019年3月13日"]),
        ("words", ["K AE T", "AE K T"]),
        ("subwords", ["Y dijo Dios: Sea la luz: y fué la luz.", "¿Y ella dijo? «No».", "la luz de Dios"]),
    ],
)
def test_vocabularies_give_back_every_text(kind: str, texts: list[str]) -> None:
    known = Vocabulary(learn(kind, texts, 100))
    for text, tokens in zip(texts, known.encode_all(texts), strict=True):
        assert known.decode(tokens) == text
        assert tokens == known.encode(text)
        assert UNKNOWN not in tokens
    assert known.pieces([PAD, BOS, EOS, UNKNOWN]) == SPECIAL
    assert known.pieces([100]) == ["<unk>"]
    assert len(known) <= 100


def test_subwords_join_what_comes_often() -> None:
    known = Vocabulary(learn("subwords", ["la luz, la luz, la luz"] * 3, 40))
    assert known.pieces(known.encode("la luz, la")) == ["▁la", "▁luz", ",", "▁la"]


def test_unknown_and_empty_texts_are_errors_but_not_in_bulk() -> None:
    known = Vocabulary(learn("characters", ["abc"], 10))
    with pytest.raises(ValueError, match="'ab☃d' has '☃', 'd', which did not occur in training"):
        known.encode("ab☃d")
    with pytest.raises(ValueError, match="must not be empty, got ''"):
        known.encode("")
    assert known.encode_all(["ad"]) == [[4, UNKNOWN]]


def test_characters_of_the_same_meaning_are_one_token() -> None:
    """Unicode's NFKC: digits of full width are digits, and a joined letter is its letters."""
    known = Vocabulary(learn("characters", ["2019", "fi"], 20))
    assert known.encode("２０１９") == known.encode("2019")
    assert known.encode("ﬁ") == known.encode("fi")


def test_a_vocabulary_too_small_is_an_error() -> None:
    with pytest.raises(ValueError, match="of 5 has no room for 3 characters and 4 special tokens"):
        learn("characters", ["abc"], 5)


def test_a_joint_vocabulary_has_one_number_for_a_token_of_both_sides() -> None:
    letters, phonemes = map(Vocabulary, learn_joint(("characters", "words"), ["CAB", "BACK"], ["K AE B", "B AE K"], 20))
    assert len(letters) == len(phonemes) == len(SPECIAL) + len({"A", "B", "C", "K", "AE"})
    assert letters.encode("B") == phonemes.encode("B")
    assert phonemes.decode(phonemes.encode("K AE B")) == "K AE B"
    assert letters.decode(letters.encode("CAB")) == "CAB"


def test_joint_subwords_are_learned_from_both_sides() -> None:
    source, target = learn_joint(("subwords", "subwords"), ["the light"] * 3, ["la luz"] * 3, 60)
    assert source == target
    both = Vocabulary(source)
    assert both.pieces(both.encode("the luz")) == ["▁the", "▁luz"]


def test_joint_vocabularies_that_cannot_be_are_errors() -> None:
    with pytest.raises(ValueError, match="of 6 has no room for 4 characters and words and 4 special tokens"):
        learn_joint(("characters", "words"), ["ab"], ["x y"], 6)
    with pytest.raises(ValueError, match="both kinds must be subwords where one is"):
        learn_joint(("characters", "subwords"), ["ab"], ["x y"], 60)
