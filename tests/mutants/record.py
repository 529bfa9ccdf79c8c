"""Which test calls which function, and how long it takes: recorded once for each area, without a mutant.

It tells in which order the tests are tried on a mutant, and which files of tests need not be: none of their tests
calls the changed function.  A function that a file of tests calls only once, for all its tests, is so found too.
What runs when modules are imported, decorators among it, stands under the name of no test: all tests rest on it.
"""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.mutants.functions import name_of
from tests.mutants.plan import IMPORT

STARTING = {"subprocess.Popen", "os.fork", "os.posix_spawn"}  # what such a process calls is not seen from here


class Recorder:
    """A plugin of pytest that writes for each test its seconds, whether it started a process, and what it called.

    A function is named as ``file:name``.
    """

    def __init__(self, tree: Path, path: Path) -> None:
        self.tree = f"{tree}/"
        self.path = path
        self.tests: dict[str, tuple[float, bool, list[str]]] = {}
        self._called: dict[int, CodeType] = {}  # by identity: the same function in two files is equal to Python
        self._started = False
        sys.addaudithook(self._look)  # for good: the process ends with the tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        self._listen()  # from the first import on

    def pytest_collection_finish(self) -> None:
        signal.alarm(0)  # the time for imports is over
        self._note_down(IMPORT, 0.0)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        start = time.perf_counter()
        self._listen()
        try:
            return (yield)
        finally:
            self._note_down(item.nodeid, round(time.perf_counter() - start, 3))

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.tests), encoding="utf-8")

    def _listen(self) -> None:
        self._called.clear()
        self._started = False
        sys.settrace(self._note)
        threading.settrace(self._note)

    def _note_down(self, name: str, seconds: float) -> None:
        sys.settrace(None)
        threading.settrace(None)
        self.tests[name] = (seconds, self._started, self._functions())

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        self._called[id(frame.f_code)] = frame.f_code

    def _look(self, event: str, _: Any) -> None:
        self._started |= event in STARTING

    def _functions(self) -> list[str]:
        ours = [code for code in self._called.copy().values() if code.co_filename.startswith(self.tree)]
        names = {f"{code.co_filename.removeprefix(self.tree)}:{name_of(code)}" for code in ours}
        return sorted(name for name in names if not name.startswith("tests/"))
