"""A child of the warm process: it imports one tree and runs tests of it, then ends."""

import importlib
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.mutants.plan import Plan

WARM = (
    "torch", "hypothesis.strategies", "beartype.door", "jaxtyping", "safetensors.numpy", "safetensors.torch",
    "click.testing", "rich.console", "rich.progress", "xdist.plugin", "pytest_asyncio", "sklearn.datasets",
    "threadpoolctl",
)  # fmt: skip
MEMORY = 6 * 2**30  # bytes that a child may ask for
FAILED_IMPORT = "import of "  # how a note begins that names what could not be imported
AROUND = 120  # seconds for all imports, and for the end
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--tb=no", "--disable-warnings")
SETTINGS = {
    "HYPOTHESIS_PROFILE": "ci", "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}  # fmt: skip


def warm_up() -> None:
    """Import what tests need besides the product and themselves."""
    os.environ.update(SETTINGS)
    for name in WARM:
        importlib.import_module(name)


def started(tree: Path, arguments: Sequence[str], plugin: object, output: Path) -> int:
    """Fork a child that runs pytest in a tree; returns its process id, which is that of its group too."""
    process = os.fork()
    if not process:
        os.setsid()
        _run(tree, arguments, plugin, output)
    return process


def _run(tree: Path, arguments: Sequence[str], plugin: object, output: Path) -> NoReturn:
    code = 3
    try:
        signal.alarm(AROUND)
        _confine(tree, output)
        code = int(pytest.main([*OPTIONS, *arguments], plugins=[plugin]))
    finally:
        sys.stdout.flush()
        os._exit(code)


def _confine(tree: Path, output: Path) -> None:
    """Leave the parent's tree and terminal, and the memory to others."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell ignores for what it starts behind itself
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(file, standard)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


class Chooser:
    """A plugin of pytest that brings tests into the order of a plan, and writes which one fails.

    A test that takes much longer than it should is ended by the alarm, and its process with it.
    """

    def __init__(self, plan: Plan, verdict: Path) -> None:
        self.plan = plan
        self.verdict = verdict

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self) -> Iterator[None]:
        """Write that a conftest could not be imported, for which pytest has the exit code of a wrong call."""
        try:
            return (yield)
        except pytest.UsageError:
            raise
        except Exception:
            self.verdict.write_text(f"{FAILED_IMPORT}a conftest", encoding="utf-8")
            raise

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.plan.rank(item.nodeid))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.verdict.write_text(nodeid, encoding="utf-8")
        signal.setitimer(signal.ITIMER_REAL, self.plan.limit(nodeid))

    def pytest_sessionfinish(self) -> None:
        signal.alarm(AROUND)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.verdict.write_text(f"{FAILED_IMPORT}{report.nodeid}", encoding="utf-8")
