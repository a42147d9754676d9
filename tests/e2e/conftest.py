"""A whole demo per module, driven from outside: HTTP, websocket, a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from dct_site.bench.installation import Installation

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def demo() -> Iterator[Installation]:
    """One a module: kept for longer it would cost more, idle beside other tests, than a start."""
    with Installation("--demo") as running:
        yield running


@pytest.fixture
def page(demo: Installation) -> Iterator[Page]:
    """A browser that is signed in; a script error or a CSP report fails the test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        tab = browser.new_page()
        complaints: list[str] = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        tab.goto(demo.info["url"])
        tab.fill("input[name=username]", demo.info["admin_user"])
        tab.fill("input[name=password]", demo.info["admin_password"])
        tab.click("button[type=submit]")
        tab.wait_for_selector("h1")
        yield tab
        browser.close()
    assert complaints == []
