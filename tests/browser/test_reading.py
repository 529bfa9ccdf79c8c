"""What a reader has at hand in every page: search, copying, the section he is in, the next paper, figures at night."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Look
from tests.lab.site.elements import Elements
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site.markdown import PICTURES

PAPERS = registry.discover()


def found(page: Page, question: str) -> list[str]:
    """The titles that a question finds, asked by the keyboard."""
    page.keyboard.press("/")
    page.keyboard.type(question)
    expect(page.locator("#found li").first).to_be_visible()
    return [line.partition("\n")[0] for line in page.locator("#found li").all_inner_texts()]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("layer_n", "layer_norm"), ("what detach", "What does detach do?"), ("vaswani", "Attention Is All You Need"),
        ("softmax cross", "Softmax with cross-entropy"), ("forget gate", "The forget gate"), ("RBF", "RBF"),
        ("group_norm", "group_norm"), ("first hour", "A first hour"), ("qwertz", "Nothing found."),
    ],
)  # fmt: skip
def test_a_question_finds_its_answer(site: Path, look: Look, question: str, first: str) -> None:
    assert found(look(site / "lenet" / "index.html").page, question)[0] == first


def test_search_is_used_by_the_keyboard_alone(site: Path, look: Look) -> None:
    seen = look(site / "operations" / "index.html")
    page = seen.page
    assert "layer_norm" in found(page, "layer norm")
    page.keyboard.press("ArrowDown")
    assert page.locator("#found [aria-selected=true]").inner_text().startswith("Layer norm")
    assert page.locator(".search input").get_attribute("aria-activedescendant") == "found-1"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/operations/normalization.html#layer_norm")
    found(page, "gelu")
    page.locator("#found li").first.click()
    page.wait_for_url("**/operations/activation.html#gelu")
    found(page, "x")
    page.keyboard.press("Escape")
    assert page.locator("#found").is_hidden()
    assert seen.complaints == []


def test_keys_of_a_page_are_letters_in_the_field(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html").page
    found(page, "jk/j")
    assert page.locator(".search input").input_value() == "jk/j"


def test_everything_that_is_found_is_there(site: Path) -> None:
    text = (site / "search-index.js").read_text(encoding="utf-8")
    entries = json.loads(text.removeprefix("window.searchIndex = ").removesuffix(";\n"))
    assert len(entries) > 500
    assert len(text) < 300_000
    pages = {entry["address"].partition("#")[0] for entry in entries}
    ids = {page: set(Elements((site / page).read_text(encoding="utf-8")).values("id")) for page in pages}
    for entry in entries:
        page, _, anchor = entry["address"].partition("#")
        assert not anchor or anchor in ids[page], entry


def test_code_is_copied_without_its_numbers(site: Path, look: Look) -> None:
    page = look(site / "operations" / "linear.html").page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator("#linear .form button").first
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_text("copied")
    lines = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert lines[0].startswith("def linear_definition(input: Tensor")
    assert lines[1].startswith("    product = ")


def test_a_block_is_copied_by_a_letter(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html").page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.focus("[id='model.RBF.forward'] h4 a")
    for key, side in (("c", "numpy"), ("Shift+C", "torch")):
        page.keyboard.press(key)
        expect(page.locator(f"[id='model.RBF.forward'] .{side} > button")).to_have_text("copied")
        assert page.evaluate("navigator.clipboard.readText()").startswith("    def forward(self, input")


def test_the_section_being_read_is_marked(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html").page
    page.evaluate("document.getElementById('seen').scrollIntoView()")
    expect(page.locator(".local [aria-current]")).to_have_text("Model")
    page.evaluate("document.getElementById('results').scrollIntoView()")
    expect(page.locator(".local [aria-current]")).to_have_text("Results")


def test_papers_lead_to_each_other_and_to_what_they_are_about(site: Path) -> None:
    slugs = list(PAPERS)
    for place, slug in enumerate(slugs):
        links = Elements((site / slug / "index.html").read_text(encoding="utf-8"))
        ways = {attrs["rel"]: attrs["href"] for tag, attrs in links.found if tag == "a" and "rel" in attrs}
        around = {"prev": place - 1, "next": place + 1}
        assert ways == {rel: f"../{slugs[k]}/index.html" for rel, k in around.items() if 0 <= k < len(slugs)}
        assert PAPERS[slug].link in links.values("href")
        assert PAPERS[slug].link.startswith("https://")


def test_figures_are_dark_at_night_where_shades_mean_nothing(site: Path, look: Look) -> None:
    def filters(scheme: str, slug: str, name: str) -> str:
        page = look(site / slug / "index.html", scheme=scheme).page
        return page.locator(f"img[src*='{name}.png']").first.evaluate("image => getComputedStyle(image).filter")

    assert "invert(1)" in filters("dark", "lenet", "errors")
    assert filters("light", "lenet", "errors") == "none"
    assert "invert" not in filters("dark", "autoencoder", "reconstructions")
    for name in PICTURES:
        slug, _, stem = name.partition("/")
        assert (site / "source" / "papers" / slug / "study" / "results" / f"{stem}.png").exists()


@pytest.mark.parametrize("name", ["questions.html", "derivations/attention.html", "operations/elementwise.html"])
@pytest.mark.parametrize("width", [1400, 400])
def test_new_pages_fit_and_are_quiet(site: Path, look: Look, name: str, width: int) -> None:
    seen = look(site / name, width, "dark")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.complaints == []


def test_text_uses_a_wide_page(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html", 1400).page
    heading, table = (page.locator(f"#results {part}").first.bounding_box() for part in ("h2", ".scroll"))
    assert heading["x"] + heading["width"] <= table["x"]
    assert table["x"] + table["width"] > 1150
