"""A drawn share of torch's own samples; all of them are run by tests/external/test_agreement.py."""

import pytest

from tests.agreement.report import BAD
from tests.agreement.running import run

SHARE = 0.06


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_share_of_torchs_samples_agrees_or_is_refused_clearly() -> None:
    judged = [one for section in run(share=SHARE).values() for one in section]
    assert len(judged) > 900
    bad = [f"{one.name}, {one.label}: {one.verdict.value}: {one.why}" for one in judged if one.verdict in BAD]
    assert not bad, "\n".join(bad)
