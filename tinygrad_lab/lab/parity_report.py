"""Running parity over papers, variants and dtypes, and showing what came out."""

import math
from collections.abc import Iterator, Sequence

from tinygrad_lab.lab import console, registry, slips
from tinygrad_lab.lab.agreement import STOPPED, Row
from tinygrad_lab.paper import Paper

CHECKS = ("forward", "loss", "gradient", "trajectory", "weights", "generation")

Job = tuple[Paper, str, str]  # paper, variant, dtype


def jobs(slugs: Sequence[str], variant: str | None, dtype: str, size: str) -> list[Job]:
    """What to compare; all papers where none is named. Of variants all at size tiny, where they are cheap, and else the
    first: five AlexNets of 61 million parameters say little more than one.

    Raises:
        UsageError: an unknown paper, variant or size.
    """
    papers = [registry.find(slug) for slug in slugs] or list(registry.discover().values())
    dtypes = ("float32", "float64") if dtype == "both" else (dtype,)
    chosen = []
    for paper in papers:
        every = list(paper.variants) if size == "tiny" else [paper.default_variant]
        for name in every if variant is None else [variant]:
            registry.configuration(paper, name, size)
            chosen += [(paper, name, kind) for kind in dtypes]
    return chosen


def run(chosen: Sequence[Job], size: str, steps: int, seed: int) -> list[Row]:
    """Return all rows of all jobs; a job that stops with an error, and a kind of check with no row, are failed rows."""
    from tinygrad_lab.lab.parity import Parity

    rows: list[Row] = []
    with console.progress() as bar:
        task = bar.add_task("parity", total=len(chosen))
        for paper, variant, dtype in chosen:
            bar.update(task, description=f"{paper.slug} {variant} {dtype}")
            try:
                compared = list(Parity(paper, variant, size, dtype, seed, steps).run())
                rows += compared
                rows += _left_out(paper, variant, dtype, size, seed, compared)
            except Exception as error:
                rows.append(failed(paper, variant, dtype, size, "forward", STOPPED, slips.describe(error, paper.slug)))
            bar.advance(task)
    return rows


def _left_out(paper: Paper, variant: str, dtype: str, size: str, seed: int, compared: Sequence[Row]) -> Iterator[Row]:
    """Yield a failed row for each kind of check that compared nothing: no rows are no agreement."""
    writes = registry.example_tokens(paper, paper.variants[variant][size], seed)
    for check in CHECKS if writes else CHECKS[:-1]:
        if not any(row.check == check for row in compared):
            yield failed(paper, variant, dtype, size, check, "anything", "neither side has anything to compare")


def failed(paper: Paper, variant: str, dtype: str, size: str, check: str, name: str, why: str) -> Row:
    """A row for what could not be compared."""
    return Row(
        paper.slug, variant, check, dtype, size, name, max_abs=math.inf, max_rel=math.inf, digits=0.0, tolerance=0.0,
        passed=False, seconds=0.0, worst=why,
    )  # fmt: skip


def print_rows(rows: Sequence[Row]) -> None:
    """Print a line for each paper, variant and dtype: agreeing digits of the worst quantity in each check."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.paper, row.variant, row.dtype), []).append(row)
    shown = [check for check in CHECKS if any(row.check == check for row in rows)]
    lines = []
    for (paper, variant, dtype), group in groups.items():
        worst = max((row for row in group), key=lambda row: row.max_rel)
        cells = [_digits([row for row in group if row.check == check]) for check in shown]
        verdict = "passed" if all(row.passed for row in group) else "FAILED"
        seconds = f"{sum(row.seconds for row in group):.1f} s"
        lines.append((paper, variant, dtype, *cells, f"{worst.max_rel:.1e}", seconds, verdict))
    columns = ("paper", "variant", "dtype", *shown, "worst error", "time", "result")
    console.print_table("NumPy engine against PyTorch: agreeing digits", columns, lines, right=(*shown, "time"))
    passed = sum(row.passed for row in rows)
    failed = len(rows) - passed
    console.stdout.print(f"{passed} of {len(rows)} checks passed" + (f", {failed} FAILED" if failed else ""))


def _digits(rows: Sequence[Row]) -> str:
    if not rows:
        return "-"
    if all(row.max_rel == 0 for row in rows):
        return "exact"
    return f"{min(row.digits for row in rows):.1f}"


def print_failures(rows: Sequence[Row]) -> None:
    """Say on stderr where each failed quantity differs most."""
    for row in rows:
        if not row.passed:
            what = STOPPED if row.name == STOPPED else f"{row.check} of {row.name}"
            by = f"relative error {row.max_rel:.3g} > {row.tolerance:.3g}; " if math.isfinite(row.max_rel) else ""
            _print(f"FAILED {row.paper} {row.variant} {row.dtype} {what}: {by}{row.worst}")


def print_diagnosis(rows: Sequence[Row], size: str, steps: int, seed: int) -> None:
    """Say on stderr where to look, of each paper and variant that failed."""
    from tinygrad_lab.lab import diagnosis

    for line in diagnosis.lines([row for row in rows if not row.passed], size, steps, seed):
        _print(line)


def _print(line: str) -> None:
    console.stderr.print(line, soft_wrap=True, markup=False)
