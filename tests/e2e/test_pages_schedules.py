"""A schedule in a browser: what comes next stands beside the form while one types, and the clock fires it."""

import re

import pytest
from playwright.sync_api import Page, expect

from dct_site.bench.installation import Installation

pytestmark = pytest.mark.unmeasured


def test_a_schedule_is_typed_previewed_and_fires(demo: Installation, page: Page) -> None:
    page.goto(demo.info["url"])
    page.get_by_role("link", name="New schedule").click()
    runs = page.locator("#runs")
    page.get_by_label("Cron").fill("0 0 30 2 *")
    expect(runs).to_contain_text("It never fires: the month feb has no day of the month 30.")
    page.get_by_label("Cron").fill("30 2 * * *")
    page.get_by_label("Time zone").fill("Europe/Paris")
    page.get_by_label("Not before").fill("2027-03-27T00:00")
    expect(runs).to_contain_text("Sun 28 Mar 2027, 03:00")
    expect(runs).to_contain_text("The clock leaps over its time on that day")

    page.get_by_label("Not before").fill("")
    page.get_by_label("Cron").fill("")
    page.get_by_label("Or every so many seconds").fill("10")
    page.get_by_label("Name").fill("Heartbeat of the house")
    expect(runs.locator("li")).to_have_count(5)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_label("Listens to")).to_be_visible()
    expect(page.get_by_text("Heartbeat of the house").first).to_be_attached()

    _fires(demo, page)


def _fires(demo: Installation, page: Page) -> None:
    """Its card says when, and its page what became of it; then it is paused."""
    page.goto(demo.info["url"])
    card = page.locator("article", has_text="Heartbeat of the house")
    expect(card).to_contain_text("every 10 s, Europe/Paris: next run")
    card.get_by_role("link", name="Times").click()
    expect(page.get_by_role("heading", name="Heartbeat of the house")).to_be_visible()
    slot = page.locator("td.mono a").first
    for _ in range(15):
        if slot.is_visible():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    expect(slot).to_have_text(re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
