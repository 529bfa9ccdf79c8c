"""A few mutants, others every week, are noticed by the tests of their area: a gap that is found so is real."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks a process that has torch in it")
def test_this_weeks_mutants_are_noticed() -> None:
    """The seed is the week's, so that a failure stays until it is mended: by a test, or by a judgement on it."""
    year, week, _ = date.today().isocalendar()
    command = [sys.executable, "-m", "tests.mutants.sample", str(100 * year + week)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
