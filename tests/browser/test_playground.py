"""The playground in a real browser: typed, dragged, stepped through, nudged, linked; narrow, dark, and quiet."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Look
from tests.browser.expressions import Made, made
from tinygrad_lab.lab.playground import page as pages
from tinygrad_lab.lab.playground.presets import PRESETS
from tinygrad_lab.lab.playground.rules import rules
from tinygrad_lab.lab.stepping.expression import trace_expression
from tinygrad_lab.lab.stepping.values import assignments

FIELD = "input[aria-label='{}']"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("playground") / "playground.html"
    path.write_text(pages.render(), encoding="utf-8")
    return path


def at(page: Page) -> str:
    return page.locator("#count").inner_text()


def rule(page: Page, place: int = 0) -> str:
    return page.locator(".rule").nth(place).inner_text()


def tape(page: Page) -> list[list[str]]:
    """Name, value and gradient of every row, as far as they are seen."""
    found: list[list[str]] = page.locator("#tape li").evaluate_all("""
        (rows) => rows.map((row) => [".name", ".number:not(.gradient)", ".gradient"].map((part) => {
          const element = row.querySelector(part);
          return element.classList.contains("unknown") ? "" : element.textContent;
        }))""")
    return found


def write(page: Page, text: str, **values: str) -> None:
    page.evaluate("(given) => load(given)", {"text": text, "values": list(values.items())})


# ---- stepping -------------------------------------------------------------------------------------------------------


def test_the_first_example_has_the_students_letters_only(look: Look, file: Path) -> None:
    seen = look(file)
    page = seen.page
    assert tape(page) == [
        ["w", "2", "−3"], ["x", "−3", "2"], ["b", "7", "1"],
        ["w*x", "−6", "1"], ["w*x + b", "1", "1"], ["relu(w*x + b)", "1", "1"],
    ]  # fmt: skip
    assert rule(page) == "∂w = ∂(w*x) · x = 1 · −3 = −3"
    assert rule(page, 1) == "∂x = ∂(w*x) · w = 1 · 2 = 2"
    assert seen.complaints == []
    assert [address for address in seen.requests if not address.startswith("file:")] == []


def test_keyboard_buttons_slider_and_rows(look: Look, file: Path) -> None:
    page = look(file).page
    assert at(page) == "6 / 6"
    for key, place in (
        ("Home", 1),
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("ArrowLeft", 2),
        ("End", 6),
        ("ArrowRight", 6),
    ):
        page.keyboard.press(key)
        assert at(page) == f"{place} / 6"
    page.locator("#first").click()
    assert page.locator("#back").is_disabled()
    assert tape(page)[3:] == [["w*x", "−6", ""], ["w*x + b", "", ""], ["relu(w*x + b)", "", ""]]
    page.locator("#next").click()
    page.locator("#last").click()
    page.locator("#back").click()
    assert at(page) == "5 / 6"
    page.locator("#slider").fill("3")
    assert at(page) == "4 / 6"
    assert rule(page) == "∂(w*x + b) = [w*x + b > 0] · ∂(relu(w*x + b)) = [1 > 0] · 1 = 1"
    page.locator("#tape button").nth(3).click()
    assert at(page) == "6 / 6"


def test_a_value_used_twice_is_first_plus_second(look: Look, file: Path) -> None:
    page = look(file).page
    write(page, "b = a + a; c = b * b", a="3")
    assert [part.replace("\n", " ") for part in page.locator(".sum").all_inner_texts()] == [
        "first of 2 contributions to ∂a 12", "first 12 + second 12 = ∂a 24",
    ]  # fmt: skip


def test_a_value_used_three_times_is_added_up_one_by_one(look: Look, file: Path) -> None:
    page = look(file).page
    write(page, "a*2 + a*3 + a*4", a="1")
    assert page.locator(".sum").inner_text().replace("\n", " ") == "so far 7 + third 2 = ∂a 9"


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("silu(s)", {"s": "1"}, ["s′ = sigmoid(s)", "∂s = s′ · (1 + s · (1 − s′)) · ∂(silu(s))"]),
        ("softplus(above)", {"above": "1"},
         ["above′ = [above > 20]", "∂above = (above′ + (1 − above′) · sigmoid(above))"]),
        ("gelu(x)*p", {"x": "1", "p": "2"}, ["P = (1 + erf(x / sqrt(2))) / 2", "p′ = exp(", "∂x = (P + x · p′)"]),
    ],
)  # fmt: skip
def test_definitions_of_a_rule_have_no_name_of_the_formulas(
    look: Look, file: Path, text: str, values: dict[str, str], said: list[str]
) -> None:
    page = look(file).page
    write(page, text, **values)
    assert [rule(page, place)[: len(part)] for place, part in enumerate(said)] == said


def test_sums_over_copies_are_said(look: Look, file: Path) -> None:
    page = look(file).page
    write(page, "x + b", x="[1, 2, 3]", b="1")
    assert rule(page, 1) == "∂b = Σ ∂(x + b) = Σ [1, 1, 1] = 3"
    assert "b was copied from one number to 3" in page.locator("#step").inner_text()
    page.evaluate("go(1)")
    assert "their sum is differentiated" in page.locator("#step").inner_text()


RULES_OF = """
(all) => {
  const wrong = [], seen = new Set();
  for (const [text, words] of all) {
    for (const { step, contributions } of evaluate(text, words).backwards) {
      const rule = new Rule(page.rules[step.called.name], step);
      for (const { parameter, gradient } of contributions) {
        const lines = new Written(rule).lines(parameter), shown = lines[lines.length - 1];
        if (!shown || shown.some((part) => !part)) wrong.push([text, step.called.name, parameter]);
        if (step.inputs.some(({ value }) => value instanceof Value && value.array.data.length > 1)) continue;
        const [found, expected] = [rule.worth(rule.of(parameter).pop().tree), gradient.data[0]];
        const right = Math.abs(found - expected) <= 1e-12 * Math.max(1, Math.abs(expected));
        if (!right) wrong.push([text, shown, found, expected]);
        seen.add(`${step.called.name} ${parameter}`);
      }
    }
  }
  return [wrong, [...seen]];
}
"""
OF_NUMBERS = [
    Made(text, [f"{name}={value}" for name, value in (("x", x), ("w", w)) if re.search(rf"\b{name}\b", text)])
    for text in ("x*w + x/w - x", "maximum(x, w) - minimum(w, x)", "x**w + -x", "mse_loss(x, w)", "norm(x) + mean(x)",
                 "max(x) + min(x) * w", "exp(x) + log(x) + sqrt(x) + square(x) + gelu(x) + silu(x) + softplus(x, 2)",
                 "abs(x) + sin(x) + cos(x) + sigmoid(x) + tanh(x) + relu(x) + leaky_relu(x, 0.2)")
    for x, w in ((0.7, 1.3), (2, 2), (1.5, -0.5))
]  # fmt: skip


def test_rules_as_they_are_shown_give_the_gradients(look: Look, file: Path) -> None:
    """Every contribution has a rule; where all is single numbers, the rule is worked out."""
    page = look(file).page
    wrong, seen = page.evaluate(RULES_OF, [[each.text, each.words] for each in [*made(300), *OF_NUMBERS]])
    assert wrong == []
    vectors = {"sum", "softmax", "log_softmax", "matmul", "linear", "transpose", "cross_entropy"}
    assert {each.split()[0] for each in seen} >= rules().keys() - vectors


# ---- changing -------------------------------------------------------------------------------------------------------


def test_a_number_is_typed_dragged_and_nudged_with_keys(look: Look, file: Path) -> None:
    page = look(file).page
    x = page.locator(FIELD.format("x"))
    x.fill("5")
    assert tape(page)[5] == ["relu(w*x + b)", "17", "1"]
    x.press("ArrowUp")
    assert x.input_value() == "5.1"
    x.press("Shift+ArrowDown")
    assert x.input_value() == "4.1"
    assert at(page) == "6 / 6"  # the arrows were the field's
    box = x.bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 10, steps=4)
    page.mouse.up()
    assert x.input_value() == "6.1"
    assert tape(page)[0] == ["w", "2", "6.1"]


def test_a_matrix_has_a_field_for_each_number_and_a_text(look: Look, file: Path) -> None:
    page = look(file).page
    write(page, "W @ x", W="[[1, 2], [3, 4]]", x="[5, 6]")
    page.locator(FIELD.format("W[1, 0]")).fill("-3")
    assert page.evaluate("state.values.get('W')") == "[[1, 2], [-3, 4]]"
    page.locator("[data-name=x] button").click()
    page.locator("textarea[aria-label='x as text']").fill("[5, 6, 7]")
    assert page.locator("#error").inner_text().startswith("'W @ x' does not work with shapes (2, 2) and (3,)")
    page.locator("textarea[aria-label='x as text']").fill("[5, six]")
    assert page.locator("[data-name=x] .wrong").inner_text() == (
        "x=[5, six]: not a number or a list of numbers, such as -3 or [1, 2]"
    )
    page.locator("textarea[aria-label='x as text']").fill("[1, 1]")
    expect(page.locator(".wrong:visible")).to_have_count(0)


def test_what_is_missing_is_added_and_what_is_left_over_removed(look: Look, file: Path) -> None:
    page = look(file).page
    page.locator("#text").fill("w*x + c")
    page.locator("#error button").click()  # Add c = 1
    assert page.locator("#error").inner_text() == "the expression does not use b Remove b"
    page.locator("#error button").click()
    assert not page.locator("#error").is_visible()
    assert [name for name, *_ in tape(page)] == ["w", "x", "c", "w*x", "w*x + c"]


def test_the_nudge_compares_the_result_with_the_gradient(look: Look, file: Path) -> None:
    page = look(file).page
    write(page, "x**2", x="3")
    page.locator("#nudge-slider").fill("0.5")
    assert page.locator("#nudge dd").all_inner_texts() == ["1.5", "11.25", "9", "2.25"]
    write(page, "x @ y", x="[1, 2]", y="[3, 4]")
    page.locator(FIELD.format("y[1]")).focus()
    assert page.locator("#nudge h2").inner_text() == "Nudge y[1]"
    assert page.locator("#nudge dd").all_inner_texts()[3] == "0"


@pytest.mark.parametrize(
    ("text", "x"), [("log(x)", "-1"), ("sqrt(x)", "0"), ("1/x", "0"), ("x**x", "-0.5"), ("exp(x)", "800"), ("x*0", "1")]
)
def test_what_is_not_finite_is_shown_quietly(look: Look, file: Path, text: str, x: str) -> None:
    seen = look(file)
    write(seen.page, text, x=x)
    seen.page.locator("#nudge-slider").fill("-0.7")
    for key in ("Home", "ArrowRight"):
        seen.page.keyboard.press(key)
    assert seen.complaints == []


# ---- the link -------------------------------------------------------------------------------------------------------


def test_the_link_holds_expression_and_values(look: Look, file: Path) -> None:
    page = look(file).page
    for preset in PRESETS:
        write(page, preset["expression"], **preset["values"])
        address, rows = file.as_uri() + page.evaluate("linkOf(state)"), tape(page)
        expect(page).to_have_url(address)
        assert re.fullmatch(r"[\w/:.~()*+,;=&@%!'#-]+", address)
        page.goto("about:blank")
        page.goto(address)
        assert tape(page) == rows


def test_a_link_to_a_wrong_expression_says_so_and_can_be_mended(look: Look, file: Path) -> None:
    seen = look(file)
    seen.page.goto("about:blank")
    seen.page.goto(f"{file.as_uri()}#e=a*&a=4")
    expect(seen.page.locator("#error")).to_have_text("'a*' is no expression: it is not in Python's syntax")
    seen.page.keyboard.press("End")
    seen.page.locator("#text").fill("a*a")
    assert tape(seen.page)[0] == ["a", "4", "8"]
    assert seen.complaints == []


def test_another_link_and_a_broken_one(look: Look, file: Path) -> None:
    seen = look(file)
    page = seen.page
    page.evaluate("location.hash = '#e=a*a&a=4'")
    expect(page.locator("#text")).to_have_value("a*a")
    assert tape(page)[0] == ["a", "4", "8"]
    for broken in ("#e=%E0%A4%A&a=1", "#nonsense", "#e=a*a&a", "#a=1&e=a"):
        page.evaluate("(hash) => { location.hash = hash; }", broken)
        expect(page.locator("#error")).to_contain_text("this link is broken")
    page.evaluate("location.hash = '#e=a*&a=4'")
    expect(page.locator("#error")).to_have_text("'a*' is no expression: it is not in Python's syntax")
    page.evaluate("location.hash = '#e=%3Cimg src=x onerror=alert(1)%3E&a=1'")
    expect(page.locator("#error")).to_contain_text("this link is broken")
    assert seen.complaints == []


# ---- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 720, 1000, 1400])
def test_every_example_fits_and_is_quiet(look: Look, file: Path, width: int, scheme: str) -> None:
    seen = look(file, width, scheme)
    for preset in PRESETS:
        write(seen.page, preset["expression"], **preset["values"])
        for place in range(int(at(seen.page).split(" / ")[1])):
            seen.page.evaluate("(place) => go(place)", place)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert not seen.page.locator(".wrong:visible").count()
    assert seen.complaints == []


def test_every_control_has_a_name_and_is_reached_by_tab(look: Look, file: Path) -> None:
    page = look(file).page
    write(page, "tanh(W @ x)", W="[[1, 2], [3, 4]]", x="[1, 2]")
    unnamed = "all => all.filter(e => !(e.getAttribute('aria-label') || e.textContent || e.labels?.length)).length"
    assert page.eval_on_selector_all("button, input, textarea, select", unnamed) == 0
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.id"))
        if page.evaluate("document.activeElement !== document.body"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") in ("solid", "auto")
    assert {"W[0, 0]", "x[1]", "text", "Examples", "copy", "Nudge", "All values, with gradients", "Back"} <= reached


def test_the_page_is_small_whole_and_evaluates_no_code() -> None:
    html = pages.render()
    assert len(html.encode()) < 300_000
    assert "default-src 'none'" in html
    assert not re.search(
        r"\beval\(|new Function|innerHTML|insertAdjacent|document\.write|\son\w+=|<script src|@import|url\(", html
    )
    assert html.count("<script") == 2


def test_examples_are_what_the_engine_takes_and_every_operation_has_a_rule() -> None:
    for preset in PRESETS:
        found = trace_expression(preset["expression"], assignments([f"{n}={v}" for n, v in preset["values"].items()]))
        assert {step.operation.name for step in found} <= rules().keys()
