"""Every picture of the results stands in its paper's notes, and below it a sentence made from the same results.

That these blocks are what the results say, number by number, is tested with the other tables (test_commands.py).
"""

import re

import pytest

from tinygrad_lab.lab import notebooks, registry
from tinygrad_lab.lab.study import claims

SLUGS = list(registry.discover())


@pytest.mark.parametrize("slug", SLUGS)
def test_every_picture_is_shown_with_what_to_see_in_it(slug: str) -> None:
    paper = registry.find(slug)
    folder = claims.paper_folder(paper)
    shown = notebooks.pictures((folder / "README.md").read_text(encoding="utf-8"))
    drawn = sorted(path.relative_to(folder).as_posix() for path in (folder / "study" / "results").glob("*.png"))
    assert sorted(file for _, file, _ in shown) == drawn
    made = " ".join("\n".join(claims.blocks(paper, claims.workbench(paper, None, False, None)).values()).split())
    for title, file, said in shown:
        assert title, file
        assert said in made, f"the sentence below {file} was not made from the results"
        assert re.search(r"\d.*\.\)?$", said), f"{file}: {said}"


def test_a_picture_without_its_sentence_is_seen() -> None:
    notes = "![a](study/results/a.png)\n\nIt falls to 3.\nAnd stays.\n\n![b](study/results/b.png)\n\n<!-- c -->\n4.\n"
    assert notebooks.pictures(notes) == [
        ("a", "study/results/a.png", "It falls to 3. And stays."), ("b", "study/results/b.png", "4."),
    ]  # fmt: skip
    assert notebooks.pictures("![a](study/results/a.png)\n![b](study/results/b.png)\n\n## Next\n") == []
