"""Give torch's own samples to both sides and write docs/agreement.md.

    python -m tests.agreement [NAME ...]

With names only their samples are run, and what does not agree is printed; nothing is written.
"""

import argparse
import sys
from pathlib import Path

from tests.agreement.case import Verdict
from tests.agreement.report import BAD, as_markdown, counts, rate
from tests.agreement.running import run

PAGE = Path(__file__).parent.parent.parent / "docs" / "agreement.md"


def main() -> int:
    """Run the command; returns the exit code: 1 if a sample disagrees, is refused unclearly or crashes."""
    parser = argparse.ArgumentParser(prog="python -m tests.agreement", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="an operation, a layer or an optimiser")
    names = parser.parse_args().names
    sections = run(names)
    everything = [one for judged in sections.values() for one in judged]
    shown = (*BAD, Verdict.REFUSED) if names else BAD
    for one in everything:
        if one.verdict in shown:
            print(f"{one.name}, {one.label}: {one.verdict.value}: {one.why}")
    count = counts(everything)
    print(", ".join(f"{verdict.value} {count[verdict]:,}" for verdict in Verdict), f"- {rate(everything):.1%} agree")
    if not names:
        PAGE.write_text(as_markdown(sections), encoding="utf-8")
    return int(any(count[verdict] for verdict in BAD))


sys.exit(main())
