"""Run-time shape checks for everything under test, the hypothesis profiles, and the site that several tests look at."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings

from tests.checking import check_packages

check_packages("tinygrad_lab", "papers", "reference")

# A script that runs the tests in the background has Ctrl-C ignored, in them and in all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


MEASURE = """
import json
from dataclasses import asdict
from tinygrad_lab.lab import parity_report

rows = parity_report.run(parity_report.jobs(("lenet", "dropout"), None, "both", "tiny"), "tiny", 2, 0)
print(json.dumps([asdict(row) for row in rows]))
"""
BUILD = """
import json, sys
from pathlib import Path
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.site import build

build(Path(sys.argv[1]), [Row(**row) for row in json.load(sys.stdin)])
assert "torch" not in sys.modules
"""
NO_TORCH = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"


def printed(script: str, *arguments: str, **given: Any) -> str:
    """What a script prints, in a process without run-time shape checks."""
    command = [sys.executable, "-c", script, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, **given)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's site of all papers, of which two have been compared; built once for all workers.

    No process that builds it can import torch.
    """
    from filelock import FileLock  # not where the engine is tested alone

    worker = tmp_path_factory.getbasetemp()
    shared = worker.parent if "PYTEST_XDIST_WORKER" in os.environ else worker
    folder, blocked = shared / "site", tmp_path_factory.mktemp("no-torch")
    (blocked / "torch.py").write_text(NO_TORCH, encoding="utf-8")
    paths = os.pathsep.join([str(blocked), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with FileLock(shared / "site.lock"):
        if not folder.exists():
            rows = printed(MEASURE)
            printed(BUILD, str(folder), input=rows, env={**os.environ, "PYTHONPATH": paths})
    return folder
