"""The real texts and pairs, where TINYGRAD_LAB_DATA has them: ``make test-external``."""

from tinygrad_lab.data import load_pairs, load_text


def test_texts_are_the_published_ones() -> None:
    assert load_text("timemachine").text.startswith("The Time Machine, by H. G. Wells")
    shakespeare = load_text("tinyshakespeare").text
    assert (len(shakespeare), len(set(shakespeare))) == (1_115_394, 65)


def test_cmudict_has_the_usual_split_and_no_word_in_both_parts() -> None:
    train, test = load_pairs("cmudict", "train"), load_pairs("cmudict", "test")
    assert (len(train), len(set(train.keys)), len(test), len(set(test.keys))) == (114_399, 106_794, 12_855, 11_994)
    assert not set(train.keys) & set(test.keys)
    assert len({phoneme for _, phonemes in train.pairs for phoneme in phonemes.split()}) == 39


def test_verses_are_aligned() -> None:
    verses = load_pairs("eng-spa", "all")
    assert len(verses) == 30_481
    assert dict(zip(verses.keys, verses.pairs, strict=True))["John 11:35"] == ("Jesus wept.", "Y lloró Jesús.")
