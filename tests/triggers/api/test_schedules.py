"""Schedules over the API: made, previewed, changed, paused; refusals name the field; who sees and may do what."""

from typing import Any

import pytest
from django.test import Client

from accounts.enums import Role
from accounts.models import User
from tests.factories.accounts import make_user
from tests.factories.schedules import make_calendar, make_schedule
from tests.factories.triggers import after
from tests.factories.workspaces import make_connection
from triggers.models import Schedule
from triggers.services.clock import fire_due

pytestmark = pytest.mark.django_db
URL = "/api/v1/schedules/"


@pytest.fixture
def owner() -> User:
    return make_user(role=Role.DEVELOPER)


@pytest.fixture
def client(owner: User) -> Client:
    return signed_in(owner)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, method: str, url: str, body: Any = None, **headers: str) -> Any:
    return getattr(client, method)(url, body or {}, content_type="application/json", headers=headers)


def test_a_schedule_is_made_with_its_card_and_its_next_runs(client: Client) -> None:
    answer = send(client, "post", URL, {"name": "Morning", "cron": "0 9 * * 1-5", "timezone": "Europe/Paris"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["cron"], made["timezone"], made["misfire"]) == (
        "Morning", "0 9 * * 1-5", "Europe/Paris", "run_once",
    )  # fmt: skip
    assert len(made["next_runs"]["runs"]) == 5
    assert made["next_runs"]["runs"][0]["fires_at"] == made["next_at"]
    item = client.get(f"/api/v1/context-items/{made['context_item_id']}/").json()
    assert (item["kind"], item["title"]) == ("schedule", "Morning")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "R R * * *"}, "cron"),
        ({"cron": "* " * 60}, "cron"),
        ({}, "cron"),
        ({"every_s": 1}, "every_s"),
        ({"cron": "@daily", "timezone": "Nowhere"}, "timezone"),
        ({"cron": "@daily", "skip_days": "soon"}, "skip_days"),
        ({"cron": "@daily", "ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"cron": "* * * * *", "jitter_s": 60}, "jitter_s"),
        ({"cron": "* * * * *", "grace_s": 61}, "grace_s"),
        ({"cron": "@daily", "calendar_ids": [404]}, "calendar_ids"),
        ({"cron": "@daily", "connection_id": 404}, "connection_id"),
        ({"cron": "@daily", "often": True}, "often"),
    ],
)
@pytest.mark.parametrize("door", ["", "preview/"])
def test_what_is_absurd_is_refused_by_its_field_at_both_doors(
    client: Client, body: dict[str, Any], path: str, door: str
) -> None:
    answer = send(client, "post", f"{URL}{door}", {"name": "N", **body})
    assert answer.status_code == 400
    assert [error["path"].lstrip("/") for error in answer.json()["errors"]] == [path]
    assert not Schedule.objects.exists()


def test_the_preview_marks_the_days_on_which_the_clock_is_changed(client: Client) -> None:
    body = {"cron": "30 2 * * *", "timezone": "Europe/Paris", "starts_at": "2027-03-27T00:00:00Z", "skip_days": "03-29"}
    shown = send(client, "post", f"{URL}preview/", body).json()
    assert [(run["local"], run["note"]) for run in shown["runs"][:3]] == [
        ("2027-03-27T02:30:00+01:00", ""),
        ("2027-03-28T03:00:00+02:00", "moved"),
        ("2027-03-30T02:30:00+02:00", ""),
    ]
    assert shown["rests"] == ["2027-03-29"]
    assert not Schedule.objects.exists()


def test_it_may_be_made_on_a_clock_that_is_there(client: Client, owner: User) -> None:
    connection = make_schedule(owner=owner).listener.connection
    answer = send(client, "post", URL, {"name": "N", "cron": "@daily", "connection_id": connection.pk})
    assert (answer.status_code, answer.json()["connection_id"]) == (201, connection.pk)


def test_a_preview_goes_by_the_calendars_of_the_clock_that_it_names(client: Client, owner: User) -> None:
    connection = make_schedule(owner=owner).listener.connection
    calendar = make_calendar(connection, "2027-03-29")
    body = {"cron": "0 9 * * *", "starts_at": "2027-03-28T00:00:00Z", "calendar_ids": [calendar.pk]}
    answer = send(client, "post", f"{URL}preview/", {**body, "connection_id": connection.pk})
    assert answer.json()["rests"] == ["2027-03-29"]


def test_it_is_changed_at_the_version_that_was_seen(client: Client, owner: User) -> None:
    row = make_schedule(owner=owner)
    seen = client.get(f"{URL}{row.pk}/")
    tag = seen["ETag"]
    answer = send(client, "patch", f"{URL}{row.pk}/", {"cron": "30 * * * *", "name": "Half"}, **{"If-Match": tag})
    assert (answer.status_code, answer.json()["cron"], answer.json()["name"]) == (200, "30 * * * *", "Half")
    assert send(client, "patch", f"{URL}{row.pk}/", {"jitter_s": 1}, **{"If-Match": tag}).status_code == 412
    refused = send(client, "patch", f"{URL}{row.pk}/", {"cron": "0 0 31 2 *"})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "cron")


def test_it_is_paused_and_resumed(client: Client, owner: User) -> None:
    row = make_schedule(owner=owner)
    paused = send(client, "post", f"{URL}{row.pk}/pause/").json()
    assert (paused["status"], paused["next_at"]) == ("paused", None)
    resumed = send(client, "post", f"{URL}{row.pk}/resume/").json()
    assert resumed["status"] == "healthy"
    assert resumed["next_at"] is not None


def test_its_slots_are_listed(client: Client, owner: User) -> None:
    row = make_schedule(owner=owner, misfire="skip")
    fire_due(now=after(3 * 3_600 + 30))
    found = client.get(f"{URL}{row.pk}/slots/").json()["results"]
    assert sorted((slot["key"], slot["status"], slot["count"]) for slot in found) == [
        ("2026-11-20T13:00Z", "missed", 2),
        ("2026-11-20T15:00Z", "fired", 1),
    ]


def test_lists_are_narrowed(client: Client, owner: User) -> None:
    row, other = make_schedule(owner=owner), make_schedule()
    for query in (f"connection={row.listener.connection_id}", f"context_item={row.listener.item_id}"):
        assert [one["id"] for one in client.get(f"{URL}?{query}").json()["results"]] == [row.pk]
    assert len(client.get(URL).json()["results"]) == 2
    assert other.listener.connection_id != row.listener.connection_id


def test_others_are_not_seen_and_not_changed() -> None:
    row = make_schedule(owner=make_user(role=Role.SUPPORT))
    stranger = signed_in(make_user(role=Role.CEO))
    assert stranger.get(URL).json()["results"] == []
    assert stranger.get(f"{URL}{row.pk}/").status_code == 404
    for act in ("pause", "resume"):
        assert send(stranger, "post", f"{URL}{row.pk}/{act}/").status_code in (403, 404)
    assert send(stranger, "delete", f"{URL}{row.pk}/").status_code in (403, 404)
    body = {"name": "Mine", "cron": "@daily", "connection_id": row.listener.connection_id}
    assert send(stranger, "post", URL, body).status_code in (400, 403)
    assert Schedule.objects.count() == 1


def test_calendars_are_made_changed_and_refused(client: Client, owner: User) -> None:
    connection = make_schedule(owner=owner).listener.connection
    url = "/api/v1/schedule-calendars/"
    made = send(client, "post", url, {"connection_id": connection.pk, "name": "Closed", "days": "12-25"}).json()
    assert client.get(f"{url}{made['id']}/").json() == made
    assert [one["id"] for one in client.get(f"{url}?connection={connection.pk}").json()["results"]] == [made["id"]]
    again = send(client, "post", url, {"connection_id": connection.pk, "name": "Closed"})
    assert (again.status_code, again.json()["errors"][0]["path"]) == (400, "name")
    changed = send(client, "patch", f"{url}{made['id']}/", {"days": "12-26"}).json()
    assert changed["days"] == "12-26"
    assert send(client, "patch", f"{url}{made['id']}/", {"name": "Shut"}).json()["name"] == "Shut"
    refused = send(client, "patch", f"{url}{made['id']}/", {"days": "soon"})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "days")
    other = send(client, "post", url, {"connection_id": make_connection(owner=owner).pk, "name": "X"})
    assert (other.status_code, other.json()["errors"][0]["path"]) == (400, "connection_id")


def test_a_card_of_a_schedule_is_not_made_without_its_times(client: Client, owner: User) -> None:
    clock = make_schedule(owner=owner).listener.connection
    for connection, kind in ((make_connection(owner=owner), "schedule"), (clock, "issue")):
        body = {"connection_id": connection.pk, "kind": kind, "external_key": "x"}
        answer = send(client, "post", "/api/v1/context-items/", body)
        assert answer.status_code == 400
        assert "make it as a schedule" in answer.json()["detail"]


def test_who_listens_is_told_of_the_clock(client: Client, owner: User) -> None:
    row = make_schedule(owner=owner)
    found = client.get(f"/api/v1/listeners/{row.listener_id}/").json()
    assert (found["listener_type"], found["status"], found["next_due_at"]) == ("schedule", "healthy", None)
    answer = send(client, "post", f"/api/v1/listeners/{row.listener_id}/poll/")
    assert answer.status_code == 409


def test_a_deleted_one_is_in_no_list_and_tells_what_became_of_its_slots(client: Client, owner: User) -> None:
    row = make_schedule(owner=owner)
    fire_due(now=after(3600))
    assert send(client, "delete", f"{URL}{row.pk}/").status_code == 204
    assert client.get(URL).json()["results"] == []
    told = client.get(f"{URL}{row.pk}/").json()
    assert (told["next_at"], told["deleted_at"] is None) == (None, False)
    assert [slot["status"] for slot in client.get(f"{URL}{row.pk}/slots/").json()["results"]] == ["fired"]
    for method, path in (("patch", ""), ("delete", ""), ("post", "pause/"), ("post", "resume/")):
        assert send(client, method, f"{URL}{row.pk}/{path}").status_code == 404
