"""Text that wants to be a program, in every field of what happens, in a real browser: it stays text."""

import pytest
from django.conf import settings
from playwright.sync_api import BrowserContext, Dialog, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import AuditEntry
from tests.factories.accounts import make_user
from tests.triggers.views.happening import LISTS, NAUGHTY, client_of, make_world
from triggers.enums import Attention, ExecutionStatus
from triggers.models import Execution

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.one_pass,
    pytest.mark.unmeasured,
]

CHROMIUM = "/usr/bin/chromium"
# Nothing in the last part allows a line to break: a title may be one long word.
TEXT = NAUGHTY + "W" * 60
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 720}
# What a page reports against itself is kept where the test can read it.
WATCH = """
window.__reports = [];
document.addEventListener("securitypolicyviolation", (event) => window.__reports.push(event.violatedDirective));
"""


@pytest.fixture
def addresses() -> list[str]:
    """A world whose every text is naughty; the pages about it."""
    world = make_world(text=TEXT)
    waiting = make_world(text=TEXT)
    asked = {"status": ExecutionStatus.NEEDS_ATTENTION, "attention": Attention.UNSATISFIED, "reason": NAUGHTY}
    Execution.objects.filter(pk=waiting.execution.pk).update(**asked)
    AuditEntry.objects.create(
        at=world.event.time,
        actor_label=NAUGHTY[:150],
        via="page",
        action="x.y",
        kind="execution",
        object_label=NAUGHTY[:200],
        before={NAUGHTY: NAUGHTY},
        after={NAUGHTY: NAUGHTY},
    )
    others = ("/body/", "/download/", "/transcript/", "/messages/")
    pages = [one for one in world.addresses() if not any(part in one for part in others)]
    return [*LISTS, *pages, f"/executions/{waiting.execution.pk}/"]


def test_no_text_from_outside_runs_in_a_browser(live_server: LiveServer, addresses: list[str]) -> None:
    cookie = client_of(make_user(is_superuser=True)).cookies[settings.SESSION_COOKIE_NAME].value
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = _signed_in(browser.new_context(), live_server.url, cookie)
        page = context.new_page()
        page.on("dialog", _Dialogs(troubles))
        page.on("console", lambda message: troubles.append(message.text) if "Security Policy" in message.text else None)
        for address in addresses:
            response = page.goto(live_server.url + address)
            assert response is not None
            assert response.status == 200, address
            troubles += [f"{address}: {one}" for one in _hurt(page)]
        browser.close()
    assert troubles == []


class _Dialogs:
    """Writes down that the page opened a dialog, and closes it (a browser waits for ever otherwise)."""

    def __init__(self, troubles: list[str]) -> None:
        self._troubles = troubles

    def __call__(self, dialog: Dialog) -> None:
        self._troubles.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


def _signed_in(context: BrowserContext, url: str, cookie: str) -> BrowserContext:
    context.add_init_script(WATCH)
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": url}])
    return context


def _hurt(page: Page) -> list[str]:
    """What a page did to itself: reports against its policy, elements that only the text could have made."""
    reports: list[str] = page.evaluate("window.__reports")
    made = page.locator("img[src=x], main script, [onerror]").count()
    return [*reports, *(["an element of the text"] if made else []), *_wide(page)]


def _wide(page: Page) -> list[str]:
    """On which screens the page is wider than the screen."""
    wide = []
    for name, size in (("a phone", PHONE), ("a desktop", DESKTOP)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            wide.append(f"scrolls sideways on {name}")
    return wide
