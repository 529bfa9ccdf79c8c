"""Documents, pairs, masks and batches: shares as in the paper, no leak, nothing lost, the same every time."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from papers.bert import data
from papers.bert.config import VARIANTS, BertConfig
from papers.bert.model import IGNORED
from papers.bert.text import bible, corpus
from papers.bert.text.masking import choose, mask_tokens, next_tokens
from papers.bert.text.wordpiece import CLS, MASK, PAD, SEP, SPECIAL, UNKNOWN, WordPieces, learn
from tinygrad_lab.data import TextData
from tinygrad_lab.random import generator

TOPICS = replace(VARIANTS["bert"]["small"], dataset="topics", vocab_size=600)

# ---- masking ---------------------------------------------------------------------------------------------------------


def sentences(count: int, length: int, config: BertConfig = TOPICS) -> np.ndarray:
    ids = generator(0).integers(len(SPECIAL), config.vocab_size, (count, length))
    ids[:, 0], ids[:, -1] = CLS, SEP
    return ids


def test_tokens_fare_as_the_paper_says() -> None:
    ids = sentences(2000, 42)
    shown, labels = mask_tokens(ids, TOPICS, generator(1))
    chosen = labels != IGNORED
    assert (chosen.sum(axis=1) == 6).all()  # 15 % of 42, rounded
    np.testing.assert_array_equal(labels[chosen], ids[chosen])
    np.testing.assert_array_equal(shown[~chosen], ids[~chosen])
    fate = shown[chosen]
    assert (fate == MASK).mean() == pytest.approx(0.8 + 0.1 / 600, abs=0.01)
    assert (fate == ids[chosen]).mean() == pytest.approx(0.1 + 0.1 / 600, abs=0.01)
    others = fate[(fate != MASK) & (fate != ids[chosen])]
    assert set(np.unique(others)) > {PAD, CLS, SEP}  # any token of the vocabulary, special ones too
    assert others.max() > 580


def test_every_place_is_equally_likely_but_those_of_special_tokens() -> None:
    ids = sentences(6000, 12)
    ids[:, 5] = SEP
    often = choose(ids, 0.15, generator(0)).mean(axis=0)
    assert (often[[0, 5, 11]] == 0).all()
    np.testing.assert_allclose(np.delete(often, [0, 5, 11]), 2 / 9, atol=0.03)


def test_short_sequences_hide_one_token_and_padding_never() -> None:
    ids = np.array([[CLS, 9, SEP, PAD, PAD, PAD, PAD], [CLS, SEP, PAD, PAD, PAD, PAD, PAD]])
    chosen = choose(ids, 0.15, generator(0))
    assert chosen.tolist() == [[False, True, *[False] * 5], [False] * 7]


def test_always_mask_and_never_mask() -> None:
    ids = sentences(50, 20)
    shown, labels = mask_tokens(ids, replace(TOPICS, mask_token_share=1.0, random_token_share=0.0), generator(0))
    assert (shown[labels != IGNORED] == MASK).all()
    shown, _ = mask_tokens(ids, replace(TOPICS, mask_token_share=0.0, random_token_share=0.0), generator(0))
    np.testing.assert_array_equal(shown, ids)


def test_left_to_right_labels_are_what_follows() -> None:
    ids = np.array([[CLS, 7, 8, SEP], [CLS, 7, SEP, PAD]])
    assert next_tokens(ids).tolist() == [[7, 8, SEP, IGNORED], [7, SEP, IGNORED, IGNORED]]


# ---- sequences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "kept"), [(3, 4, (3, 4)), (20, 3, (7, 3)), (3, 20, (3, 7)), (20, 20, (5, 5)), (6, 5, (5, 5))]
)
def test_the_longer_sentence_is_cut(first: int, second: int, kept: tuple[int, int]) -> None:
    a, b = data.truncated(range(first), range(second), 10)
    assert (len(a), len(b)) == kept
    assert list(a) == list(range(len(a)))


def test_pairs_have_two_segments_and_single_sentences_one() -> None:
    pair = data.inputs([([7, 8], [9]), ([7], [8])], 64)
    assert pair["input_ids"].tolist() == [[CLS, 7, 8, SEP, 9, SEP], [CLS, 7, SEP, 8, SEP, PAD]]
    assert pair["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0]]
    assert pair["attention_mask"].tolist() == [[True] * 6, [True] * 5 + [False]]
    single = data.inputs([(range(10, 90), None)], 8)
    assert single["input_ids"].tolist() == [[CLS, 10, 11, 12, 13, 14, 15, SEP]]
    assert not single["token_type_ids"].any()


def test_half_of_the_second_sentences_are_random_ones_of_another_document() -> None:
    split = data.encoded(TOPICS, "train")
    first = np.tile(split.starts(), 3)
    second, random = data.follow(split, first, generator(0), 0.5)
    assert random.mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(second[~random], first[~random] + 1)
    assert (split.document[second[~random]] == split.document[first[~random]]).all()
    assert (split.document[second[random]] != split.document[first[random]]).all()


def test_without_next_sentence_prediction_the_next_one_always_follows() -> None:
    for variant in ("no-nsp", "left-to-right"):
        config = replace(VARIANTS[variant]["small"], dataset="topics", vocab_size=600)
        batch = next(iter(data.training_batches(config, generator(0))))
        assert "next_sentence" not in batch
        assert batch["count"] == (batch["labels"] != IGNORED).sum()


def test_batches_are_masked_anew_and_evaluation_always_the_same_way() -> None:
    batches = data.training_batches(TOPICS, generator(0))
    epochs = [np.concatenate([np.sort((b["labels"] != IGNORED).sum(axis=1)) for b in batches]) for _ in range(2)]
    assert len(epochs[0]) == batches.items
    again = [next(iter(data.training_batches(TOPICS, generator(0)))) for _ in range(2)]
    np.testing.assert_array_equal(again[0]["input_ids"], again[1]["input_ids"])
    first, second = ([b["labels"] for b in data.evaluation_batches(TOPICS, "test")] for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_a_subset_is_always_the_same() -> None:
    config = replace(VARIANTS["classification"]["small"], dataset="topics", vocab_size=600, items=40)
    batches = [data.training_batches(config, generator(seed)) for seed in range(2)]
    assert batches[0].items == 40
    assert sorted(batches[0].arrays["row"]) == sorted(batches[1].arrays["row"])
    with pytest.raises(ValueError, match="items must be at most"):
        data.training_batches(replace(config, items=10**6), generator(0))


def test_more_classes_than_the_model_has_are_an_error() -> None:
    config = replace(VARIANTS["classification"]["small"], dataset="topics", vocab_size=600, num_labels=8)
    with pytest.raises(ValueError, match="num_labels must be at least 9 for this data, got 8"):
        data.training_batches(config, generator(0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_examples_fill_the_length_once(variant: str) -> None:
    config = VARIANTS[variant]["tiny"]
    batch = data.example_batch(config, generator(0))
    real = batch["attention_mask"].sum(axis=1)
    assert real.max() == real[0] == (5 if variant == "classification" else config.length)
    assert batch["input_ids"].max() < config.vocab_size


# ---- documents -------------------------------------------------------------------------------------------------------


def test_the_table_of_the_bible() -> None:
    chapters = bible.chapters()
    verses = {name: count for name, _, count in chapters}
    assert (len(chapters), sum(verses.values()), len({name.rpartition(" ")[0] for name in verses})) == (1189, 31102, 66)
    assert (verses["Psalms 119"], verses["Psalms 117"], verses["Obadiah 1"], verses["John 11"]) == (176, 2, 21, 57)
    groups = dict.fromkeys(bible.groups()[group] for _, group, _ in chapters)
    assert list(groups) == list(bible.groups())
    assert len(groups) == 9
    assert [name for name, group, _ in chapters if bible.groups()[group] == "acts"] == [
        f"Acts {n}" for n in range(1, 29)
    ]


def test_chapters_are_cut_at_the_table_s_places(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"verse {number}\n" for number in range(31102))
    monkeypatch.setattr(corpus, "load_text", lambda name: TextData(text, name, "", "", ""))
    documents, classes = corpus._chapters()
    assert len(documents) == 1189
    assert documents[1].sentences[0] == "verse 31"
    assert documents[-1].sentences[-1] == "verse 31101"
    assert classes[documents[-1].label] == "revelation"


def test_topics_are_split_by_documents_and_nothing_is_in_two_splits() -> None:
    splits = {name: corpus.load("topics", name) for name in corpus.SPLITS}
    texts = {name: set(split.sentences()) for name, split in splits.items()}
    assert not texts["train"] & (texts["validation"] | texts["test"])
    assert len(splits["train"]) > 7 * len(splits["test"]) > 300
    for split in splits.values():
        assert {document.label for document in split.documents} <= set(range(9))
        assert split.classes[0] == "types"
    assert len({split.checksum for split in splits.values()}) == 3


def test_a_sentence_of_a_held_out_document_cuts_the_one_to_train_on() -> None:
    assert list(corpus._runs(("a", "b", "c", "d"), {"b"})) == [("a",), ("c", "d")]
    assert list(corpus._runs(("a", "b"), {"a", "b"})) == []
    documents = [corpus.Document(("x", "shared", "y", "z"), 1), corpus.Document(("shared",), 2)]
    assert corpus._rest(documents, documents[1:]) == [corpus.Document(("x",), 1), corpus.Document(("y", "z"), 1)]


def test_pairs_never_bridge_two_documents() -> None:
    split = data.encoded(TOPICS, "train")
    starts = split.starts()
    assert len(starts) == len(split.tokens) - len(np.unique(split.document))
    assert all(a < b for a, b in pairwise(starts))


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [("genesis", "train", "auto, kjv, topics, got 'genesis'"), ("topics", "dev", "got 'dev'")],
)
def test_unknown_names_are_errors(name: str, split: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        corpus.load(name, split)


# ---- word pieces -----------------------------------------------------------------------------------------------------


def test_word_pieces() -> None:
    pieces = WordPieces(learn(["the walker walked", "a talker talks", "walking and talking"] * 5, 40))
    tokens, masked = pieces.encode_all(["Walking, and WALKED", "the [MASK] talks"])
    assert UNKNOWN in tokens  # the comma
    assert pieces.decode(token for token in tokens if token != UNKNOWN) == "walking and walked"
    assert masked.count(MASK) == 1
    assert [pieces.tokenizer.id_to_token(number) for number in range(5)] == SPECIAL
    assert len(pieces) <= 40


def test_vocabularies_are_strings_for_a_checkpoint() -> None:
    found = data.vocabularies(TOPICS)
    assert found["classes"].split(",")[2] == "debugger"
    assert len(WordPieces(found["word pieces"])) == 600
