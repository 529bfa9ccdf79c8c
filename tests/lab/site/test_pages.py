"""The whole site: pages for all, links that lead somewhere, nothing heavy, nobody asked."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.lab.site.elements import Elements
from tests.papers.test_twins import ROOT, outline
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site.stepper import unpack

PAPERS = registry.discover()
DOCUMENTS = ("first-hour", "engine", "adding-a-paper")
HEAVIEST = 1_500_000  # bytes of a page


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def shown(page: Path) -> str:
    """A page's text; of one that unpacks itself what it then is."""
    return unpack(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("slug", PAPERS)
def test_every_paper_and_variant_has_its_page(site: Path, slug: str) -> None:
    text = (site / slug / "index.html").read_text(encoding="utf-8")
    ids = Elements(text).values("id")
    for variant in PAPERS[slug].variants:
        assert f"variant-{variant}" in ids
        assert (site / slug / f"step-{variant}.html").exists()
    for side in ("papers", "reference"):
        for name in ("model", "train"):
            assert {f"{name}.{public}" for public in outline(ROOT / side / slug / f"{name}.py")} <= set(ids)
    assert len(ids) == len(set(ids))
    assert f"{slug}/index.html" in Elements((site / "index.html").read_text(encoding="utf-8")).values("href")


@pytest.mark.parametrize("slug", ["lenet", "dropout"])
def test_a_page_says_how_far_its_blocks_agree(site: Path, slug: str) -> None:
    text = (site / slug / "index.html").read_text(encoding="utf-8")
    assert text.count('class="agreement"') >= 10
    assert "FAILED" not in text
    assert "not compared" not in text


def test_the_front_page_has_agreement_and_verdicts(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    card = text[text.index("lenet/index.html") :].split("</article>")[0]
    assert re.search(r"<b>\d+\.\d</b><small> float64", card)
    assert re.search(r"<b>4</b><small> reproduced", card)
    assert re.search(r"<b>5</b><small> inconclusive", card)


def test_the_families_are_compared_by_counted_costs(site: Path) -> None:
    text = (site / "families.html").read_text(encoding="utf-8")
    assert all(paper.family in text for paper in PAPERS.values())
    assert "60 thousand" in text  # LeNet's parameters
    assert re.search(r"per\s+image", text)
    assert re.search(r"per\s+token", text)


def test_every_link_leads_somewhere(site: Path) -> None:
    elements = {page: Elements(shown(page)) for page in pages(site)}
    anchors = {page: set(found.values("id")) for page, found in elements.items()}
    broken = []
    for page, found in elements.items():
        for link in found.values("href", "src"):
            path, _, anchor = unquote(link).partition("#")
            if path.startswith(("http://", "https://", "data:")):
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.is_file() or (anchor and anchor not in anchors.get(target, set())):
                broken.append(f"{page.relative_to(site)} -> {link}")
    assert broken == []


def test_no_page_is_heavy(site: Path) -> None:
    assert [page.name for page in pages(site) if len(shown(page).encode()) > HEAVIEST] == []


def test_the_site_is_small(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40e6
    step = site / "transformer" / "step-sinusoidal.html"
    assert step.stat().st_size < len(shown(step)) / 2


def test_pages_ask_nobody_and_say_nothing_of_this_machine(site: Path) -> None:
    for page in pages(site):
        text = shown(page)
        assert [link for link in Elements(text).values("src") if "://" in link] == []
        assert str(ROOT) not in text
        assert str(Path.home()) + "/" not in text


def test_documents_are_pages(site: Path) -> None:
    for name in DOCUMENTS:
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("<h2") > 2
        assert f"{name}.html" in (site / "index.html").read_text(encoding="utf-8")


def test_questions_and_derivations_are_listed_on_the_front_page(site: Path) -> None:
    links = Elements((site / "index.html").read_text(encoding="utf-8")).values("href")
    assert len([link for link in links if link.startswith("questions.html#")]) >= 20
    assert len([link for link in links if link.startswith("derivations/")]) == 7
