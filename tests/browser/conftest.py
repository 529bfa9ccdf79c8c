"""Pages in the system's Chromium, with everything they complain about and ask for written down."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
PATIENCE = 120_000  # milliseconds: a machine may have much else to do


@dataclass
class Watched:
    """An open page.

    Attributes:
        complaints: what came out on the console, and uncaught errors.
        requests: addresses that the page and what is embedded in it asked for.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Look = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file of tests; closed after it, as its event loop must not outlive them."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"no browser on this machine (looked for {', '.join(NAMES)}): make browser installs one")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """Open a file, or HTML given as text, as look(file, width=1400, scheme="light")."""
    contexts = []

    def open_page(what: Path | str, width: int = 1400, scheme: str = "light") -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("console", lambda message: watched.complaints.append(message.text))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        if isinstance(what, Path):
            watched.page.goto(what.resolve().as_uri())
        else:
            watched.page.set_content(what)
        return watched

    yield open_page
    for context in contexts:
        context.close()
