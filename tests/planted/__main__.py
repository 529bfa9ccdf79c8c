"""Plant each bug in a copy of the tree, run the tests of its area, and tell which failed first.

    python -m tests.planted [ID ...]

A test counts as having caught a bug only if it passes without it. Two bugs are tried at a time,
each in a copy of its own. What they say is written into docs/reliability.md.
"""

import argparse
import queue
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

from tests.planted import report
from tests.planted.bug import Bug
from tests.planted.bugs import BUGS
from tests.planted.running import Result, check_imports, copy_tree, try_bug

ROOT = Path(__file__).parent.parent.parent
AT_ONCE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 if every bug was caught, 1 if not, 2 for a wrong argument."""
    ids = _ids(arguments)
    bugs = _chosen(ids)
    misplaced = [line for bug in bugs for line in bug.misplaced(ROOT)]
    if misplaced:
        _refuse("\n".join(misplaced))
    results = try_all(bugs)
    caught = sum(result.caught for result in results)
    print(f"{caught} of {len(results)} caught")
    report.update(report.DOCUMENT, BUGS, results)
    return int(caught < len(results))


def try_all(bugs: Sequence[Bug]) -> list[Result]:
    """Try bugs in copies of the tree, and print each result as it comes; in the bugs' order."""
    trees: queue.Queue[Path] = queue.Queue()

    def attempt(bug: Bug) -> Result:
        tree = trees.get()
        try:
            result = try_bug(bug, tree)
        finally:
            trees.put(tree)
        print(result, flush=True)
        return result

    with tempfile.TemporaryDirectory(prefix="planted-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(AT_ONCE):
            tree = copy_tree(ROOT, Path(folder) / f"tree{number}")
            check_imports(tree)
            trees.put(tree)
        return list(pool.map(attempt, bugs))


def _ids(arguments: Sequence[str] | None) -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__.splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="bugs to plant; all of the list where none is named")
    return list(parser.parse_args(arguments).ids)


def _chosen(ids: Sequence[str]) -> list[Bug]:
    known = {bug.id: bug for bug in BUGS}
    if unknown := [name for name in ids if name not in known]:
        _refuse(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in ids] or list(BUGS)


def _refuse(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())
