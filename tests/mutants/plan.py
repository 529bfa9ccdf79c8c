"""Which tests are tried on a mutant, and in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Record = Mapping[str, tuple[float, bool, Sequence[str]]]
IMPORT = ""  # in the place of a test: what importing the sources and the tests calls
GRACE, SLOWER = 20.0, 30.0  # seconds for any test, and how many times longer than when recorded it may take


@dataclass(frozen=True)
class Plan:
    """Files of tests in their order, the place of each test, and the seconds after which it counts as hanging."""

    files: list[str]
    ranks: Mapping[str, int]
    limits: Mapping[str, float]

    def rank(self, test: str) -> tuple[int, int]:
        """Its file's place and its own; a test that is newer than the record is the first of its file."""
        return self.files.index(_file(test)), self.ranks.get(test, -1)

    def limit(self, test: str) -> float:
        return self.limits.get(test, GRACE)


def plan(record: Record, files: Sequence[str], source: str, function: str) -> Plan:
    """The tests of those files in which one calls the function, or starts a process: who knows what that calls.

    Of a place outside of all functions, and of a function that no test calls, it is the same for its source; so it is,
    though those that call it come first, of one that an import calls: a decorator, ``__init_subclass__``.
    """
    wanted, anything = f"{source}:{function}", f"{source}:"
    imported = record.get(IMPORT, (0.0, False, ()))[2]
    record = {test: entry for test, entry in record.items() if test != IMPORT}
    if not any(wanted in called for _, _, called in record.values()):
        wanted = anything
    calling = _calling(record, wanted)
    resting = _calling(record, anything) if wanted in imported else calling
    starting = {test for test, (_, started, _) in record.items() if started}
    known = {_file(test) for test in record}
    needed = [file for file in files if file not in known or any(_file(test) == file for test in resting | starting)]
    costs: dict[str, float] = {}
    for test in calling:
        costs[_file(test)] = costs.get(_file(test), 0.0) + record[test][0]
    ordered = sorted(needed or files, key=lambda file: (file in known and file not in costs, costs.get(file, 0.0)))
    tests = sorted(record, key=lambda test: (test not in calling, record[test][0]))
    limits = {test: GRACE + SLOWER * seconds for test, (seconds, _, _) in record.items()}
    return Plan(ordered, {test: rank for rank, test in enumerate(tests)}, limits)


def _calling(record: Record, wanted: str) -> set[str]:
    """The tests that call it."""
    return {test for test, (_, _, called) in record.items() if any(_is(name, wanted) for name in called)}


def _is(name: str, wanted: str) -> bool:
    return name.startswith(wanted) if wanted.endswith(":") else name == wanted


def _file(test: str) -> str:
    return test.partition("::")[0]
