"""All of torch's own samples for every name that we share: none disagrees, none is refused unclearly."""

import jaxtyping
import pytest

from tests.agreement.case import Judged
from tests.agreement.report import BAD, rate
from tests.agreement.running import run


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    """Run them without the run-time shape checks of the test suite, which would speak first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return [one for section in run().values() for one in section]
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def test_every_sample_agrees_or_is_refused_clearly(judged: list[Judged]) -> None:
    assert len(judged) > 20_000
    bad = [f"{one.name}, {one.label}: {one.verdict.value}: {one.why}" for one in judged if one.verdict in BAD]
    assert not bad, "\n".join(bad)


def test_nine_of_ten_that_can_be_represented_agree(judged: list[Judged]) -> None:
    assert rate(judged) >= 0.9
