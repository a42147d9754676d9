"""A whole demo per module, driven from outside: HTTP, websocket, a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, StorageState, sync_playwright

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


@pytest.fixture(scope="package")
def demo() -> Iterator[Installation]:
    """One for these tests, which run together: kept for longer it would cost more, idle, than a start."""
    with Installation("--demo") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium a module: its API keeps an event loop in the thread, beside which no test may use the database."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(demo: Installation, browser: Browser) -> StorageState:
    """The cookies of a person who signed in on the demo's page."""
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(demo.info["url"])
    tab.fill("input[name=username]", demo.info["admin_user"])
    tab.fill("input[name=password]", demo.info["admin_password"])
    tab.click("button[type=submit]")
    tab.wait_for_selector("h1")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def tolerated() -> str:
    """Words of the console's errors that are no fault of the page; a module says its own."""
    return ""


@pytest.fixture
def page(demo: Installation, browser: Browser, signed_in: StorageState, tolerated: str) -> Iterator[Page]:
    """A tab of its own; a script error, a report against the page's policy or a script's dialog fails the test."""
    complaints: list[str] = []

    def note(dialog: Dialog) -> None:
        complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    context = browser.new_context(storage_state=signed_in)
    tab = context.new_page()
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    tab.on("dialog", note)
    tab.goto(demo.info["url"])
    yield tab
    context.close()
    assert [one for one in complaints if not (tolerated and tolerated in one)] == []
