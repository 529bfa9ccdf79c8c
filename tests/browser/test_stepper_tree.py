"""Finding one's way in the stepper's page: the tree, its filter, addresses, the other way, values of the graph."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Look
from tests.browser.test_stepper import NEURON, REUSE, at, html, shown
from tinygrad_lab.lab.stepping import page as pages
from tinygrad_lab.lab.stepping.outline import Branch, outline, walk
from tinygrad_lab.lab.stepping.target import trace_target


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pages") / "lenet.html"
    file.write_text(pages.render(trace_target("lenet")), encoding="utf-8")
    return file


def rows(page: Page) -> list[str]:
    """What the tree shows, row by row."""
    labels = page.locator("#list .label:visible")
    return [" ".join(text.split()) for text in labels.all_inner_texts() if text.strip()]


def focused(page: Page) -> str:
    return " ".join(page.evaluate("document.activeElement.querySelector('.label').innerText").split())


def test_two_roots_and_branches_of_modules(look: Look, lenet: Path) -> None:
    page = look(lenet).page
    assert rows(page)[:6] == ["Forward 50", "c1 1", "1 conv2d", "2 multiply", "3 tanh", "4 multiply"]
    assert "Backward 49" in rows(page)
    page.keyboard.press("ArrowRight")
    assert rows(page)[:3] == ["Forward 50", "c1 1", "2 multiply"]  # what opened for a step closes after it
    page.evaluate("go(7)")
    assert page.locator("[aria-selected=true] .label").inner_text().split() == ["8", "multiply"]
    assert "s2 9" in rows(page)


@pytest.mark.parametrize("slug", ["lenet", "transformer", "seq2seq_attention"])
def test_the_tree_is_that_of_the_terminal(look: Look, slug: str) -> None:
    traced = trace_target(slug)
    page = look(pages.render(traced)).page
    script = """() => {
        const own = (b) => b.root ? b.name.toLowerCase() : b.children ? b.name : b.step.index;
        const rows = (b, depth) => [[depth, own(b)], ...(b.children || []).flatMap((child) => rows(child, depth + 1))];
        return [...document.getElementById('list').children].flatMap((root) => rows(root.branch, 0)); }"""
    expected = [
        [depth, item.name if isinstance(item, Branch) else item.index]
        for depth, item in walk(outline(list(traced.trace)))
    ]
    assert page.evaluate(script) == expected


def test_one_tab_stop_and_arrows_inside(look: Look, lenet: Path) -> None:
    page = look(lenet).page
    assert page.locator("#list [tabindex='0']").count() == 1
    page.locator("#filter").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "1 conv2d"
    seen = []
    for key in ("ArrowDown", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowDown", "Home", "End", "Home", "ArrowRight"):
        page.keyboard.press(key)
        seen.append((focused(page), at(page).split(" ")[0]))
    assert seen == [
        ("2 multiply", "2"), ("c1 1", "2"), ("Forward 50", "2"), ("Forward 50", "2"), ("Backward 49", "2"),
        ("Forward 50", "2"), ("c1 1", "2"), ("Forward 50", "2"), ("Forward 50", "2"),
    ]  # fmt: skip
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "graph-pane"


def test_the_filter(look: Look, lenet: Path) -> None:
    page = look(lenet).page
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "filter"
    page.keyboard.type("c3 conv")
    assert page.locator("#found").inner_text() == "2 of 99"
    assert [row for row in rows(page) if "conv2d" in row] == ["16 conv2d", "84 ∂ conv2d"]
    page.keyboard.press("ArrowDown")  # into the tree
    page.keyboard.press("End")
    assert at(page) == "84 / 99"
    page.locator("#filter").fill("nothing of the kind")
    assert rows(page) == []
    page.keyboard.press("Escape")
    assert "Forward 50" in rows(page)
    assert page.locator("#filter").input_value() == ""


# ---- addresses ------------------------------------------------------------------------------------------------------


def test_the_address_follows_and_leads(look: Look, lenet: Path) -> None:
    seen = look(lenet)
    page = seen.page
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(lenet.resolve().as_uri() + "#step=2")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(lenet.resolve().as_uri() + "#step=1/2")
    page.reload()
    assert at(page).startswith("2 / ")
    assert page.locator("#path").inner_text().endswith("conv2d")
    page.evaluate("location.hash = '#step=37'")
    expect(page.locator("#count")).to_have_text("37 / 99")
    page.go_back()
    expect(page.locator("#path")).to_contain_text("conv2d")
    assert page.evaluate("history.length") < 5  # moving writes no history
    assert seen.complaints == []


@pytest.mark.parametrize("bad", ["#step=0", "#step=100", "#step=two", "#step=2/1", "#step=1/999", "#<b>x</b>"])
def test_a_bad_address_is_left_at_a_sentence(look: Look, lenet: Path, bad: str) -> None:
    page = look(lenet).page
    page.keyboard.press("ArrowRight")
    page.evaluate("bad => { location.hash = bad; }", bad)
    expect(page.locator("#astray")).to_contain_text("No step here is called")
    assert at(page) == "2 / 99"
    page.evaluate("location.hash = '#step=5'")
    expect(page.locator("#astray")).to_be_hidden()
    assert at(page) == "5 / 99"


def test_an_address_is_not_written_over_before_it_is_followed(look: Look, lenet: Path) -> None:
    page = look(lenet).page
    # The step's own address comes due after the new one is set, and before its event.
    page.evaluate("""() => {
        let due;
        window.setTimeout = (then) => { due = then; };
        go(1);
        location.hash = "#step=5";
        due();
    }""")
    expect(page.locator("#count")).to_have_text("5 / 99")


def test_in_a_frame_there_is_no_address_to_write(look: Look) -> None:
    seen = look(html(NEURON))
    seen.page.keyboard.press("End")
    seen.page.wait_for_timeout(300)
    assert seen.complaints == []


# ---- other ways -----------------------------------------------------------------------------------------------------


def test_from_forward_to_backward_and_back(look: Look, lenet: Path) -> None:
    page = look(lenet).page
    page.locator("#step .other").click()
    assert at(page) == "99 / 99"
    page.keyboard.press("b")
    assert at(page) == "1 / 99"


def test_a_value_of_the_graph_shows_its_numbers(look: Look) -> None:
    page = look(html(REUSE)).page
    page.locator("g.node.result").first.click()
    panel = page.locator(".looked")
    assert panel.locator("b").inner_text() == "b"
    assert panel.locator(".one").all_inner_texts() == ["6"]  # no gradient yet
    assert "used by 2, multiply" in panel.inner_text()
    page.keyboard.press("End")
    page.locator("g.node.input").first.click()
    assert panel.locator(".one").all_inner_texts() == ["3", "24"]
    panel.locator(".steps button").first.click()
    assert at(page) == "1 / 4"
    page.locator("g.node.input").first.click()
    panel.locator(".close").click()
    assert panel.count() == 0


def test_a_quiz_keeps_what_it_asks_for(look: Look) -> None:
    page = look(html(REUSE, quiz=True)).page
    page.keyboard.press("End")
    page.locator("g.node.input").first.click()
    assert page.locator(".looked .one").all_inner_texts() == ["3"]


def test_narrow_pages_have_the_tree_behind_a_button(look: Look, lenet: Path) -> None:
    page = look(lenet, 400).page
    assert not page.locator("#list-pane").is_visible()
    page.locator("#tree").click()
    page.get_by_role("treeitem", name="3 tanh").click()
    assert at(page) == "3 / 99"
    assert "tanh" in shown(page)
    assert not page.locator("#list-pane").is_visible()
    page.locator("#tree").click()
    assert focused(page) == "3 tanh"
    page.keyboard.press("Escape")
    assert not page.locator("#list-pane").is_visible()
    assert page.evaluate("document.activeElement.id") == "tree"
