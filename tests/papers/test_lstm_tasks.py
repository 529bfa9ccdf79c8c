"""The three tasks: what their definitions say is true of what is generated."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papers.lstm import data
from papers.lstm.config import REBER_SYMBOLS, VARIANTS, LSTMConfig
from papers.lstm.tasks import adding, reber, text
from tinygrad_lab.data.characters import decode, encode
from tinygrad_lab.random import generator

TEXT = replace(VARIANTS["2000"]["tiny"], dataset="topics")
ADDING = VARIANTS["adding"]["small"]
REBER = VARIANTS["reber"]["small"]
# Figure 3 of the paper as a regular expression.
REBER_LANGUAGE = re.compile(r"B(?:TS*(?:XSE|XX(?P<a>T*V(?:PXT*V)*(?:PSE|VE)))|PT*V(?:PXT*V)*(?:PSE|VE))")


# ---- the adding problem ----------------------------------------------------------------------------------------------


@given(shortest=st.integers(12, 120), seed=st.integers(0, 1000))
def test_adding_sequences_are_those_of_section_5_4(shortest: int, seed: int) -> None:
    batch = adding.draw(replace(ADDING, length=shortest), 40, generator(seed))
    for sequence, length, target in zip(batch["sequence"], batch["length"], batch["target"], strict=True):
        assert shortest <= length <= shortest + shortest // 10
        numbers, marks = sequence[:length].T
        assert np.all(np.abs(numbers) <= 1)
        assert marks[0] == marks[-1] == -1
        assert set(marks[1:-1]) <= {0, 1}
        assert not sequence[length:].any()
        marked = np.flatnonzero(marks == 1)
        assert len(marked) in (1, 2)  # one mark may lie hidden on the first pair, whose number then is 0
        assert len(marked) == 1 or marked.min() < 10
        assert marked.max() <= max(9, shortest // 2 - 1)
        assert (numbers[0] == 0) == (len(marked) == 1)
        assert target == pytest.approx(0.5 + numbers[marked].sum() / 4)


def test_marks_fall_everywhere_they_may() -> None:
    batch = adding.draw(replace(ADDING, length=30), 20_000, generator(0))
    places = np.nonzero(batch["sequence"][:, :, 1] == 1)[1]
    assert sorted(Counter(places.tolist())) == list(range(1, 15))
    first_hidden = (batch["sequence"][:, 0, 0] == 0).mean()
    assert first_hidden == pytest.approx(1 / 10 + 9 / 10 / 14, abs=0.01)  # either mark may fall on the first pair


def test_predicting_the_mean_leaves_the_error_that_plateaus_are_compared_with() -> None:
    batch = adding.draw(replace(ADDING, length=100), 50_000, generator(0))
    share = 1 - (1 / 10 + 9 / 10 / 49) / 2  # of the two numbers, those that are not the 0 of a hidden mark
    assert batch["target"].mean() == pytest.approx(0.5, abs=0.005)
    assert batch["target"].var() == pytest.approx(share / 24, rel=0.02)


def test_adding_never_shows_a_sequence_twice_and_always_tests_on_the_same() -> None:
    config = replace(ADDING, items=64)
    batches = data.training_batches(config, generator(0))
    drawn = np.concatenate([batch["target"] for _ in range(3) for batch in batches])
    assert len(np.unique(drawn)) == len(drawn) == 3 * 64
    tests = [np.concatenate([b["target"] for b in data.evaluation_batches(config, "test")]) for _ in range(2)]
    np.testing.assert_array_equal(*tests)
    held_out = np.concatenate([b["target"] for b in data.evaluation_batches(config, "validation")])
    assert not np.isin(held_out, np.concatenate([tests[0], drawn])).any()
    assert len(tests[0]) == adding.TEST_ITEMS == len(data.dataset(config, "test"))
    assert not np.isin(tests[0], drawn).any()


def test_adding_needs_room_for_ten_pairs_and_two_ends() -> None:
    with pytest.raises(ValueError, match="length must be at least 12 for the adding problem, got 11"):
        replace(ADDING, length=11)


# ---- the embedded Reber grammar --------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_embedded_strings_are_those_of_figure_4(seed: int) -> None:
    symbols = reber.embedded_string(generator(seed)).symbols
    assert symbols[0] == "B"
    assert symbols[1] in "TP"
    assert symbols[-2:] == symbols[1] + "E"
    assert REBER_LANGUAGE.fullmatch(symbols[2:-2])


def test_grammar_makes_the_well_known_strings_and_no_others() -> None:
    drawn = {reber.reber_string(rng).symbols for rng in [generator(0)] for _ in range(3000)}
    assert {"BTXSE", "BPVVE", "BTSXSE", "BPVPSE", "BTXXVVE", "BTSSXXTVVE"} <= drawn
    assert all(REBER_LANGUAGE.fullmatch(symbols) for symbols in drawn)
    assert not {"BTE", "BPTVE", "BTXE"} & drawn


def test_legal_symbols_are_what_some_string_goes_on_with() -> None:
    """Against brute force: after each prefix, the symbols that follow it in any of many strings."""
    strings = [reber.embedded_string(rng) for rng in [generator(1)] for _ in range(6000)]
    following: dict[str, set[str]] = {}
    for string in strings:
        for place in range(1, len(string.symbols)):
            following.setdefault(string.symbols[:place], set()).add(string.symbols[place])
    seen = Counter(string.symbols[:place] for string in strings for place in range(1, len(string.symbols)))
    common = [string for string in strings if seen[string.symbols[:-1]] >= 30]
    assert len(common) > 500
    for string in common:
        for place, legal in enumerate(string.legal, 1):
            assert set(legal) == following[string.symbols[:place]]


def test_both_ways_out_of_a_branch_are_equally_likely() -> None:
    counts = Counter(reber.embedded_string(rng).symbols[:4] for rng in [generator(2)] for _ in range(8000))
    assert set(counts) == {"BTBT", "BTBP", "BPBT", "BPBP"}
    for count in counts.values():
        assert count / 8000 == pytest.approx(1 / 4, abs=0.03)


def test_batch_of_strings_is_padded_behind_their_ends() -> None:
    short, long = (reber.ReberString(s, ("TP",) * (len(s) - 1)) for s in ("BT", "BTPS"))
    batch = reber.batch_of([short, long])
    assert batch["count"] == 2.0
    assert batch["sequence"].tolist() == [[0, 0, 0], [0, 1, 2]]
    assert batch["target"].tolist() == [[1, reber.NO_TARGET, reber.NO_TARGET], [1, 2, 3]]
    assert batch["legal"][0, 1:].all()
    assert batch["legal"][1].sum(axis=1).tolist() == [2, 2, 2]


def test_reber_sets_have_256_strings_and_differ_by_split_and_seed() -> None:
    sets = [data.dataset(config, split) for config in (REBER, replace(REBER, seed=1)) for split in reber.SEEDS]
    assert [len(found) for found in sets] == [256] * 6
    assert len({found.checksum for found in sets}) == 6
    assert sum(batch["count"] for batch in data.training_batches(REBER, generator(0))) == 256


# ---- text ------------------------------------------------------------------------------------------------------------


def test_symbols_of_the_grammar() -> None:
    assert sorted(REBER_SYMBOLS) == sorted("BTPSXVE")


def test_embedded_text_is_in_the_alphabet_and_split_without_overlap() -> None:
    train, test = (data.dataset(TEXT, split) for split in ("train", "test"))
    encode(train.text + test.text)
    assert len(test) / (len(train) + len(test)) == pytest.approx(0.1, abs=1e-4)
    assert train.checksum == test.checksum  # of the whole text, as it was found


def test_validation_text_is_cut_from_the_end_of_the_training_text() -> None:
    whole, shorter = TEXT, replace(TEXT, train_share=0.9)
    train, validation = (data.dataset(shorter, split).text for split in ("train", "validation"))
    assert train + validation == data.dataset(whole, "train").text
    assert len(validation) / len(train) == pytest.approx(1 / 9, rel=1e-3)
    assert data.dataset(shorter, "test").text == data.dataset(whole, "test").text
    with pytest.raises(ValueError, match="train_share must be below 1 for a validation split"):
        data.dataset(whole, "validation")


def test_every_target_is_the_character_that_follows() -> None:
    numbers = encode(data.dataset(TEXT, "train").text)
    joined = decode(numbers)
    for _, batch in zip(range(3), data.training_batches(TEXT, generator(0)), strict=False):
        np.testing.assert_array_equal(batch["sequence"][:, 1:], batch["target"][:, :-1])
        assert decode([*batch["sequence"][0], batch["target"][0, -1]]) in joined
        assert batch["count"] == batch["target"].size == 3 * TEXT.length


def test_windows_begin_at_other_places_in_every_epoch() -> None:
    batches = data.training_batches(replace(TEXT, length=5000, batch_size=100), generator(0))
    first, second = ([row.tobytes() for batch in batches for row in batch["sequence"]] for _ in range(2))
    assert len(set(first) & set(second)) < 3


@pytest.mark.parametrize("split", ["train", "test"])
def test_evaluation_reads_pieces_from_end_to_end(split: str) -> None:
    numbers = encode(data.dataset(TEXT, split).text)
    batches = data.evaluation_batches(TEXT, split)
    assert [batch["continues"] for batch in batches] == [False] + [True] * (len(batches) - 1)
    pieces = np.concatenate([batch["target"] for batch in batches], axis=1)
    assert pieces.shape[0] == max(1, len(numbers) // text.PIECE)
    left_out = len(numbers) - 1 - pieces.size
    assert 0 <= left_out < len(pieces)
    np.testing.assert_array_equal(pieces.ravel(), numbers[1 : pieces.size + 1])
    assert sum(batch["count"] for batch in batches) == pieces.size


def test_a_window_longer_than_half_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"length must be less than half of the 4\d+ characters, got 300000"):
        data.training_batches(replace(TEXT, length=300_000), generator(0))


# ---- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "gru"}, "cell must be one of 2000, 1997, rnn, got 'gru'"),
        ({"task": "copy"}, "task must be one of text, adding, reber, got 'copy'"),
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"embedding": -1}, "embedding must be at least 0, got -1"),
        ({"train_share": 0.0}, r"train_share must be in \(0, 1\], got 0.0"),
        ({"input_biases": (-3.0,)}, "input_biases are of the cell of 1997"),
        ({"cell": "1997", "hidden": 1, "input_biases": (-3.0, -6.0)}, "at most as many as there are cells"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"clip": 0.0}, "clip must be above 0, got 0.0"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0, got -1.0"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LSTMConfig(**changes)
