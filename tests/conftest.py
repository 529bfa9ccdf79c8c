"""Run-time shape checks for everything under test, the hypothesis profiles, and the site that several tests look at."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings

from tests.checking import check_packages

check_packages("tinygrad_lab", "papers", "reference")

slow_ok = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=10, **slow_ok)
settings.register_profile("ci", max_examples=30, derandomize=True, **slow_ok)
settings.register_profile("thorough", max_examples=500, **slow_ok)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """As users run it: without the run-time shape checks of the test suite, which would speak first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


BUILD = """
import sys
from pathlib import Path
from tinygrad_lab.lab import parity_report
from tinygrad_lab.lab.site import build

rows = parity_report.run(parity_report.jobs(("lenet", "dropout"), None, "both", "tiny"), "tiny", 2, 0)
build(Path(sys.argv[1]), rows)
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's site of all papers, built once for all workers, in a process without run-time shape checks, with
    which it takes a quarter longer; two papers have been compared."""
    from filelock import FileLock  # not where the engine is tested alone

    worker = tmp_path_factory.getbasetemp()
    shared = worker.parent if "PYTEST_XDIST_WORKER" in os.environ else worker
    folder = shared / "site"
    with FileLock(shared / "site.lock"):
        if not folder.exists():
            result = subprocess.run([sys.executable, "-c", BUILD, str(folder)], capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
    return folder
