"""Live pages in a real browser: what changed is fetched again, once, and what a person typed stays."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.dct_site.live_stub import LiveStub, fragment

pytestmark = [pytest.mark.one_pass, pytest.mark.browser, pytest.mark.unmeasured]

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CHROMIUM = "/usr/bin/chromium"
TAIL = '<li id="tail" data-topic="agent:5" hx-get="/part/tail" hx-trigger="dct:changed" hx-swap="outerHTML"></li>'


def whole_page(content: str) -> str:
    """``content`` in the product's own frame."""
    frame = render_to_string(
        "base.html", {"shell": {"live_url": "/ws/status/", "home_url": "/"}, "nav": [], "now": NOW}
    )
    return frame.replace('<main id="main" tabindex="-1">', f'<main id="main" tabindex="-1">{content}', 1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def stub() -> Iterator[LiveStub]:
    item = fragment("item", "<p>old</p>", "item:7", "data-halo")
    form = '<details><summary>More</summary><input id="why" name="why"></details>'
    run = fragment("run", f"<p>running</p>{form}", "execution:12")
    button = (
        '<button id="cancel" hx-post="/cancel" hx-swap="none" data-confirm="Cancel it?"'
        ' data-confirm-lines="The agent is stopped">Cancel</button>'
    )
    stub = LiveStub(whole_page(f"{item}{run}<ol>{TAIL}</ol>{button}"))
    stub.parts = {
        "item": fragment("item", "<p>new</p>", "item:7", "data-halo"),
        "run": fragment("run", f"<p>succeeded</p>{form}", "execution:12"),
    }
    yield stub
    stub.stop()


@pytest.fixture
def page(browser: Browser, stub: LiveStub) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(stub.url)
    expect(page.locator("[data-live-dot]")).to_have_text("Live")
    yield page
    context.close()


def status(seq: int, *topics: str) -> dict[str, object]:
    return {"type": "status", "seq": seq, "at": "2026-11-20T12:00:00Z", "topics": list(topics)}


def settled(page: Page, ms: int = 700) -> None:
    """Let every throttled request that is still to come have come: more than two quiet times of 250 ms."""
    page.wait_for_timeout(ms)


def wait_until(page: Page, condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for something that the server sees, letting the page go on meanwhile."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        page.wait_for_timeout(20)
    raise AssertionError("the server did not see it in time")


def test_the_page_subscribes_to_the_topics_it_shows(page: Page, stub: LiveStub) -> None:
    wait_until(page, lambda: len(stub.subscribed) == 1)
    assert stub.subscribed[0]["topics"] == ["agent:5", "execution:12", "item:7"]
    assert stub.subscribed[0]["since"].startswith("2026-11-20T12:00:00")


def test_a_message_refetches_only_the_fragment_of_its_topic(page: Page, stub: LiveStub) -> None:
    stub.tell(status(1, "item:7"))
    expect(page.locator("#item p")).to_have_text("new")
    expect(page.locator("#item")).to_have_class("is-changed")
    expect(page.locator("#item")).not_to_have_class("is-changed")
    assert stub.fetched == ["item"]


def test_a_burst_of_messages_costs_two_requests_at_most(page: Page, stub: LiveStub) -> None:
    stub.tell(*(status(seq, "item:7") for seq in range(1, 101)))
    settled(page)
    assert 1 <= len(stub.fetched) <= 2


def test_a_slow_answer_is_awaited_before_the_next_request(page: Page, stub: LiveStub) -> None:
    stub.answering.clear()
    stub.tell(status(1, "item:7"))
    wait_until(page, lambda: stub.asked == ["item"])
    stub.tell(*(status(seq, "item:7") for seq in range(2, 20)))
    settled(page)
    assert stub.asked == ["item"]
    stub.answering.set()
    expect(page.locator("#item p")).to_have_text("new")
    wait_until(page, lambda: stub.fetched == ["item", "item"])
    settled(page)
    assert stub.fetched == ["item", "item"]


def test_a_gap_in_the_numbers_refetches_everything(page: Page, stub: LiveStub) -> None:
    stub.parts["tail"] = ""
    stub.tell(status(1, "nothing"), status(3, "nothing"))
    expect(page.locator("#run p")).to_have_text("succeeded")
    settled(page)
    assert sorted(stub.fetched) == ["item", "run", "tail"]


def test_a_resync_refetches_everything(page: Page, stub: LiveStub) -> None:
    stub.parts["tail"] = ""
    stub.tell({"type": "resync"})
    expect(page.locator("#run p")).to_have_text("succeeded")
    settled(page)
    assert sorted(stub.fetched) == ["item", "run", "tail"]


def test_what_was_typed_and_opened_stays_when_its_fragment_changes(page: Page, stub: LiveStub) -> None:
    page.click("summary:has-text('More')")
    page.fill("#why", "because")
    page.locator("#cancel").focus()
    stub.tell(status(1, "execution:12"))
    expect(page.locator("#run p")).to_have_text("succeeded")
    expect(page.locator("#why")).to_have_value("because")
    expect(page.locator("#why")).to_be_visible()


def test_a_tail_that_replaces_itself_goes_on_listening(page: Page, stub: LiveStub) -> None:
    stub.parts["tail"] = f'<li class="said">one</li>{TAIL}'
    stub.tell({"type": "message", "seq": 1, "topics": ["agent:5"]})
    expect(page.locator(".said")).to_have_count(1)
    settled(page)
    stub.tell({"type": "message", "seq": 2, "topics": ["agent:5"]})
    expect(page.locator(".said")).to_have_count(2)


def test_a_lost_connection_says_since_when_and_catches_up(page: Page, stub: LiveStub) -> None:
    stub.parts["tail"] = ""
    stub.drop()
    expect(page.locator("[data-live-dot]")).to_contain_text("since")
    expect(page.locator("[data-live-dot]")).to_have_text("Live")
    expect(page.locator("#run p")).to_have_text("succeeded")
    assert "since" not in stub.subscribed[-1]


def test_a_dangerous_button_asks_first_and_the_safe_answer_has_the_focus(page: Page, stub: LiveStub) -> None:
    page.click("#cancel")
    expect(page.locator("#confirm")).to_contain_text("The agent is stopped")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).not_to_be_visible()
    assert stub.posted == []
    page.click("#cancel")
    page.click("#confirm [value=yes]")
    wait_until(page, lambda: [path for path, _ in stub.posted] == ["/cancel"])
