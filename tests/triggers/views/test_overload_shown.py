"""The rung of the overload ladder on the status page and over the API: which, since when, why, what it holds back."""

import re
from datetime import datetime, timedelta

import pytest

from agents.enums import Rung
from agents.ladder import CALM_FOR, STALE_AFTER
from agents.models import Limits
from dct_site.kernel.clock import utcnow
from tests.factories.agents import set_limits
from tests.triggers.views.people import visitor

pytestmark = pytest.mark.django_db
PART = "/status/?part=overload"
WHY = "2,100 deliveries wait for their answers"


@pytest.fixture
def now() -> datetime:
    """The pages' own: somebody looked at the ladder just now."""
    return utcnow()


def stand_on(
    rung: Rung, now: datetime, *, calm_since: datetime | None = None, looked_at: datetime | None = None
) -> None:
    set_limits()
    Limits.objects.update(
        rung=rung,
        rung_at=now - timedelta(minutes=3),
        rung_reason=WHY,
        rung_looked_at=looked_at or now,
        rung_calm_since=calm_since,
    )


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def shown() -> str:
    return words(visitor().get(PART).content.decode())


def told() -> dict[str, object]:
    found: dict[str, object] = visitor().get("/api/v1/status/").json()["overload"]
    return found


def test_in_calm_times_nothing_is_held_back() -> None:
    assert shown() == "Overload Calm Nothing is held back."
    assert (told()["rung"], told()["holds_back"], told()["goes_down_when"]) == (0, [], [])
    assert "st-overload" in visitor().get("/status/").content.decode()


def test_a_rung_says_since_when_why_and_what_it_holds_back(now: datetime) -> None:
    stand_on(Rung.LOW_WAITS, now)
    page = shown()
    assert re.search(r"Low priority waits since (\d{4}-\d\d-\d\d )?\d\d:\d\d Because", page)
    assert f"Because {WHY}." in page
    assert told()["since"] == (now - timedelta(minutes=3)).isoformat().replace("+00:00", "Z")
    assert "Polls are slower Priorities below 5 wait Bulk work stops not yet" in page
    assert "Bulk work stops not yet The door is closed not yet" in page
    assert "so for 15 s: no delivery has waited for its answer for 15 s; fewer than 5,000 wait; more than" in page
    assert visitor().get(PART).content.decode().count('aria-current="step"') == 1
    answer = told()
    assert (answer["name"], answer["reason"]) == ("Low priority waits", WHY)
    assert answer["holds_back"] == ["polls are slower", "priorities below 5 wait"]
    assert (answer["goes_down_at"], answer["calm_for_s"]) == (None, 15)


def test_one_that_eases_says_that_it_goes_down(now: datetime) -> None:
    stand_on(Rung.DOOR_CLOSED, now, calm_since=now - timedelta(seconds=5))
    assert "It has eased, and goes a rung down within 15 s if it stays so." in shown()
    at = now - timedelta(seconds=5) + CALM_FOR
    assert told()["goes_down_at"] == at.isoformat().replace("+00:00", "Z")


def test_where_nobody_looks_any_more_nothing_is_held_back(now: datetime) -> None:
    stand_on(Rung.DOOR_CLOSED, now, looked_at=now - STALE_AFTER - timedelta(seconds=1))
    assert shown() == "Overload Calm Nothing is held back."
    assert told()["since"] is None
