"""The outer loop: what it trains, when it looks, where it stops."""

from collections.abc import Iterator
from itertools import count, islice

import pytest

from tinygrad_lab.fit import Look, endless, fit


def losses() -> Iterator[float]:
    return (float(step) for step in count(1))  # the loss of step n is n


def test_it_looks_after_so_many_steps_and_after_the_last() -> None:
    looks = list(fit(losses(), steps=7, every=3))
    assert [look.step for look in looks] == [3, 6, 7]
    assert [look.losses for look in looks] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0]]


def test_a_run_taken_up_again_looks_where_it_would_have() -> None:
    stream = losses()
    list(islice(stream, 4))  # made before
    looks = list(fit(stream, steps=7, every=3, start=4))
    assert [(look.step, look.losses) for look in looks] == [(6, [5.0, 6.0]), (7, [7.0])]
    assert list(fit(stream, steps=7, every=3, start=7)) == []


def test_what_is_found_at_a_look_is_found_between_two_steps() -> None:
    made: list[float] = []

    def watched() -> Iterator[float]:
        for loss in losses():
            made.append(loss)
            yield loss

    looks = list(fit(watched(), 4, 2, evaluate=lambda: {"made": float(len(made))}))
    assert [look.metrics for look in looks] == [{"made": 2.0}, {"made": 4.0}]
    assert len(made) == 4, "no step more than was asked for"


def test_it_stops_after_the_look_at_which_it_may() -> None:
    def enough(look: Look) -> bool:
        return look.step >= 4

    assert [look.step for look in fit(losses(), 100, 2, until=enough)] == [2, 4]


def test_no_steps_between_looks_is_an_error() -> None:
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        next(fit(losses(), 3, 0))


def test_losses_that_end_before_the_steps_are_an_error_and_not_an_endless_loop() -> None:
    looks = fit(islice(losses(), 5), steps=10, every=3)
    assert next(looks).losses == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="the losses ended after step 5, 10 were asked for"):
        next(looks)


def test_batches_without_end_are_one_epoch_after_the_other() -> None:
    assert list(islice(endless([1, 2, 3]), 7)) == [1, 2, 3, 1, 2, 3, 1]
