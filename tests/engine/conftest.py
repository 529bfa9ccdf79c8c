"""What tests of workers ask for by name."""

import pytest

from tests.engine.working import let_everything_pay


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts of the smallest batch, the second on a worker."""
    let_everything_pay(monkeypatch)
