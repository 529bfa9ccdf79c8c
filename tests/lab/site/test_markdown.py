"""Notes as HTML: formulas, links, pictures, verdicts, headings."""

import pytest

from tests.lab.site.elements import Elements
from tests.papers.test_twins import ROOT
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site import formula, library, markdown

DOCUMENTS = ("first-hour", "engine", "adding-a-paper")
FILES = [*(f"papers/{slug}/README.md" for slug in registry.discover()), *(f"docs/{name}.md" for name in DOCUMENTS)]


def test_formulas_links_pictures_and_verdicts() -> None:
    text = (
        "# T\n\n$p$ [model](model.py) [raw](study/results) [other](../dropout/README.md#pitfalls) "
        "[gone](nothing.py)\n\n"
        "![errors](study/results/errors.png)\n\n## Claims\n\n"
        "<!-- claims -->\n| a |\n|---|\n| **out of reach here**: x |\n<!-- /claims -->\n"
    )
    resolve = library.Library().resolver("papers/lenet/README.md", "lenet/index.html")
    first, claims = markdown.sections(text, resolve)
    assert "<math" in first.html
    assert Elements(first.html).values("href") == [
        "index.html#model", "../source/papers/lenet/study/results/index.html", "../dropout/index.html#pitfalls"
    ]  # fmt: skip
    assert Elements(first.html).values("src") == ["../source/papers/lenet/study/results/errors.png"]
    assert "gone" in first.html
    assert 'class="verdict out-of-reach-here"' in claims.html
    assert "claims --" not in claims.html


def test_alphabets_of_mathematics_are_letters_of_their_own() -> None:
    assert ">𝔼<" in formula.mathml(r"\mathbb E", display=False)
    assert ">ℝ<" in formula.mathml(r"\mathbb{R}", display=False)
    assert ">𝒩<" in formula.mathml(r"\mathcal N", display=False)
    assert ">ℒ<" in formula.mathml(r"\mathcal L", display=False)
    assert ">𝐱<" in formula.mathml(r"\mathbf x", display=False)
    assert ">x<" in formula.mathml("x", display=True)


@pytest.mark.parametrize("file", FILES)
def test_every_formula_of_ours_is_set(file: str) -> None:
    parts = markdown.sections((ROOT / file).read_text(encoding="utf-8"), lambda target: None)
    assert 'class="latex"' not in "".join(part.html for part in parts)


def test_headings_of_one_name_have_anchors_of_their_own() -> None:
    parts = markdown.sections("## Notes\n\na\n\n## Notes\n\nb\n", lambda target: None, ("notes",))
    assert [part.name for part in parts] == ["notes-2", "notes-3"]
