"""What is paused stands on the status page with who, when and why, and ends by one click of those who may."""

from datetime import datetime, timedelta

import pytest

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import AuditEntry, Connection, JournalEntry
from agents.models import Limits
from agents.services import admission
from dct_site.live.topics import topics_of
from dct_site.live.visibility import visible_entries
from tests.factories.accounts import make_user
from tests.factories.agents import set_limits
from tests.factories.executions import make_execution, make_running_trigger
from tests.factories.workspaces import make_connection
from tests.triggers.views.people import visitor
from triggers.enums import TriggerStatus
from triggers.models import Execution, Trigger
from triggers.selectors.pauses import pauses
from triggers.services import standing
from triggers.services.connections import change_connection, pause_connection, resume_connection

pytestmark = pytest.mark.django_db
OPS = Actor.system("ops")


@pytest.fixture
def connection(now: datetime) -> Connection:
    row = make_connection(name="Flooding hooks")
    return pause_connection(connection=row, by=OPS, now=now, reason="It floods us")


@pytest.fixture
def trigger(now: datetime) -> Trigger:
    return standing.pause(trigger=make_running_trigger(name="Doors"), by=OPS, now=now, reason="Holiday")


def test_every_pause_says_who_when_and_why(now: datetime, connection: Connection, trigger: Trigger) -> None:
    admission.pause_all(by=OPS, now=now, reason="The model is down")
    shown = pauses(user=visitor().user)
    assert [(one.kind, one.id, one.by, one.at, one.reason) for one in shown] == [
        ("everything", None, "ops", now, "The model is down"),
        ("connection", connection.pk, "ops", now, "It floods us"),
        ("trigger", trigger.pk, "ops", now, "Holiday"),
    ]
    status = visitor().get("/api/v1/status/").json()
    assert [(one["kind"], one["name"]) for one in status["pauses"]] == [
        ("everything", "Everything"),
        ("connection", "Flooding hooks"),
        ("trigger", "Doors"),
    ]


def test_the_page_shows_them_with_a_button_each(now: datetime, connection: Connection, trigger: Trigger) -> None:
    admission.pause_all(by=OPS, now=now)
    page = visitor().get("/status/?part=pauses").content.decode()
    for words in ("It floods us", "Holiday", "No reason was given."):
        assert words in page
    for url in (
        "/limits/resume/",
        f"/connections/{connection.pk}/resume/",
        f"/triggers/{trigger.pk}/resume/",
    ):
        assert f'hx-post="{url}"' in page


def test_one_click_ends_each(now: datetime, connection: Connection, trigger: Trigger) -> None:
    admission.pause_all(by=OPS, now=now)
    developer = visitor()
    for url in ("/limits/resume/", f"/connections/{connection.pk}/resume/", f"/triggers/{trigger.pk}/resume/"):
        assert developer.press(url).status_code == 204
    assert not Limits.objects.get().is_paused
    assert not Connection.objects.get(pk=connection.pk).is_paused
    trigger.refresh_from_db()
    assert (trigger.status, trigger.paused_by, trigger.paused_at) == (TriggerStatus.ACTIVE, "", None)
    assert pauses(user=developer.user) == []
    audited = set(AuditEntry.objects.filter(via="page").values_list("action", flat=True))
    assert {"limits.resumed", "connection.changed", "trigger.resumed"} <= audited


def test_who_may_not_end_a_pause_sees_no_button_and_is_refused(
    now: datetime, connection: Connection, trigger: Trigger
) -> None:
    admission.pause_all(by=OPS, now=now, reason="The model is down")
    viewer = visitor(Role.CEO)
    page = viewer.get("/status/?part=pauses").content.decode()
    assert "The model is down" in page
    assert "/limits/resume/" not in page
    assert viewer.press("/limits/resume/").status_code == 403
    assert viewer.press(f"/connections/{connection.pk}/resume/").status_code in (403, 404)
    assert Limits.objects.get().is_paused
    assert Connection.objects.get(pk=connection.pk).is_paused


def test_a_connection_is_paused_by_one_click_with_a_reason(now: datetime) -> None:
    row = make_connection()
    assert visitor().press(f"/connections/{row.pk}/pause/", {"reason": "Too loud"}).status_code == 204
    row.refresh_from_db()
    assert (row.is_paused, row.pause_reason) == (True, "Too loud")


def test_without_a_pause_there_is_nothing_to_see() -> None:
    assert "<table" not in visitor().get("/status/?part=pauses").content.decode()


def test_a_run_that_waits_shows_its_place_its_reason_its_age_and_its_expiry(now: datetime) -> None:
    set_limits(max_agents=0)
    execution = make_execution(now=now)
    Execution.objects.filter(pk=execution.pk).update(expires_at=now + timedelta(days=400))
    page = " ".join(visitor().get(f"/executions/{execution.pk}/").content.decode().split())
    assert "Place 1 in the queue: starts are paused: the limit of agents is 0. Queued" in page
    assert f'datetime="{(now + timedelta(days=400)).isoformat()}"' in page


def test_whoever_sees_what_is_paused_hears_of_it_at_once(now: datetime) -> None:
    owner, stranger = make_user(role=Role.CEO), make_user(role=Role.CEO)
    mine = make_connection(owner=owner)
    pause_connection(connection=mine, by=OPS, now=now, reason="It floods us")
    resume_connection(connection=mine, by=OPS, now=now)
    admission.pause_all(by=OPS, now=now, reason="The model is down")
    lines = list(JournalEntry.objects.filter(kind="pause").order_by("pk"))
    assert [(line.to, line.object_id, line.reason) for line in lines] == [
        ("paused", mine.pk, ""),
        ("resumed", mine.pk, ""),
        ("paused", 0, ""),
    ]
    assert all("health" in topics_of(line) for line in lines), "the status page does not hear of it"
    assert visible_entries(lines, user=owner) == lines
    assert visible_entries(lines, user=stranger) == lines[2:]


def test_a_change_that_pauses_nothing_tells_of_no_pause(now: datetime) -> None:
    change_connection(connection=make_connection(), by=OPS, now=now, name="Another name")
    assert not JournalEntry.objects.filter(kind="pause").exists()


def test_a_paused_trigger_is_news_for_the_status_page(now: datetime, trigger: Trigger) -> None:
    line = JournalEntry.objects.filter(kind="trigger", object_id=trigger.pk, to="paused").get()
    assert "health" in topics_of(line)
