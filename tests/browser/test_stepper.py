"""The stepper's page in a real browser: keyboard, mouse, quiz, narrow and dark, quiet and fluid."""

import math
import random
import statistics
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Look
from tinygrad_lab import tensor
from tinygrad_lab.lab.stepping import page as pages
from tinygrad_lab.lab.stepping.quiz import same
from tinygrad_lab.lab.stepping.target import Traced, trace_target
from tinygrad_lab.trace import record, trace

NEURON = ("relu(w*x + b)", ("w=2", "x=-3", "b=10"))
REUSE = ("b = a + a; c = b * b", ("a=3",))


@pytest.fixture(scope="module")
def lenet() -> str:
    return pages.render(trace_target("lenet"))


def html(target: tuple[str, tuple[str, ...]], quiz: bool = False) -> str:
    return pages.render(trace_target(*target), quiz)


def at(page: Page) -> str:
    return page.locator("#count").inner_text()


def shown(page: Page) -> str:
    return page.locator("#step").inner_text()


# ---- moving ---------------------------------------------------------------------------------------------------------


def test_the_keyboard(look: Look) -> None:
    seen = look(html(NEURON))
    page = seen.page
    assert at(page) == "1 / 6"
    for key, expected in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 6), ("ArrowRight", 6),
                          ("ArrowLeft", 5), ("Home", 1), ("ArrowLeft", 1)):  # fmt: skip
        page.keyboard.press(key)
        assert at(page) == f"{expected} / 6"
    assert page.locator("#back").is_disabled()
    assert seen.complaints == []


def test_play_and_pause(look: Look) -> None:
    page = look(html(NEURON)).page
    page.clock.install()
    page.clock.pause_at(datetime.now() + timedelta(hours=1))
    page.keyboard.press(" ")
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.clock.run_for(2500)
    assert at(page) == "3 / 6"
    page.keyboard.press(" ")
    assert page.locator("#play").get_attribute("aria-pressed") == "false"
    page.clock.run_for(5000)
    assert at(page) == "3 / 6"
    page.keyboard.press("End")
    page.keyboard.press(" ")
    assert at(page) == "1 / 6"  # from the start again
    page.clock.run_for(20000)
    assert at(page) == "6 / 6"
    assert page.locator("#play").get_attribute("aria-pressed") == "false"


def test_slider_list_buttons_and_graph(look: Look) -> None:
    page = look(html(NEURON)).page
    page.locator("#slider").fill("3")
    assert at(page) == "4 / 6"
    page.locator("#slider").press("ArrowRight")
    assert at(page) == "5 / 6"
    page.get_by_role("treeitem", name="2 add").click()
    assert at(page) == "2 / 6"
    page.locator("#next").click()
    page.locator("#back").click()
    page.locator("#last").click()
    assert at(page) == "6 / 6"
    page.locator("g.operation").nth(2).click()  # relu: its backward step, as backward steps are being shown
    assert at(page) == "4 / 6"
    page.locator("#first").click()
    page.locator("g.operation").nth(2).click()
    assert at(page) == "3 / 6"


def test_every_control_has_a_name_and_a_visible_focus(look: Look, lenet: str) -> None:
    page = look(lenet).page
    names = page.eval_on_selector_all(
        "button, input", "all => all.map(e => e.getAttribute('aria-label') || e.textContent)"
    )
    assert len(names) > 10
    assert all(names)
    assert page.locator("#list [tabindex='0']").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


# ---- what is shown --------------------------------------------------------------------------------------------------


def test_a_step_shows_rule_numbers_and_source(look: Look) -> None:
    page = look(html(NEURON)).page
    assert "w\n2" in shown(page).replace("\n\n", "\n")
    assert page.locator("#source mark").inner_text() == "w*x"
    page.keyboard.press("End")
    assert "Backward" in shown(page)
    contributions = page.locator(".contribution .one").all_inner_texts()
    assert contributions == ["−3", "2"]
    formulas = page.locator(".contribution math").evaluate_all("all => all.map(e => e.textContent.replaceAll(' ', ''))")
    assert [formula[2:] for formula in formulas] == ["=1·(−3)=−3", "=1·2=2"]
    assert page.locator("g.now").text_content() == "multiplymultiply"  # title and label
    assert page.locator("g.node .number").all_text_contents()[0] == "2  ∂ −3"


def test_contributions_to_a_reused_value_add_up(look: Look) -> None:
    page = look(html(REUSE)).page
    page.keyboard.press("End")
    sums = page.locator(".sum").all_inner_texts()
    assert [" ".join(text.split()) for text in sums] == [
        "1st contribution of 2 12",
        "1st contribution 12 + 2nd contribution of 2 12 = gradient 24",
    ]


def test_a_fused_operation_is_opened_and_closed(look: Look, lenet: str) -> None:
    seen = look(lenet)
    page = seen.page
    total = at(page)
    page.locator("#step .open").click()
    assert page.locator("#path").inner_text().split("\n")[0].startswith("lenet 1998")
    assert at(page) != total
    assert page.locator("#file").inner_text() == "tinygrad_lab/ops/convolution.py"
    page.keyboard.press("End")
    page.keyboard.press("Escape")
    assert at(page) == total
    page.keyboard.press("Enter")
    page.locator("#path button").click()
    assert at(page) == total
    assert seen.complaints == []


def test_a_backward_step_opens_at_the_way_back(look: Look) -> None:
    page = look(html(("softmax(x) @ v", ("x=[1, 2]", "v=[3, 5]")))).page
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert "Backward" in shown(page)


def test_where_the_first_nan_is_made(look: Look) -> None:
    page = look(html(("exp(log(x - 1))", ("x=0",)))).page
    assert page.locator("#notice").inner_text() == "The first NaN is made by step 2, log."
    page.locator("#notice button").click()
    assert at(page) == "2 / 6"
    assert "NaN" in shown(page)


def test_digits(look: Look) -> None:
    page = look(html(NEURON)).page
    cases = {0.1: "0.1", -2.5: "−2.5", 1234567.0: "1.235e+6", 0.00001234: "1.234e−5", 123456.7: "123500",
             1 / 3: "0.3333", 100.0: "100"}  # fmt: skip
    assert page.evaluate("all => all.map(digits)", list(cases)) == list(cases.values())
    assert page.evaluate("[digits(-0), digits('NaN'), digits('-Infinity'), digits('Infinity')]") == [
        "0",
        "NaN",
        "−∞",
        "∞",
    ]


# ---- quiz -----------------------------------------------------------------------------------------------------------


def answer(page: Page, text: str) -> str:
    """Type an answer to the first open question; what is said to it."""
    page.locator(".ask input").first.fill(text)
    page.locator(".ask input").first.press("Enter")
    return page.locator(".ask .says, .right").first.inner_text()


def test_a_quiz_answered(look: Look) -> None:
    seen = look(html(REUSE, quiz=True))
    page = seen.page
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator(".ask").count() == 2
    assert page.locator(".contribution .one").count() == 0  # hidden
    assert "?" in page.locator("g.node .number").all_text_contents()[1]
    assert "not a number" in answer(page, "six")
    assert "not a number" in answer(page, "<img src=x onerror=alert(1)>")
    assert answer(page, "1000").startswith("Not yet.")
    assert "sign is not" in answer(page, "-6")
    assert answer(page, "6.0") == "Right: 6."
    assert page.locator(".contribution .one").count() == 1
    page.locator(".ask input").fill("6")
    page.locator(".ask button[type=submit]").click()
    assert page.locator(".ask .says").inner_text().startswith("That is this step's contribution alone.")
    page.locator(".ask input").fill("12")
    page.locator(".ask input").press("Enter")
    assert page.locator(".right").nth(1).inner_text() == "Right: 12."
    assert page.locator("#score").inner_text() == "0 of 2 at once"
    page.keyboard.press("ArrowRight")
    assert at(page) == "4 / 4"
    page.locator(".ask .show").first.click()
    assert page.locator(".right").inner_text() == "It is 12."
    page.locator("#back").click()
    assert page.locator(".right").count() == 2  # what was answered stays answered
    assert seen.complaints == []


def test_the_score_at_the_end(look: Look) -> None:
    page = look(html(REUSE, quiz=True)).page
    page.evaluate("go(2)")
    assert answer(page, "7").startswith("Not yet.")
    answer(page, "6")
    page.locator("#last").click()
    page.locator(".ask .show").first.click()
    closing = page.locator(".closing")
    assert "0 of 2 answered right at once." in closing.inner_text()
    assert [link.count("∂b") for link in closing.locator("ul").nth(0).locator("a").all_inner_texts()] == [
        1,
        0,
    ]
    assert closing.locator("ul").nth(1).locator("a").count() == 2  # not answered yet
    closing.locator("a").first.click()
    assert at(page) == "3 / 4"


def test_what_is_inside_is_asked(look: Look) -> None:
    page = look(html(("sum(softmax(x) * v)", ("x=[1, 2]", "v=[3, 5]")), quiz=True)).page
    page.get_by_role("treeitem", name="softmax").last.click()
    page.locator("#step .open").click()
    assert page.locator(".ask").count() > 0
    page.locator(".ask .show").first.click()
    assert "0 of 1 at once" in page.locator("#score").inner_text()


def test_arrows_in_an_answer_move_the_cursor_only(look: Look) -> None:
    page = look(html(REUSE, quiz=True)).page
    page.keyboard.press("End")
    page.locator(".ask input").first.fill("12")
    page.locator(".ask input").first.press("ArrowLeft")
    assert at(page) == "4 / 4"


def test_playing_waits_at_a_question(look: Look) -> None:
    page = look(html(REUSE, quiz=True)).page
    page.locator("#slider").fill("2")
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false")
    assert at(page) == "3 / 4"


def test_the_page_judges_as_python_does(look: Look) -> None:
    rng = random.Random(0)
    pairs = [(rng.choice([1, -1]) * math.exp(rng.uniform(-9, 9)), 1 + rng.uniform(-0.2, 0.2)) for _ in range(300)]
    pairs = [(right * factor, right) for right, factor in pairs] + [(0.0, 0.0), (0.004, 0.0), (0.006, 0.0), (0.0, 1.0)]
    page = look(html(NEURON)).page
    assert page.evaluate("all => all.map(([value, right]) => same(value, right))", pairs) == [
        same(*pair) for pair in pairs
    ]


# ---- everywhere, quietly and quickly --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_it_fits_is_quiet_and_readable(look: Look, lenet: str, width: int, scheme: str) -> None:
    seen = look(lenet, width, scheme)
    for key in ("End", "ArrowLeft", "ArrowLeft", "Home"):
        seen.page.keyboard.press(key)
    assert seen.complaints == []
    assert [address for address in seen.requests if not address.startswith(("about:", "data:"))] == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.page.locator("#next").is_visible()
    assert seen.page.locator("#graph-pane").bounding_box()["height"] > 150
    colours = seen.page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    paper, ink = (sum(map(int, colour[4:-1].split(","))) / 765 for colour in colours)
    assert (ink - paper if scheme == "dark" else paper - ink) > 0.7


def long_trace() -> Traced:
    """2,000 steps: a thousand operations that keep using the same weight."""
    w, x = tensor(0.5, requires_grad=True), tensor([0.5, -0.5], requires_grad=True)
    with record():
        for _ in range(333):
            x = (w * x).tanh() + x
        total = x.sum()
    return Traced(trace(total), "long", "long", {})


class Work:
    """Milliseconds that a page's main thread has worked: scripts, styles and layout, whatever else the machine does."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.before = self.total()

    def total(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    def lap(self) -> float:
        now = self.total()
        done, self.before = now - self.before, now
        return done


def test_two_thousand_steps_stay_fluid(look: Look) -> None:
    traced = long_trace()
    assert len(traced.trace) == 2000
    page = look(pages.render(traced)).page
    work = Work(page)
    rendered = []
    for place in (500, 501, 999, 1000, 1500, 1501, 1502):
        page.evaluate("place => go(place)", place)
        rendered.append(work.lap())
    assert len(page.evaluate("performance.getEntriesByName('step')")) == 8  # and the first one
    assert statistics.median(rendered) < 50


def test_a_paper_is_interactive_within_a_second(look: Look, lenet: str) -> None:
    page = look("<p>nothing yet</p>").page
    work = Work(page)
    page.set_content(lenet)
    assert at(page) == "1 / 99"
    assert work.lap() < 1000
