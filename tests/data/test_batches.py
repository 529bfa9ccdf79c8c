"""Batches: every item once per epoch, and a position that can be taken up again anywhere."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab import Tensor
from tinygrad_lab.data import Batches
from tinygrad_lab.data.batches import as_tensors

settings = st.fixed_dictionaries(
    {
        "items": st.integers(1, 23),
        "batch_size": st.integers(1, 25),
        "shuffle": st.booleans(),
        "drop_last": st.booleans(),
    }
).filter(lambda s: not (s["drop_last"] and s["batch_size"] > s["items"]))


def make(seed, items, batch_size, shuffle=True, drop_last=False):
    arrays = {"image": np.arange(items * 2.0).reshape(items, 2), "label": np.arange(items)}
    return Batches(arrays, batch_size, np.random.default_rng(seed), shuffle=shuffle, drop_last=drop_last)


def labels(batches, epochs):
    """The label lists of ``epochs`` passes, batch by batch."""
    return [batch["label"].tolist() for _ in range(epochs) for batch in batches]


@given(settings)
def test_an_epoch_has_every_item_once(chosen):
    batches = make(0, **chosen)
    for _ in range(2):
        epoch = list(batches)
        seen = [label for batch in epoch for label in batch["label"]]
        assert len(epoch) == len(batches)
        assert len(set(seen)) == len(seen)
        missing = chosen["items"] % chosen["batch_size"] if chosen["drop_last"] else 0
        assert len(seen) == chosen["items"] - missing
        if not chosen["shuffle"]:
            assert seen == list(range(len(seen)))


@given(settings)
def test_arrays_stay_aligned_and_count_counts(chosen):
    for batch in make(0, **chosen):
        np.testing.assert_array_equal(batch["image"][:, 0], 2.0 * batch["label"])
        assert batch["count"] == len(batch["label"])
        assert isinstance(batch["count"], float)


@given(chosen=settings, done=st.integers(0, 60), other_seed=st.integers(0, 5))
def test_resuming_anywhere_equals_never_stopping(chosen, done, other_seed):
    epochs = done // len(make(1, **chosen)) + 2
    uninterrupted = labels(make(1, **chosen), epochs)
    first = make(1, **chosen)
    seen = []
    while len(seen) < done:
        for batch in first:
            seen.append(batch["label"].tolist())
            if len(seen) == done:
                break
    saved = json.loads(json.dumps(first.state()))
    resumed = make(other_seed, **chosen)
    resumed.restore(saved)
    while len(seen) < len(uninterrupted):
        seen += labels(resumed, 1)
    assert seen == uninterrupted
    assert resumed.epoch == epochs


def test_epochs_differ_and_seeds_differ_and_one_seed_repeats():
    first, second = labels(make(0, 50, 50), 2)
    assert first != second
    assert labels(make(0, 50, 50), 2) == [first, second]
    assert labels(make(1, 50, 50), 1) != [first]


def test_other_users_of_the_generator_do_not_disturb_the_order():
    generator = np.random.default_rng(0)
    shared = Batches({"label": np.arange(20)}, 3, generator)
    disturbed = []
    for _ in range(2):
        for batch in shared:
            generator.random(7)
            disturbed.append(batch["label"].tolist())
    assert disturbed == labels(make(0, 20, 3), 2)


def test_the_first_batch_can_be_peeked_at_again_and_again():
    batches = make(0, 4, 4)
    for epoch in range(3):
        assert batches.epoch == epoch
        assert len(next(iter(batches))["label"]) == 4


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"arrays": {"a": np.zeros(3), "b": np.zeros(4)}}, r"one common length above 0, got \{'a': 3, 'b': 4\}"),
        ({"arrays": {}}, "one common length above 0"),
        ({"arrays": {"a": np.zeros(0)}}, "one common length above 0"),
        ({"arrays": {"count": np.zeros(3)}}, "needs another name"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 4, "drop_last": True}, "leaves nothing of 3 items with batch_size 4"),
        ({"generator": None}, "shuffle=True needs a generator"),
        ({"lengths": np.zeros(2)}, "one for each of 3 items, got 2"),
        ({"lengths": np.zeros(3), "shuffle": False}, "lengths need shuffle=True"),
    ],
)
def test_wrong_arguments_are_errors(arguments, line):
    good = {"arrays": {"a": np.zeros(3)}, "batch_size": 2, "generator": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=line):
        Batches(**good | arguments)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"items": 11}, "state is of items 11, these have 10"),
        ({"batch_size": 2}, "state is of batch_size 2, these have 3"),
        ({"seed": None}, "is shuffled, the other is not"),
        ({"position": 4}, "epoch 0, position 4 is no place in epochs of 4 batches"),
        ({"epoch": -1}, "epoch -1, position 0 is no place"),
        ({"extra": 1}, "a state has items, batch_size, seed, epoch, position, got .*extra"),
    ],
)
def test_a_state_of_something_else_is_refused(change, line):
    batches = make(0, 10, 3)
    before = batches.state()
    with pytest.raises(ValueError, match=line):
        batches.restore(before | change)
    assert batches.state() == before


def test_transform_draws_the_same_after_a_resume() -> None:
    def jitter(batch: dict, rng: np.random.Generator) -> dict:
        return batch | {"x": batch["x"] + rng.standard_normal(batch["x"].shape)}

    def batches() -> Batches:
        return Batches({"x": np.arange(10.0)}, 3, np.random.default_rng(5), transform=jitter)

    whole = batches()
    expected = [batch["x"] for _ in range(2) for batch in whole]
    first = batches()
    iterator = iter(first)
    seen = [next(iterator)["x"], next(iterator)["x"]]
    again = batches()
    again.restore(first.state())
    seen += [batch["x"] for batch in again] + [batch["x"] for batch in again]
    assert len(expected) == len(seen) == 8
    assert not np.array_equal(np.sort(expected[0] % 1), np.zeros(3))
    for ours, theirs in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_items_of_similar_length_share_a_batch() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, 203)
    batches = Batches({"x": np.arange(203)}, 10, np.random.default_rng(1), lengths=lengths)
    epochs = [[batch["x"] for batch in batches] for _ in range(2)]
    for epoch in epochs:
        assert sorted(np.concatenate(epoch)) == list(range(203))
        assert [len(x) for x in epoch] == [10] * 20 + [3]
        spans = [np.ptp(lengths[x]) for x in epoch[:-1]]
        assert max(spans) <= 6  # at random it would be about 33
        longest = [lengths[x].max() for x in epoch[:-1]]
        assert longest != sorted(longest)
    assert [set(x) for x in epochs[0]] != [set(x) for x in epochs[1]]


def test_batches_of_similar_length_can_be_resumed() -> None:
    def batches() -> Batches:
        return Batches({"x": np.arange(50)}, 8, np.random.default_rng(1), lengths=np.arange(50) % 7)

    expected = [batch["x"].tolist() for batch in batches()]
    first = batches()
    seen = [next(iter(first))["x"].tolist()]
    again = batches()
    again.restore(first.state())
    assert seen + [batch["x"].tolist() for batch in again] == expected


def test_as_tensors_come_in_what_models_compute_with() -> None:
    batches = Batches({"x": np.arange(6.0).reshape(3, 2), "label": np.arange(3)}, 2, shuffle=False)
    first, second = as_tensors(batches)
    assert {name: str(value.dtype) for name, value in first.items() if isinstance(value, Tensor)} == {
        "x": "float32",
        "label": "int64",
    }
    assert (first["count"], second["count"]) == (2.0, 1.0)
    np.testing.assert_array_equal(second["x"].numpy(), [[4, 5]])


def test_as_tensors_takes_one_batch_at_a_time() -> None:
    batches = Batches({"x": np.zeros((4, 1))}, 2, shuffle=False)
    next(as_tensors(batches))
    assert batches.position == 1
