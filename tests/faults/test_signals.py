"""A command that is stopped at any instant says so in one line; more of them by ``make faults``."""

import signal
from random import Random

import pytest

from tests.faults.signals import bad, signalled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["papers", "train"])
def test_a_signal_at_any_instant_is_a_line_and_a_code(name: str, number: signal.Signals) -> None:
    draw = Random(f"{name} {number}")
    ends = [signalled(name, number, draw) for _ in range(3)]
    assert [end for end in ends if bad(number, *end)] == []


@pytest.mark.parametrize(
    ("code", "err"),
    [
        (-2, ""), (1, "tinygrad-lab: stopped\n"), (130, ""), (130, "Traceback\ntinygrad-lab: stopped\n"),
        (0, "tinygrad-lab: stopped\n"), (143, "tinygrad-lab: stopped\n"),
    ],
)  # fmt: skip
def test_the_judge_takes_no_other_end(code: int, err: str) -> None:
    assert bad(signal.SIGINT, code, err)
    assert not bad(signal.SIGINT, 130, "tinygrad-lab: stopped\n")
