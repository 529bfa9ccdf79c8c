"""The site in a real browser: quiet, in its place, lit where it should be, and quick."""

from pathlib import Path

import pytest

from tests.browser.conftest import Look
from tinygrad_lab.lab import registry

PAGES = ["index.html", "families.html", "dropout/index.html", "lenet/index.html", "operations/index.html",
         "operations/normalization.html"]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_and_fits(site: Path, look: Look, name: str, width: int, scheme: str) -> None:
    seen = look(site / name, width, scheme)
    seen.page.evaluate("scrollTo(0, document.body.scrollHeight)")  # what is embedded loads late
    seen.page.wait_for_load_state("networkidle")
    assert seen.complaints == []
    assert [address for address in seen.requests if not address.startswith(("file:", "data:"))] == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_is_dark_and_light_is_light(site: Path, look: Look) -> None:
    def brightness(scheme: str) -> list[float]:
        page = look(site / "index.html", scheme=scheme).page
        colours = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        return [sum(map(int, colour[4:-1].split(","))) / 765 for colour in colours]

    (light_paper, light_ink), (dark_paper, dark_ink) = brightness("light"), brightness("dark")
    assert light_paper - light_ink > 0.7
    assert dark_ink - dark_paper > 0.7


def lit(page, block: str) -> list[bool]:
    """Which of a block's sides are lit."""
    return page.evaluate(
        """(id) => [...document.getElementById(id).querySelectorAll(".side")].map(
            (side) => getComputedStyle(side).borderLeftColor !== "rgba(0, 0, 0, 0)")""",
        block,
    )


def settled(page) -> None:
    page.wait_for_timeout(250)  # the light comes and goes softly


def test_hovering_a_block_lights_its_twin_and_the_line_beside(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html").page
    block = "model.Subsampling.forward"
    assert lit(page, block) == [False, False]
    page.hover(f"[id='{block}'] .numpy .line >> nth=1")
    settled(page)
    assert lit(page, block) == [True, True]
    assert lit(page, "model.Subsampling.__init__") == [False, False]
    here = page.locator(".line.here")
    assert here.count() == 2
    assert [text.strip() for text in here.all_inner_texts()] == ["total = 4 * F.avg_pool2d(input, 2)"] * 2
    page.hover("h1")
    settled(page)
    assert lit(page, block) == [False, False]
    assert page.locator(".line.here").count() == 0


def test_focusing_a_block_lights_its_twin(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html").page
    page.focus("[id='model.RBF'] h4 a")
    settled(page)
    assert lit(page, "model.RBF") == [True, True]
    page.keyboard.press("Tab")
    settled(page)
    assert lit(page, "model.RBF") == [False, False]
    assert lit(page, "model.RBF.__init__") == [True, True]
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("j")
    settled(page)
    assert lit(page, "model.RBF.forward") == [True, True]
    top = page.evaluate("document.activeElement.closest('.twin').getBoundingClientRect().top")
    assert 0 <= top < 300


def test_equal_lines_stand_side_by_side_and_stack_on_a_narrow_screen(site: Path, look: Look) -> None:
    def boxes(width: int) -> tuple[dict, dict]:
        page = look(site / "lenet" / "index.html", width).page
        lines = page.locator("[id='model.RBF.forward'] .line:has-text('return')")
        return lines.nth(0).bounding_box(), lines.nth(1).bounding_box()

    left, right = boxes(1400)
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    above, below = boxes(400)
    assert above["y"] + above["height"] <= below["y"]
    assert above["x"] == below["x"]


def test_three_forms_stand_side_by_side_and_stack_on_a_narrow_screen(site: Path, look: Look) -> None:
    def boxes(width: int) -> list[dict]:
        page = look(site / "operations" / "normalization.html", width).page
        return [form.bounding_box() for form in page.locator("#layer_norm .form").all()]

    definition, by_hand, torch = boxes(1400)
    assert definition["y"] == by_hand["y"] == torch["y"]
    assert definition["x"] + definition["width"] <= by_hand["x"]
    assert by_hand["x"] + by_hand["width"] <= torch["x"]
    first, second, third = boxes(400)
    assert first["x"] == second["x"] == third["x"]
    assert first["y"] + first["height"] <= second["y"]
    assert second["y"] + second["height"] <= third["y"]


def test_a_row_of_claims_is_read_without_scrolling_on_a_narrow_screen(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html", 400).page
    for cell in page.locator(".results td").all():
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 400
    verdict = page.locator(".results td:has(.verdict)").first
    assert "verdict" in verdict.evaluate("cell => getComputedStyle(cell, '::before').content")


def test_variants_are_switched_by_mouse_keyboard_and_address(site: Path, look: Look) -> None:
    names = list(registry.find("lenet").variants)
    page = look(site / "lenet" / "index.html").page

    def shown() -> list[bool]:
        return [page.locator(f"#variant-{name}").is_visible() for name in names]

    assert shown() == [True, False]
    page.click("#tab-modern")
    assert shown() == [False, True]
    page.keyboard.press("ArrowLeft")
    assert shown() == [True, False]
    assert page.evaluate("document.activeElement.id") == "tab-1998"
    page.evaluate("location.hash = 'variant-modern'")
    page.wait_for_function("!document.getElementById('variant-modern').hidden")
    assert shown() == [False, True]


def test_the_embedded_stepper_answers_to_keys(site: Path, look: Look) -> None:
    page = look(site / "lenet" / "index.html").page
    page.locator("#variant-1998 iframe").scroll_into_view_if_needed()
    body = page.frame_locator("#variant-1998 iframe").locator("body")
    body.locator("#count", has_text="1 / ").wait_for()  # it unpacks itself
    body.click(position={"x": 5, "y": 5})
    page.keyboard.press("ArrowRight")
    body.locator("#count", has_text="2 / ").wait_for()


def test_a_packed_stepper_becomes_its_page_quietly(site: Path, look: Look) -> None:
    seen = look(site / "lenet" / "step-1998.html")
    seen.page.locator("#count", has_text="1 / ").wait_for()
    seen.page.keyboard.press("ArrowRight")
    seen.page.locator("#count", has_text="2 / ").wait_for()
    assert seen.complaints == []
    assert [address for address in seen.requests if not address.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_answers_within_a_second(site: Path, look: Look, name: str) -> None:
    """Measured in the page's own processor time, so that what else the machine does has no part in it."""
    page = look(site / "index.html").page  # the browser is warm
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = seconds_of_work(session)
    page.goto((site / name).as_uri(), wait_until="domcontentloaded")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert seconds_of_work(session) - before < 1.0


def seconds_of_work(session) -> float:
    found = session.send("Performance.getMetrics")["metrics"]
    return next(entry["value"] for entry in found if entry["name"] == "TaskDuration")


def test_without_scripts_everything_is_there(site: Path, browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "lenet" / "index.html").as_uri())
    assert [page.locator(f"#variant-{name}").is_visible() for name in registry.find("lenet").variants] == [True, True]
    assert not page.locator(".switch").is_visible()
    context.close()
