"""Expressions that want to do harm, a few hundred; more of them by ``make faults``."""

from random import Random

import pytest

from tests.faults.expressions import BY_HAND, made_up, traced
from tests.lab.command import run

HOSTILE = [*BY_HAND, *made_up(200 - len(BY_HAND), Random(13))]


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_the_hostile_is_a_trace_or_one_line(words: tuple[str, ...]) -> None:
    outcome = traced(words)
    assert outcome.good, outcome


def test_some_of_them_are_traces_and_some_are_not() -> None:
    codes = [run("step", "--", *words).code for words in HOSTILE[-140:]]
    assert 25 < codes.count(0) < 115
