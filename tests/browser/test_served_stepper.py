"""Changing numbers in a served page: a pixel, a weight, a word; refused ones; taken back."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.stepping.serve import Session, server
from tinygrad_lab.lab.stepping.subject import Subject

LOSSES = re.compile(r"the loss was ([\d.]+), it is ([\d.]+)")
Serve = Callable[[str], Page]


@pytest.fixture
def serve(browser: Browser) -> Iterator[Serve]:
    """A paper's served page."""
    with ExitStack() as stack:

        def open_page(slug: str) -> Page:
            paper = registry.find(slug)
            running = stack.enter_context(server(Session(lambda: Subject(paper), slug, None)))
            threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(running.shutdown)
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            stack.callback(page.close)
            page.set_default_timeout(PATIENCE)
            page.goto(f"http://127.0.0.1:{running.server_address[1]}/#step=1")
            return page

        yield open_page


def answer(page: Page, text: str) -> None:
    page.locator("form.change input").fill(text)
    page.keyboard.press("Enter")


def test_a_pixel_a_weight_and_back(serve: Serve) -> None:
    page = serve("lenet")
    assert page.locator("#item").inner_text() == "a handwritten 8"
    page.locator("canvas").first.click(position={"x": 60, "y": 60})
    answer(page, "2.5")
    changed = page.locator("#changed", has_text=re.compile(r"image\[0, 0, \d+, \d+\] is 2\.5"))
    expect(changed).to_be_visible()
    first, second = LOSSES.search(changed.inner_text()).groups()
    assert first != second
    page.locator("td.changeable").first.focus()
    page.keyboard.press("Enter")
    answer(page, "-1")
    expect(page.locator("#changed")).to_contain_text("c1.weight[0, 0, 0, 0] is -1")
    expect(page.locator("td.changeable").first).to_have_text("−1")
    page.locator("#restore").click()
    expect(page.locator("#changed")).to_contain_text(f"it is {first}")
    expect(page.locator("#restore")).to_be_hidden()


def test_a_refusal_stands_beside_the_field(serve: Serve) -> None:
    page = serve("lenet")
    page.locator("td.changeable").first.click()
    answer(page, "much")
    expect(page.locator("form.change .says")).to_have_text("c1.weight: 'much' is no number")
    page.keyboard.press("Escape")
    expect(page.locator("form.change")).to_have_count(0)


def test_a_word_in_place_of_another(serve: Serve) -> None:
    page = serve("transformer")
    page.evaluate("location.hash = '#step=6'")  # the sources' embedding
    page.locator("td.changeable").first.click()
    assert page.locator("form.change input").input_value() == "black"
    answer(page, "white")
    expect(page.locator("#changed")).to_contain_text("source[0, 0] is white: the loss was")
    expect(page.locator("#step")).to_contain_text("white")


def test_a_page_without_a_server_changes_nothing(look) -> None:
    from tinygrad_lab.lab.stepping.page import render
    from tinygrad_lab.lab.stepping.target import trace_target

    assert look(render(trace_target("lenet"))).page.locator(".changeable").count() == 0
