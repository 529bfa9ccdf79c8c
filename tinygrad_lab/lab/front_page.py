"""The numbers on the project's front page: what the two commands print and how far each paper agrees, for README.md;
and the same agreement stored for those who build the site without PyTorch.

python -m tinygrad_lab.lab.front_page        (make readme)
"""

import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from tinygrad_lab import files
from tinygrad_lab.lab import console, parity_report, registry
from tinygrad_lab.lab.agreement import TRAJECTORY_STEPS, Row
from tinygrad_lab.lab.site import measurements
from tinygrad_lab.lab.study import claims
from tinygrad_lab.paper import Paper
from tinygrad_lab.study import table

ROOT = Path(__file__).parent.parent.parent


def paper_table(rows: Sequence[Row]) -> str:
    """A line for each paper: where to read it, and the digits to which its worst gradient agrees in both dtypes."""
    columns = ("paper", "year", "built here", "read", "worst gradient, float64", "float32")
    return table(columns, [_paper_row(paper, rows) for paper in registry.discover().values()], right=2)


def _paper_row(paper: Paper, rows: Sequence[Row]) -> tuple[object, ...]:
    slug = paper.slug
    links = (
        f"[notes](papers/{slug}/README.md), [NumPy](papers/{slug}/model.py), "
        f"[PyTorch](reference/{slug}/model.py), [notebook](notebooks/{slug}.ipynb)"
    )
    gradients = [row for row in rows if (row.paper, row.check) == (slug, "gradient")]
    worst = (min(row.digits for row in gradients if row.dtype == dtype) for dtype in ("float64", "float32"))
    return paper.title, paper.year, ", ".join(paper.variants), links, *(f"{digits:.1f}" for digits in worst)


def parity_output(rows: Sequence[Row]) -> str:
    """What ``make parity`` prints for the default variants, as it looks on a terminal."""
    paper_variants = {(slug, paper.default_variant) for slug, paper in registry.discover().items()}
    shown = [row for row in rows if (row.paper, row.variant) in paper_variants]
    page = StringIO()
    before, console.stdout = console.stdout, console.Plain(file=page, width=150)
    try:
        parity_report.print_rows(shown)
    finally:
        console.stdout = before
    text = "\n".join(line.rstrip() for line in page.getvalue().rstrip().splitlines()[:-1])
    passed = sum(row.passed for row in rows)
    return f"```\n{text}\n... and the other variants: {passed} of {len(rows)} checks passed\n```"


def test_output() -> str:
    """The last line of the last ``make test`` that passed.

    Raises:
        FileNotFoundError: there was none.
    """
    return (ROOT / ".venv" / "tested").read_text(encoding="utf-8").strip().splitlines()[-1]


def main() -> None:
    """Run parity, rewrite the generated blocks of README.md, and store the agreement for the site."""
    rows = parity_report.run(parity_report.jobs((), None, "both", "tiny"), "tiny", TRAJECTORY_STEPS, 0)
    if not all(row.passed for row in rows):
        parity_report.print_failures(rows)
        sys.exit(1)
    readme = ROOT / "README.md"
    blocks = {"parity": parity_output(rows), "test": f"```\n{test_output()}\n```", "papers": paper_table(rows)}
    measurements.write(rows, TRAJECTORY_STEPS)
    files.write(readme, claims.fill(readme.read_text(encoding="utf-8"), blocks))


if __name__ == "__main__":
    main()
