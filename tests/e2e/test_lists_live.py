"""Lists never jump: newer rows wait behind one line, on a page that nobody reloaded."""

import re

import pytest
from playwright.sync_api import Page, expect

from dct_site.bench.installation import Installation, post, pull_request, signed

pytestmark = [pytest.mark.one_pass, pytest.mark.browser, pytest.mark.unmeasured]


def send(demo: Installation, number: int) -> None:
    """Let the demo's webhook fire its trigger."""
    facts, body = demo.info["demo"], pull_request(number)
    status, _ = post(facts["github_webhook_url"], body, signed(facts["github_webhook_secret"], body))
    assert status == 202


@pytest.mark.parametrize(("name", "number"), [("events", 101), ("deliveries", 102), ("executions", 103)])
def test_newer_rows_wait_behind_one_line_until_they_are_asked_for(
    demo: Installation, page: Page, name: str, number: int
) -> None:
    page.goto(f"{demo.info['url']}/{name}/")
    expect(page.locator("[data-live-dot]")).to_contain_text("Live")
    before = page.locator("tr[data-row]").count()
    send(demo, number)
    line = page.locator("#fresh a")
    expect(line).to_contain_text(re.compile(r"\d+ newer"), timeout=30_000)
    assert page.locator("tr[data-row]").count() == before
    line.click()
    expect(page.locator("tr[data-row]")).not_to_have_count(before)


def test_what_the_door_turned_away_waits_behind_that_line_too(demo: Installation, page: Page) -> None:
    page.goto(f"{demo.info['url']}/deliveries/?status=rejected")
    expect(page.locator("[data-live-dot]")).to_contain_text("Live")
    status, _ = post(demo.info["demo"]["github_webhook_url"], pull_request(105), {"X-Hub-Signature-256": "sha256=no"})
    assert status == 401
    line = page.locator("#fresh a")
    expect(line).to_contain_text(re.compile(r"\d+ newer"), timeout=30_000)
    line.click()
    expect(page.locator("tr[data-row]").first).to_contain_text("Rejected")


def test_the_status_counts_on_without_a_reload(demo: Installation, page: Page) -> None:
    page.goto(f"{demo.info['url']}/status/")
    expect(page.locator("[data-live-dot]")).to_contain_text("Live")
    figure = page.locator(".fig", has_text="Succeeded, 1 h").locator("dd a")
    before = int(figure.inner_text())
    page.evaluate("window.notReloaded = true")
    send(demo, 104)
    expect(figure).not_to_have_text(str(before), timeout=30_000)
    assert page.evaluate("window.notReloaded") is True
