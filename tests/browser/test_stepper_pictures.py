"""Pictures in the stepper's page: one matrix at a time, the number under the pointer, what is cut is said."""

import json

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Look
from tests.browser.test_stepper import NEURON, html
from tinygrad_lab import Tensor, ops
from tinygrad_lab.lab.stepping import page as pages
from tinygrad_lab.lab.stepping import slices
from tinygrad_lab.lab.stepping.target import Traced
from tinygrad_lab.trace import record, tensors, trace
from tinygrad_lab.trace.axes import Axis, name_axes

WORDS = [[f"{word}{sentence}" for word in ("a", "cat", "sat")] for sentence in range(2)]
IMAGE = np.arange(600.0).reshape(4, 1, 10, 15) - 100


@pytest.fixture(scope="module")
def convolution() -> str:
    image, weight = Tensor(IMAGE), Tensor(np.ones((2, 1, 5, 5)), requires_grad=True)
    with record():
        loss = ops.conv2d(image, weight).sum()
    return pages.render(Traced(trace(loss), "convolution", "convolution", {}))


def show(page: Page, array: np.ndarray, axes: list[dict] | None = None, most: int = 4096) -> str:
    """Draw a tensor alone; what is written around it."""
    page.evaluate(
        """([tensor, axes]) => {
           chosen.clear();
           document.getElementById('step').replaceChildren(tensorElement(tensor, 'x', axes)); }""",
        [json.loads(json.dumps(tensors.tensor(array, most))), axes],
    )
    return page.locator("#step").inner_text()


def test_an_image_at_a_time_and_the_number_under_the_pointer(look: Look, convolution: str) -> None:
    seen = look(convolution)
    page = seen.page
    box = page.locator(".given", has_text="image").first
    canvas = box.locator("canvas")
    assert (canvas.get_attribute("width"), canvas.get_attribute("height")) == ("15", "10")
    assert "the same scale for all its slices" in box.inner_text()
    assert "column" in box.locator(".top-edge").inner_text()
    size = canvas.bounding_box()
    canvas.hover(position={"x": size["width"] * 3.5 / 15, "y": size["height"] * 2.5 / 10})
    assert box.locator(".readout").inner_text() == "image 0, row 2, column 3: −67"
    box.get_by_label("image of image").fill("2")
    box.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert box.locator(".readout").inner_text() == "image 2, row 1, column 1: 216"
    assert page.locator("#count").inner_text().startswith("1 / ")  # arrows read; they do not move on
    assert seen.complaints == []


def test_what_is_chosen_stays_chosen(look: Look, convolution: str) -> None:
    page = look(convolution).page
    page.get_by_label("image of image").fill("3")
    page.keyboard.press("Escape")
    page.evaluate("go(1)")
    page.evaluate("go(0)")
    assert page.get_by_label("image of image").input_value() == "3"


@pytest.mark.parametrize("typed", ["9", "-1", "x", ""])
def test_an_index_that_is_none(look: Look, convolution: str, typed: str) -> None:
    seen = look(convolution)
    field = seen.page.get_by_label("image of image")
    field.focus()
    seen.page.keyboard.press("Control+A")
    seen.page.keyboard.press("Delete")
    seen.page.keyboard.type(typed)
    assert seen.page.locator("canvas").first.is_visible()
    assert seen.complaints == []


def test_filters_are_numbers(look: Look) -> None:
    page = look(html(NEURON)).page
    text = show(
        page, np.arange(150.0).reshape(6, 1, 5, 5), [{"name": n} for n in ("filter", "channel", "row", "column")]
    )
    assert "of 6" in text
    page.get_by_label("filter of x").fill("5")
    assert page.locator("#step td").all_inner_texts() == [str(n) for n in range(125, 150)]


def test_small_slices_stand_beside_each_other_and_a_column_stays_one(look: Look) -> None:
    page = look(html(NEURON)).page
    show(page, np.arange(12.0).reshape(3, 2, 2))
    assert page.locator("#step .matrix small").all_inner_texts() == ["axis 0 0", "axis 0 1", "axis 0 2"]
    show(page, np.arange(4.0).reshape(4, 1))
    assert page.locator("#step tr").count() == 4


def test_what_is_left_out_is_said(look: Look) -> None:
    page = look(html(NEURON)).page
    text = show(page, np.ones((4, 20, 20)), most=900)
    assert "Only the first 800 of 1600 numbers are in the page." in text
    page.get_by_label("axis 0 of x").fill("2")
    assert "axis 0 2: not in the page" in page.locator("#step").inner_text()
    assert "Only rows 0 to 255 of 300 are drawn." in show(page, np.ones((300, 9)))
    assert "Only columns 0 to 255 of 400 are drawn." in show(page, np.ones((9, 400)))
    assert "in lines of 32" in show(page, np.ones(100))
    assert "not in the page" not in show(page, np.ones((9, 9)))


def test_wide_tables_are_rounded_and_say_so(look: Look) -> None:
    page = look(html(NEURON)).page
    assert "to three digits" in show(page, np.full((2, 10), 1.23456))
    cell = page.locator("#step td").first
    assert (cell.inner_text(), cell.get_attribute("title")) == ("1.23", "axis 0 0, axis 1 0: 1.23456")
    assert show(page, np.full((2, 3), 1.23456)).split() == ["1.235"] * 6
    assert "digits" not in show(page, np.ones((2, 10)))


def test_words_stand_at_the_edges(look: Look) -> None:
    x = Tensor(np.random.default_rng(0).normal(size=(2, 3, 8)), requires_grad=True)
    with record({"x": x}):
        heads = x.reshape(2, 3, 2, 4).transpose(1, 2)
        loss = ops.scaled_dot_product_attention(heads * 2, heads, heads).sum()
    traced = trace(loss)
    traced.values[0].axes = [Axis("batch"), Axis("token", WORDS, by="batch"), Axis()]
    name_axes(traced)
    page = look(pages.render(Traced(traced, "attention", "attention", {}))).page
    page.get_by_role("treeitem", name="scaled_dot").first.click()
    page.keyboard.press("Enter")
    page.get_by_role("treeitem", name="softmax").first.click()
    weights = page.locator("#step table").last  # of the second sentence
    assert weights.locator("th").all_inner_texts() == ["a1", "cat1", "sat1"] * 2
    assert "query 2 “sat1”, key 0 “a1”" in weights.locator("td").nth(7).get_attribute("title")


# ---- the same as in Python ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-300, 1e-6, 1.0, 1e300])
def test_the_page_reads_what_python_wrote(look: Look, size: float) -> None:
    array = size * np.random.default_rng(0).normal(size=100)
    array[:4] = np.nan, np.inf, -np.inf, 0
    page = look(html(NEURON)).page
    back = page.evaluate("tensor => numbersOf(tensor)", tensors.tensor(array))
    assert back[:4] == ["NaN", "Infinity", "-Infinity", 0]
    np.testing.assert_allclose(np.array(back[4:]) / size, array[4:] / size, rtol=5e-4)


@pytest.mark.parametrize(
    "shape", [(5,), (4, 1), (100, 1), (2, 3), (4, 1, 84), (2, 3, 1, 1), (1, 4, 6, 2, 2), (1, 1, 7)]
)
def test_the_page_slices_as_the_terminal_does(look: Look, shape: tuple[int, ...]) -> None:
    page = look(html(NEURON)).page
    assert page.evaluate("shape => [planeOf(shape), leadingOf(shape)]", list(shape)) == [
        slices.plane(shape),
        slices.leading(shape),
    ]
