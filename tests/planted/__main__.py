"""Plant each bug in a copy of the tree, run the tests of its area, and tell which test failed first.

    python -m tests.planted [ID ...] [--uncaught] [--report FILE]

A test counts as having caught a bug only if it passes without it.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests.planted.bug import Bug
from tests.planted.bugs import BUGS
from tests.planted.report import as_markdown
from tests.planted.running import Result, check_imports, copy_tree, try_bug
from tests.planted.uncaught import UNCAUGHT

ROOT = Path(__file__).parent.parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 if every bug was caught, 1 if not, 2 for a wrong argument."""
    options = _options(arguments)
    bugs = _chosen(options.ids, UNCAUGHT if options.uncaught else BUGS)
    misplaced = [line for bug in bugs for line in bug.misplaced(ROOT)]
    if misplaced:
        _refuse("\n".join(misplaced))
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        tree = copy_tree(ROOT, Path(folder) / "tree")
        check_imports(tree)
        for bug in bugs:
            results.append(try_bug(bug, tree))
            print(results[-1], flush=True)
            if options.report:
                options.report.write_text(as_markdown(results, ROOT), encoding="utf-8")
    caught = sum(result.caught for result in results)
    print(f"{caught} of {len(results)} caught")
    return int(caught < len(results))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__.splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="bugs to plant; all of the list where none is named")
    parser.add_argument("--uncaught", action="store_true", help="the list of those that no test catches yet")
    parser.add_argument("--report", type=Path, metavar="FILE", help="a table, written anew after each bug")
    return parser.parse_args(arguments)


def _chosen(ids: Sequence[str], bugs: Sequence[Bug]) -> list[Bug]:
    known = {bug.id: bug for bug in bugs}
    if unknown := [name for name in ids if name not in known]:
        _refuse(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in ids] or list(bugs)


def _refuse(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())
