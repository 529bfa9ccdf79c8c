"""The front page: its example runs, its links lead somewhere, its table has every paper."""

import contextlib
import io
import re
from pathlib import Path

from tinygrad_lab.lab import registry

ROOT = Path(__file__).parent.parent
PUBLISHED = "../../deployments/github-pages"  # as the code host resolves it: the pages that were last published
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_example_prints_what_its_comment_says() -> None:
    code = re.search(r"```python\n(.*?)```", TEXT, re.S).group(1)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue().strip() == re.search(r"print\(.*\)  # (.*)", code).group(1)


def test_links_and_pictures_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert len(links) > 5
    assert TEXT.index(PUBLISHED) < 1500  # on the first screen
    assert [link for link in links if link != PUBLISHED and not (ROOT / link).exists()] == []


def test_table_has_every_paper_with_its_digits() -> None:
    block = TEXT.split("<!-- papers -->")[1].split("<!-- /papers -->")[0]
    for slug, paper in registry.discover().items():
        row = next(line for line in block.splitlines() if f"papers/{slug}/" in line)
        assert paper.title in row
        double, single = (float(digits) for digits in re.findall(r"\| (\d+\.\d) (?=\|)", row))
        assert double > 9
        assert single > 3


def test_parity_output_reports_no_failure() -> None:
    block = TEXT.split("<!-- parity -->")[1].split("<!-- /parity -->")[0]
    passed, total = re.search(r"(\d+) of (\d+) checks passed", block).groups()
    assert passed == total
    assert "FAILED" not in block
