"""The real texts and pairs, where TINYGRAD_LAB_DATA has them: ``make test-external``."""

from papers.bert.text import corpus
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


def test_the_bible_s_chapters_begin_where_they_should() -> None:
    chapters, _ = corpus._chapters()
    begins = [chapter.sentences[0] for chapter in chapters]
    first_of_job, psalm_23, matthew = begins[436], begins[500], begins[929]
    assert first_of_job.startswith("There was a man in the land of Uz")
    assert psalm_23.endswith("The LORD is my shepherd; I shall not want.")
    assert matthew.startswith("The book of the generation of Jesus Christ")
    assert chapters[-1].sentences[-1] == "The grace of our Lord Jesus Christ be with you all. Amen."
    assert sum(len(corpus.load("kjv", split)) for split in corpus.SPLITS) > 30_900  # few verses are left out as doubles
