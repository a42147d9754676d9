"""CloudEvents over the API: who may send, what is answered, and the same event given out again."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.actor import Actor
from accounts.enums import Role, TokenScope
from accounts.models import AuditEntry, Connection, User
from accounts.services.people import issue_token
from dct_site.kernel.rest.problems import MEDIA_TYPE
from tests.factories.accounts import make_user
from tests.factories.triggers import after, make_trigger
from tests.factories.workspaces import make_connection
from tests.factories.world import NOON, make_world
from tests.triggers.api.test_history import no_raw  # noqa: F401 - a fixture
from tests.triggers.api.test_triggers import Caller
from triggers.models import Decision, Delivery, Event
from triggers.services.cloudevents import MAX_BYTES
from triggers.services.decide.pending import decide_pending
from triggers.services.replays.event import replay

pytestmark = pytest.mark.django_db
EVENTS = "/api/v1/events/"
STRUCTURED = "application/cloudevents+json"
LEAST: dict[str, Any] = {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "com.example.order.paid"}
WHOLE = {
    **LEAST,
    "subject": "order 7",
    "time": "2026-11-20T11:00:00Z",
    "datacontenttype": "application/json",
    "dataschema": "https://example.com/order",
    "region": "eu",
    "shard": 3,
    "data": {"total": 5},
}


@pytest.fixture
def developer() -> User:
    return make_user(role=Role.DEVELOPER)


@pytest.fixture
def client(developer: User) -> Client:
    client = Client()
    client.force_login(developer)
    return client


def send(client: Client, value: Any = None, query: str = "", **headers: str) -> Any:
    body = value if isinstance(value, bytes) else json.dumps(LEAST if value is None else value)
    return client.post(EVENTS + query, data=body, content_type=STRUCTURED, headers=headers)


def get_out(client: Client, event: Event) -> Any:
    return client.get(f"{EVENTS}{event.pk}/", headers={"Accept": STRUCTURED})


def only_event() -> Event:
    decide_pending(now=after(1))
    return Event.objects.get()


def test_a_structured_event_is_taken_once(client: Client) -> None:
    first = send(client)
    told = {"delivery": Delivery.objects.get().pk, "duplicate": False, "key_conflict": False}
    assert (first.status_code, first.json()) == (202, told)
    assert send(client).json() == {**told, "duplicate": True}
    other = send(client, {**LEAST, "data": 1}).json()
    assert (other["duplicate"], other["key_conflict"]) == (False, True)


def test_a_binary_event_is_taken(client: Client) -> None:
    headers = {f"Ce-{name}": value for name, value in LEAST.items()}
    sent = client.post(EVENTS, data=b'{"total": 5}', content_type="application/json", headers=headers)
    assert sent.status_code == 202
    assert only_event().data == {"total": 5}
    empty = client.post(EVENTS, data=b"", content_type="", headers=headers | {"Ce-Id": "A-2"})
    assert empty.status_code == 202


def test_what_is_wrong_is_told_by_the_attributes_names(client: Client) -> None:
    answer = send(client, {"specversion": "1.0", "id": "", "source": "/shop", "time": "noon"})
    assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE)
    assert {(one["path"], one["code"]) for one in answer.json()["errors"]} == {
        ("type", "required"),
        ("id", "empty"),
        ("time", "not_a_time"),
    }
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/xml",
        "multipart/form-data; boundary=x",
        "",
    ],
)
def test_another_form_is_415_with_words(client: Client, content_type: str) -> None:
    answer = client.post(EVENTS, data=b"[]", content_type=content_type)
    assert (answer.status_code, answer["Content-Type"]) == (415, MEDIA_TYPE)
    assert STRUCTURED in answer.json()["detail"]


def test_an_event_that_is_too_large_is_413(client: Client) -> None:
    answer = send(client, {**LEAST, "data": "x" * MAX_BYTES})
    assert (answer.status_code, answer["Content-Type"]) == (413, MEDIA_TYPE)


def test_an_idempotency_key_repeats_the_answer(client: Client) -> None:
    answers = [send(client, **{"Idempotency-Key": "one"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[1]["duplicate"] is False
    assert send(client, {**LEAST, "id": "A-2"}, **{"Idempotency-Key": "one"}).status_code == 422
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(
    ("scope", "status"), [(TokenScope.EVENTS, 202), (TokenScope.FULL, 202), (TokenScope.METRICS, 403)]
)
def test_a_token_sends_within_its_scope(developer: User, scope: TokenScope, status: int) -> None:
    _, text = issue_token(user=developer, name="shop", by=Actor.system(), now=NOON, scopes=[scope])
    bearer = {"Authorization": f"Bearer {text}"}
    assert send(Client(), **bearer).status_code == status
    assert Client().get(EVENTS, headers=bearer).status_code == (200 if scope == TokenScope.FULL else 403)


def test_who_may_not_send_is_told_so_before_the_body_is_read() -> None:
    ceo = Client()
    ceo.force_login(make_user(role=Role.CEO))
    assert send(ceo, b"{").status_code == 403
    assert send(Client(), b"{").status_code == 401


def test_an_event_goes_to_the_connection_that_is_named(client: Client, developer: User) -> None:
    made = Caller(developer).post("/api/v1/connections/", name="Shop", source="cloudevents").json()
    assert (made["endpoint"], made["secret"]) == (None, "")
    assert send(client, query=f"?connection={made['id']}").status_code == 202
    assert Delivery.objects.get().connection_id == made["id"]
    listened = Caller(developer).get(f"/api/v1/listeners/?connection={made['id']}").json()["results"]
    assert len(listened) == 1
    for wrong in ("0", "x", "999999", ""):
        assert send(client, query=f"?connection={wrong}").status_code == 400, wrong
    hooks = make_connection(owner=developer, source="webhook")
    assert send(client, query=f"?connection={hooks.pk}").json()["code"] == "not_sendable"
    Connection.objects.filter(pk=made["id"]).update(is_enabled=False)
    assert send(client).json()["code"] == "not_sendable"


def test_a_connection_for_events_has_no_secret_and_no_endpoint(developer: User) -> None:
    caller = Caller(developer)
    for name, value in (("secret", "x" * 20), ("endpoint", {})):
        refused = caller.post("/api/v1/connections/", name="Shop", source="cloudevents", **{name: value})
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, name)
    made = caller.post("/api/v1/connections/", name="Shop", source="cloudevents").json()
    assert caller.post(f"/api/v1/connections/{made['id']}/rotate-secret/").status_code == 400
    assert caller.patch(f"/api/v1/connections/{made['id']}/", config={"text_path": "note"}).status_code == 200


def test_an_event_is_given_out_as_it_was_sent(client: Client) -> None:
    send(client, WHOLE)
    event = only_event()
    answer = get_out(client, event)
    assert (answer.status_code, answer["Content-Type"], answer["Vary"].count("Accept")) == (200, STRUCTURED, 1)
    ours = {"dctevent": event.pk, "dctconnection": event.connection_id, "dctorigin": "live", "dcttrust": "verified"}
    ours["dcthops"] = 1
    assert answer.json() == {**WHOLE, **ours}
    assert client.get(f"{EVENTS}{event.pk}/")["Content-Type"] == "application/json"
    assert client.get(f"{EVENTS}999999/", headers={"Accept": STRUCTURED})["Content-Type"] == MEDIA_TYPE


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": [1]}, {"data": "x"}, {"data": {"value": 1}}])
def test_data_of_any_kind_comes_out_as_it_went_in(client: Client, data: dict[str, Any]) -> None:
    send(client, {**LEAST, **data})
    told = get_out(client, only_event()).json()
    assert {name: value for name, value in told.items() if name == "data"} == data


def test_what_is_given_out_may_be_sent_on(client: Client) -> None:
    send(client, WHOLE)
    told = get_out(client, only_event()).json()
    assert send(client, {**told, "id": "A-2"}).status_code == 202


def test_an_event_that_came_otherwise_is_given_out_under_its_connections_address(developer: User) -> None:
    world = make_world(developer)
    client = Client()
    client.force_login(developer)
    told = get_out(client, world.event).json()
    assert told["source"] == f"http://testserver/api/v1/connections/{world.connection.pk}/"
    assert (told["specversion"], told["id"], told["type"]) == ("1.0", str(world.event.pk), world.event.type)
    assert (told["subject"], told["data"]) == (world.event.subject, world.event.data)


def test_a_replay_is_an_event_of_its_own(client: Client, developer: User) -> None:
    send(client, WHOLE)
    first = only_event()
    replay(event=first, trigger=None, by=Actor.system(), now=after(2))
    decide_pending(now=after(3))
    told = get_out(client, Event.objects.exclude(pk=first.pk).get()).json()
    assert (told["source"], told["data"], told["dctorigin"]) == (WHOLE["source"], WHOLE["data"], "replay")
    assert told["id"] != WHOLE["id"]


@pytest.mark.usefixtures("no_raw")
def test_data_is_for_those_who_may_look_at_raw_payloads(client: Client) -> None:
    send(client, WHOLE)
    told = get_out(client, only_event()).json()
    assert "data" not in told
    assert "datacontenttype" not in told
    assert told["id"] == "A-1"


def test_an_event_whose_attributes_were_purged_is_given_out_all_the_same(client: Client) -> None:
    send(client, {**LEAST, "data": [1]})
    event = only_event()
    event.facts, event.data, event.purged_at = {}, {}, event.accepted_at
    event.save(update_fields=["facts", "data", "purged_at"])
    told = get_out(client, event).json()
    assert told["source"].endswith(f"/connections/{event.connection_id}/")
    assert "data" not in told


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands until it is set: its one entry is the time in seconds."""
    clock = [1_000.0]
    monkeypatch.setattr("triggers.api.sending.monotonic", lambda: clock[0])
    return clock


def slow_token(user: User) -> dict[str, str]:
    """A token for one event in ten seconds."""
    made = Caller(user).post("/api/v1/tokens/", name="shop", scopes=["events"], events_per_minute=6).json()
    assert made["events_per_minute"] == 6
    return {"Authorization": f"Bearer {made['token']}"}


def test_a_token_that_sends_too_fast_gets_429_and_leaves_one_row_a_burst(developer: User, at: list[float]) -> None:
    bearer = slow_token(developer)
    statuses = [send(Client(), {**LEAST, "id": str(number)}, **bearer).status_code for number in range(5)]
    assert statuses == [202, 429, 429, 429, 429]
    turned = send(Client(), **bearer)
    assert (turned["Content-Type"], turned["Retry-After"], turned.json()["code"]) == (MEDIA_TYPE, "10", "rate_limited")
    rows = Caller(developer).get("/api/v1/deliveries/?status=rejected").json()["results"]
    assert [(row["reason"], row["source"]) for row in rows] == [("rate_limited", "cloudevents")]
    at[0] += 10
    assert [send(Client(), {**LEAST, "id": f"later {n}"}, **bearer).status_code for n in range(2)] == [202, 429]
    assert Delivery.objects.filter(rejection="rate_limited").count() == 1
    at[0] += 60
    assert [send(Client(), {**LEAST, "id": f"last {n}"}, **bearer).status_code for n in range(2)] == [202, 429]
    assert Delivery.objects.filter(rejection="rate_limited").count() == 2
    assert send(Client(), **slow_token(developer)).status_code == 202


def test_a_429_is_not_kept_for_the_next_try(developer: User, at: list[float]) -> None:
    bearer = slow_token(developer)
    send(Client(), **bearer)
    key = {"Idempotency-Key": "one"}
    assert send(Client(), {**LEAST, "id": "A-2"}, **bearer, **key).status_code == 429
    at[0] += 10
    assert send(Client(), {**LEAST, "id": "A-2"}, **bearer, **key).status_code == 202


def test_what_comes_too_fast_is_not_read_and_needs_no_connection(developer: User, at: list[float]) -> None:
    bearer = slow_token(developer)
    assert [send(Client(), b"{", **bearer).status_code for _ in range(3)] == [400, 429, 429]
    assert not Delivery.objects.exists()
    assert not Connection.objects.exists()


def test_a_burst_is_noted_at_the_connection_that_was_named(developer: User, at: list[float]) -> None:
    made = Caller(developer).post("/api/v1/connections/", name="Shop", source="cloudevents").json()
    other = Caller(developer).post("/api/v1/connections/", name="Other", source="cloudevents").json()
    bearer = slow_token(developer)
    for _ in range(2):
        send(Client(), query=f"?connection={other['id']}", **bearer)
    assert Delivery.objects.get(rejection="rate_limited").connection_id == other["id"] != made["id"]


def test_of_the_noted_bursts_the_last_hundred_are_kept(
    developer: User, at: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers.services.cloudevents.KEEP_REJECTED", 2)
    bearer = slow_token(developer)
    for number in range(4):
        at[0] += 60
        for _ in range(2):
            send(Client(), {**LEAST, "id": str(number)}, **bearer)
    kept = Delivery.objects.filter(rejection="rate_limited").order_by("pk")
    assert (kept.count(), Delivery.objects.filter(rejection="").count()) == (2, 4)


BATCH = "application/cloudevents-batch+json"


def send_batch(client: Client, *values: Any, **headers: str) -> Any:
    return client.post(EVENTS, data=json.dumps(values), content_type=BATCH, headers=headers)


def test_a_batch_is_answered_event_by_event_and_known_when_it_comes_again(client: Client) -> None:
    values = [LEAST, {**LEAST, "id": "A-2", "subject": "order 8"}, LEAST]
    answer = send_batch(client, *values)
    assert answer.status_code == 202
    told = answer.json()["results"]
    assert [one["duplicate"] for one in told] == [False, False, True]
    assert told[0]["delivery"] == told[2]["delivery"] != told[1]["delivery"]
    decide_pending(now=after(1))
    assert sorted(Event.objects.values_list("external_id", flat=True)) == ["A-1", "A-2"]
    assert [one["duplicate"] for one in send_batch(client, *values).json()["results"]] == [True, True, True]
    (entry,) = AuditEntry.objects.filter(action="event.sent")
    assert entry.after == {"deliveries": [told[0]["delivery"], told[1]["delivery"]]}


def test_of_a_batch_with_a_wrong_event_none_is_taken(client: Client) -> None:
    answer = send_batch(client, LEAST, {**LEAST, "id": ""})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "[1].id")
    assert not Delivery.objects.exists()


def test_an_empty_batch_is_taken(client: Client) -> None:
    answer = send_batch(client)
    assert (answer.status_code, answer.json()) == (202, {"results": []})


def test_each_event_of_a_batch_counts_for_the_rate(developer: User, at: list[float]) -> None:
    _, token = issue_token(user=developer, name="shop", by=Actor.system(), now=NOON, events_per_minute=60)
    bearer = {"Authorization": f"Bearer {token}"}
    assert send_batch(Client(), *({**LEAST, "id": f"a{n}"} for n in range(9)), **bearer).status_code == 202
    assert send_batch(Client(), *({**LEAST, "id": f"b{n}"} for n in range(2)), **bearer).status_code == 429
    key = {"Idempotency-Key": "once"}
    assert send_batch(Client(), {**LEAST, "id": "c"}, **bearer, **key).status_code == 202
    assert send_batch(Client(), {**LEAST, "id": "d"}, **bearer, **key).status_code == 429


def test_what_came_of_dcts_own_work_too_often_fires_nothing_and_says_why(client: Client, developer: User) -> None:
    send(client, {**LEAST, "id": "first"})
    decide_pending(now=after(1))
    trigger = make_trigger(connection=Connection.objects.get(), owner=developer)
    for number in range(1, 8):
        decide_pending(now=after(number))
        event = Event.objects.latest("pk")
        hops = get_out(client, event).json()["dcthops"]
        assert hops == number
        send(client, {**LEAST, "id": f"step {number}", "dcthops": hops})
    decide_pending(now=after(9))
    last = Event.objects.latest("pk")
    assert last.hop == 7
    answers = Decision.objects.filter(trigger=trigger).order_by("event_id")
    assert [one.suppressed_by or one.outcome for one in answers] == ["fired"] * 5 + ["hop_limit"] * 2
    assert "7 steps away from an outside change; at most 5" in answers.last().detail  # type: ignore[union-attr]


def test_a_trigger_asks_for_an_extension_attribute(client: Client, developer: User) -> None:
    send(client, {**LEAST, "id": "first"})
    decide_pending(now=after(1))
    asked = {"type": "field", "config": {"path": "event.extensions.region", "operator": "equals", "value": "eu"}}
    make_trigger(connection=Connection.objects.get(), owner=developer, conditions={"all": [asked]})
    send(client, {**LEAST, "id": "eu", "region": "eu"})
    send(client, {**LEAST, "id": "us", "region": "us"})
    decide_pending(now=after(2))
    assert [one.event.external_id for one in Decision.objects.all()] == ["eu"]


def test_the_card_of_a_stream_is_called_as_its_connection(client: Client) -> None:
    send(client)
    decide_pending(now=after(1))
    (card,) = client.get("/api/v1/context-items/").json()["results"]
    assert card["title"] == Connection.objects.get().name == "CloudEvents"
