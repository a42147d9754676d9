"""The door's answers, in the order it gives them, and what stands in the database afterwards."""

import asyncio
import json
import sqlite3
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import QuerySet

from accounts.actor import Actor
from accounts.enums import Role, Source
from accounts.models import Connection, JournalEntry, Secret, User
from dct_site.kernel.moves import SYSTEM
from dct_site.live.topics import topics_of
from dct_site.live.visibility import visible_entries
from tests.factories.accounts import make_user
from tests.triggers.door.client import BODY, SECRET, github, make_hook, open_door, post
from triggers.door import requests
from triggers.door.store import Store, store
from triggers.door.verify import sign
from triggers.enums import Refusal
from triggers.models import Delivery, DeliveryDuplicates, PendingDelivery
from triggers.services import endpoints
from triggers.services.intake_sql import Statements
from workspaces.enums import TrustTier

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tidy")]

make = sync_to_async(make_hook)


async def test_a_signed_delivery_is_stored_as_it_came_and_made_work_for_the_decider() -> None:
    hook = await make()
    async with open_door() as door:
        answer = await post(door, hook.endpoint.path, headers=github(key="k1") | {"Authorization": "Bearer canary"})
    assert answer.status == 202
    row = await Delivery.objects.aget()
    assert answer.value == {"delivery": row.pk, "duplicate": False}
    assert bytes(row.body) == BODY
    assert row.delivery_key == "k1"
    assert row.trust_tier == TrustTier.VERIFIED
    assert row.headers["x-hub-signature-256"].startswith("sha256=")
    assert "canary" not in str(row.headers)
    assert row.generation > 0
    assert await PendingDelivery.objects.filter(delivery=row).aexists()


async def test_of_headers_that_are_remembered_none_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: list[bytes] = []

    def remember(word: str, value: bytes) -> str:
        remembered.append(value)
        return requests._line(word, value)

    monkeypatch.setattr(requests, "_known_line", remember)
    headers = {b"authorization": b"Bearer canary", b"x-api-key": b"canary", b"host": b"x", b"x-b": b"b" * 101}
    assert json.loads(requests.kept(headers)) == {
        "authorization": "•••",
        "x-api-key": "•••",
        "host": "x",
        "x-b": "b" * 101,
    }
    assert remembered == [b"x"]  # and nothing that is long


async def test_the_same_delivery_again_is_a_duplicate_and_is_counted() -> None:
    hook = await make()
    async with open_door() as door:
        first = await post(door, hook.endpoint.path, headers=github(key="k"))
        second = await post(door, hook.endpoint.path, headers=github(key="k"))
    async with open_door() as restarted:
        third = await post(restarted, hook.endpoint.path, headers=github(key="k"))
    delivery = first.value["delivery"]
    assert second.value == third.value == {"delivery": delivery, "duplicate": True}
    assert await Delivery.objects.acount() == 1
    assert (await DeliveryDuplicates.objects.aget(delivery_id=delivery)).count == 2


async def test_fifty_copies_through_two_doors_at_once_make_one_row() -> None:
    hook = await make()
    async with open_door() as left, open_door() as right:
        headers = github(key="k")
        answers = await asyncio.gather(
            *(post(door, hook.endpoint.path, headers=headers) for door in [left, right] * 25)
        )
    assert {answer.status for answer in answers} == {202}
    assert sum(not answer.value["duplicate"] for answer in answers) == 1
    assert len({answer.value["delivery"] for answer in answers}) == 1
    assert await Delivery.objects.acount() == 1
    assert (await DeliveryDuplicates.objects.aget()).count == 49


async def test_many_keys_through_two_doors_at_once_wait_for_each_other_in_no_circle() -> None:
    hook = await make()
    keys = [f"k{number}" for number in range(60)]
    async with open_door() as left, open_door() as right:
        one_way = [post(left, hook.endpoint.path, headers=github(key=key)) for key in keys]
        other_way = [post(right, hook.endpoint.path, headers=github(key=key)) for key in reversed(keys)]
        answers = await asyncio.gather(*one_way, *other_way)
    assert {answer.status for answer in answers} == {202}
    assert await Delivery.objects.acount() == 60


async def test_the_same_key_with_another_body_is_stored_with_a_warning() -> None:
    hook = await make()
    other = b'{"action": "closed"}'
    async with open_door() as door:
        first, second = await asyncio.gather(
            post(door, hook.endpoint.path, headers=github(key="k")),
            post(door, hook.endpoint.path, other, github(other, key="k")),
        )
    assert first.value["delivery"] != second.value["delivery"]
    assert not second.value["duplicate"]
    assert [row.key_conflict async for row in Delivery.objects.order_by("id")] == [False, True]


@pytest.mark.parametrize(
    "headers", [{}, {"X-Hub-Signature-256": "sha256=" + "0" * 64}, {"X-Hub-Signature-256": b"\xff\xfe"}]
)
async def test_a_bad_signature_is_401_and_noted_and_claims_no_key(headers: dict[str, str]) -> None:
    hook = await make()
    async with open_door() as door:
        spoiled = await post(door, hook.endpoint.path, headers=github(key="k") | headers if headers else {})
        good = await post(door, hook.endpoint.path, headers=github(key="k"))
    assert spoiled.status == 401
    assert spoiled.headers["content-type"] == "application/problem+json"
    assert spoiled.value["code"] == "bad_signature"
    assert good.value["duplicate"] is False
    noted = await Delivery.objects.aget(rejection=Refusal.BAD_SIGNATURE)
    assert noted.delivery_key is None
    assert noted.endpoint_id == hook.endpoint.pk
    assert not await PendingDelivery.objects.filter(delivery=noted).aexists()


@pytest.mark.parametrize("is_empty", [False, True])
async def test_an_endpoint_without_a_secret_lets_nobody_in(is_empty: bool) -> None:
    hook = await make()
    await hook.connection.secrets.all().adelete()
    if is_empty:
        await Secret.objects.acreate(connection=hook.connection, name="webhook", value="", created_at=datetime.now(UTC))
    async with open_door() as door:
        answer = await post(door, hook.endpoint.path, headers=github())
        empty = await post(door, hook.endpoint.path, headers=github(secret=""))
    assert (answer.status, empty.status) == (401, 401)
    assert {row.rejection async for row in Delivery.objects.all()} == {Refusal.NO_SECRET}


async def test_a_secret_under_a_lost_key_closes_its_own_endpoint_only() -> None:
    lost, good = await make(), await make()
    sealed = "dct1.00000000.gAAAAA"
    table = Secret._meta.db_table

    def spoil() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET value = %s WHERE connection_id = %s", [sealed, lost.connection.pk])

    await sync_to_async(spoil)()
    async with open_door() as door:
        turned = await post(door, lost.endpoint.path, headers=github())
        assert (turned.status, turned.value["code"]) == (503, "wrong_key")
        assert "DCT_ENCRYPTION_KEYS" in turned.value["detail"]
        assert (await post(door, good.endpoint.path, headers=github())).status == 202
        assert (await post(door, good.endpoint.path, headers=github(secret="no"))).status == 401
    assert not await Delivery.objects.filter(endpoint_id=lost.endpoint.pk).aexists()


async def test_both_secrets_hold_while_rotating_and_only_the_new_one_after_a_day() -> None:
    hook = await make()
    by, at = Actor.system(), datetime.now(UTC)
    async with open_door() as door:
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202
        fresh = await sync_to_async(endpoints.rotate_secret)(endpoint=hook.endpoint, by=by, now=at)
        assert (await post(door, hook.endpoint.path, headers=github(secret=fresh))).status == 202
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202
    async with open_door(now=lambda: at + timedelta(hours=25)) as tomorrow:
        assert (await post(tomorrow, hook.endpoint.path, headers=github())).status == 401
        assert (await post(tomorrow, hook.endpoint.path, headers=github(secret=fresh))).status == 202


async def test_a_secret_that_was_revoked_is_refused_by_a_door_that_still_remembers_it() -> None:
    hook = await make()
    by, at = Actor.system(), datetime.now(UTC)
    fresh = await sync_to_async(endpoints.rotate_secret)(endpoint=hook.endpoint, by=by, now=at)
    async with open_door() as door:
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202
        await sync_to_async(endpoints.revoke_old_secrets)(endpoint=hook.endpoint, by=by, now=at)
        assert (await post(door, hook.endpoint.path, headers=github())).status == 401
        assert (await post(door, hook.endpoint.path, headers=github(secret=fresh))).status == 202


async def test_an_endpoint_that_was_disabled_is_gone_at_once_and_looks_like_an_unknown_one() -> None:
    hook = await make()
    async with open_door() as door:
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202
        await sync_to_async(endpoints.disable)(endpoint=hook.endpoint, by=Actor.system(), now=datetime.now(UTC))
        disabled = await post(door, hook.endpoint.path, headers=github())
        unknown = await post(door, "no-such-path", headers=github())
        assert disabled.status == unknown.status == 404
        assert disabled.body == unknown.body
        assert door.rejections.unknown_paths == 1
    assert await Delivery.objects.acount() == 1


async def test_an_endpoint_made_after_the_door_opened_is_known_to_its_first_delivery() -> None:
    async with open_door() as door:
        assert (await post(door, "no-such-path")).status == 404
        hook = await make()
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202


async def test_unknown_paths_cost_one_reading_for_all_that_come_together() -> None:
    await make()
    async with open_door() as door:
        readings = 0
        load = door.endpoints.load

        def counted() -> object:
            nonlocal readings
            readings += 1
            return load()

        door.endpoints.load = counted  # type: ignore[assignment, method-assign]
        answers = await asyncio.gather(*(post(door, f"unknown-{number}") for number in range(200)))
    assert {answer.status for answer in answers} == {404}
    assert readings <= 2


async def test_a_body_that_is_too_large_is_413_whether_it_says_so_or_not() -> None:
    hook = await make(max_body_bytes=100)
    body = b'"' + b"x" * 200 + b'"'
    async with open_door() as door:
        declared = await post(door, hook.endpoint.path, body, github(body))
        secretly = await post(door, hook.endpoint.path, [body[:90], body[90:]], github(body), declares_length=False)
        lying = await post(door, hook.endpoint.path, body, github(body) | {"Content-Length": "10"})
    assert {declared.status, secretly.status, lying.status} == {413}
    assert {row.rejection async for row in Delivery.objects.all()} == {Refusal.TOO_LARGE}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"\xff\xfe", b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b'{"a": 1e400}', b'{"a": NaN}',
        b"[" * 1000 + b"]" * 1000, b'{"a": ' + b"9" * 1001 + b"}", b"payload=%7B%7D",
    ],
)  # fmt: skip
async def test_a_signed_body_that_is_not_safe_json_is_400(body: bytes) -> None:
    hook = await make()
    async with open_door() as door:
        answer = await post(door, hook.endpoint.path, body, github(body))
    assert answer.status == 400
    assert answer.value["code"] == "not_safe_json"
    assert (await Delivery.objects.aget()).rejection == Refusal.NOT_SAFE_JSON


async def test_githubs_form_encoding_is_taken_as_it_is() -> None:
    hook = await make()
    body = b"payload=%7B%22action%22%3A%22opened%22%7D"
    async with open_door() as door:
        headers = github(body) | {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await post(door, hook.endpoint.path, body, headers)
        empty = await post(
            door, hook.endpoint.path, b"a=b", headers | github(b"a=b") | {"Content-Type": headers["Content-Type"]}
        )
    assert (answer.status, empty.status) == (202, 400)
    assert bytes((await Delivery.objects.aget(rejection="")).body) == body


async def test_a_compressed_body_is_415() -> None:
    hook = await make()
    async with open_door() as door:
        assert (await post(door, hook.endpoint.path, headers=github() | {"Content-Encoding": "gzip"})).status == 415


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_anything_but_a_post_is_405(method: str) -> None:
    hook = await make()
    async with open_door() as door:
        answer = await post(door, hook.endpoint.path, headers=github(), method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


async def test_too_many_are_429_before_any_signature_is_computed_and_noted_once() -> None:
    hook = await make(rate_per_minute=12)
    async with open_door() as door:
        answers = [await post(door, hook.endpoint.path, headers={"X-Hub-Signature-256": "bad"}) for _ in range(8)]
    assert [answer.status for answer in answers] == [401, 401, 429, 429, 429, 429, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert await Delivery.objects.filter(rejection=Refusal.RATE_LIMITED).acount() == 1


async def test_a_flood_is_one_row_and_who_waits_as_told_gets_in() -> None:
    hook, at = await make(rate_per_minute=60), [1_000.0]
    async with open_door(monotonic=lambda: at[0]) as door:
        answers = []
        for _ in range(40):
            at[0] += 0.25
            answers.append(await post(door, hook.endpoint.path, headers={"X-Hub-Signature-256": "bad"}))
        turned = answers[-1]
        assert turned.status == 429
        at[0] += int(turned.headers["retry-after"])
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202
    assert await Delivery.objects.filter(rejection=Refusal.RATE_LIMITED).acount() == 1


async def test_only_the_last_hundred_rejected_ones_are_kept_and_not_more_than_four_kilobytes_of_each() -> None:
    hook = await make()
    body = b'"' + b"x" * 9000 + b'"'
    async with open_door() as door:
        for _ in range(2):
            await asyncio.gather(*(post(door, hook.endpoint.path, body) for _ in range(130)))
            await door.rejections._flush()
    assert await Delivery.objects.acount() == 100
    assert len((await Delivery.objects.afirst()).body) == 4096  # type: ignore[union-attr]


async def test_a_flood_of_rejected_ones_is_told_in_one_line_for_each_connection() -> None:
    first, second = await make(), await make()
    lines: list[JournalEntry] = []
    async with open_door() as door:
        door.rejections._flush_s = 600
        for _ in range(3):
            for hook in (first, second):
                await asyncio.gather(*(post(door, hook.endpoint.path) for _ in range(110)))
            await door.rejections._flush()
            newest = [await rejected(hook.endpoint.connection_id).order_by("pk").alast() for hook in (first, second)]
            lines = [line async for line in JournalEntry.objects.filter(kind="delivery").order_by("pk")]
            assert [line.object_id for line in lines] == [one.pk for one in newest if one]
    assert {(line.came_from, line.to, line.by) for line in lines} == {("", "rejected", SYSTEM)}
    assert lines[0].refs == {"delivery": lines[0].object_id, "connection": first.endpoint.connection_id}


def rejected(connection_id: int) -> QuerySet[Delivery]:
    return Delivery.objects.filter(connection_id=connection_id).exclude(rejection="")


async def test_what_was_written_and_not_told_yet_is_told_with_the_rest() -> None:
    first, second = await make(), await make()
    async with open_door() as door:
        door.rejections._flush_s = 600
        await asyncio.gather(*(post(door, first.endpoint.path) for _ in range(100)))
        await post(door, second.endpoint.path)
        door.rejections._behind = Busy(store(), 2)  # type: ignore[assignment]
        await door.rejections._flush()
        assert await JournalEntry.objects.filter(kind="delivery").acount() == 0
        await door.rejections._flush()
        told = [line.refs["connection"] async for line in JournalEntry.objects.filter(kind="delivery")]
    assert told == [first.endpoint.connection_id, second.endpoint.connection_id]


async def test_only_who_may_see_the_connection_hears_of_what_was_turned_away() -> None:
    hook = await make()
    async with open_door() as door:
        await post(door, hook.endpoint.path)
    (line,) = [line async for line in JournalEntry.objects.filter(kind="delivery")]
    connection = await Connection.objects.select_related("owner").aget(pk=hook.endpoint.connection_id)
    stranger, owner = await sync_to_async(make_user)(role=Role.CEO), connection.owner
    assert owner is not None
    await User.objects.filter(pk=owner.pk).aupdate(role=Role.CEO)
    await owner.arefresh_from_db()

    assert topics_of(line) >= {"deliveries", f"connection:{connection.pk}"}
    assert await sync_to_async(visible_entries)([line], user=owner) == [line]
    assert await sync_to_async(visible_entries)([line], user=stranger) == []


class Busy:
    """A store whose turn to write behind the others comes to nothing at some of its tries."""

    def __init__(self, store: Store, *busy: int) -> None:
        self._store, self._busy, self.tries = store, busy, 0
        self.close = store.close

    def writing_behind(self) -> AbstractContextManager[Statements]:
        self.tries += 1
        if self.tries in self._busy:
            raise sqlite3.OperationalError("database is locked")
        return self._store.writing_behind()


async def test_what_others_left_no_turn_to_write_is_written_at_the_next() -> None:
    first, second = await make(), await make()
    async with open_door() as door:
        door.rejections._flush_s = 600
        for hook, count in ((first, 90), (second, 30)):
            await asyncio.gather(*(post(door, hook.endpoint.path, headers={"X-Nr": "1"}) for _ in range(count)))
        door.rejections._behind = Busy(store(), 2)  # type: ignore[assignment]
        await door.rejections._flush()
        assert await Delivery.objects.acount() == 100
        await door.rejections._flush()
        assert await Delivery.objects.acount() == 120


async def test_newer_ones_take_the_place_of_those_that_could_not_be_written() -> None:
    hook = await make()
    async with open_door() as door:
        door.rejections._flush_s = 600
        behind = Busy(store(), 1)
        door.rejections._behind = behind  # type: ignore[assignment]
        await post(door, hook.endpoint.path, b"old")
        await post(door, hook.endpoint.path, b"older than the others")
        flushing = asyncio.ensure_future(door.rejections._flush())
        await asyncio.sleep(0)
        await asyncio.gather(*(post(door, hook.endpoint.path, b"new") for _ in range(99)))
        await flushing
        await door.rejections._flush()
    assert behind.tries == 2
    assert await Delivery.objects.acount() == 100
    assert await Delivery.objects.filter(body=b"new").acount() == 99


async def test_more_bytes_than_the_door_holds_at_one_time_are_503() -> None:
    hook = await make()
    body = b'"' + b"x" * 1000 + b'"'
    async with open_door(bytes_in_flight=500) as door:
        whole = await post(door, hook.endpoint.path, body, github(body))
        parts = await post(door, hook.endpoint.path, [body[:400], body[400:]], github(body), declares_length=False)
        small = await post(door, hook.endpoint.path, headers=github())
        assert door._budget.used == 0
    assert (whole.status, parts.status, small.status) == (503, 503, 202)
    assert whole.headers["retry-after"] == "1"


async def test_a_body_that_does_not_come_is_408_and_gives_its_bytes_back() -> None:
    hook = await make()
    sent: list[int] = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])  # type: ignore[arg-type]

    async with open_door(body_deadline_s=0.05) as door:
        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/hooks/{hook.endpoint.path}",
            "headers": [(b"content-length", b"100")],
        }
        await door(scope, receive, send)  # type: ignore[arg-type]
        assert door._budget.used == 0
    assert sent == [408]


async def test_a_client_that_leaves_is_answered_by_nothing_and_leaves_nothing() -> None:
    hook = await make()
    async with open_door() as door:
        answer = await post(door, hook.endpoint.path, [], github())
        assert door._budget.used == 0
    assert answer.status == 0
    assert await Delivery.objects.acount() == 0


async def test_a_generic_webhook_takes_its_id_from_where_the_endpoint_says() -> None:
    by_header = await make(Source.WEBHOOK, signature_header="X-Sig", id_header="X-Id")
    by_path = await make(Source.WEBHOOK, signature_header="X-Sig", id_path="data.0.id")
    without = await make(Source.WEBHOOK, signature_header="X-Sig")
    body = b'{"data": [{"id": 7}]}'
    headers = {"X-Sig": sign(SECRET.encode(), body), "X-Id": "h1"}
    async with open_door() as door:
        for hook in (by_header, by_path, without, without):
            assert (await post(door, hook.endpoint.path, body, headers)).value["duplicate"] is False
    keys = [row.delivery_key async for row in Delivery.objects.order_by("id")]
    assert keys == ["h1", "7", None, None]


async def test_a_replay_after_six_minutes_is_refused_where_the_endpoint_has_timestamps() -> None:
    hook = await make(Source.WEBHOOK, signature_header="X-Sig", timestamp_header="X-Time")
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    stamp = int(at.timestamp())
    headers = {"X-Sig": sign(SECRET.encode(), BODY, timestamp=stamp), "X-Time": str(stamp)}
    async with open_door(now=lambda: at) as door:
        assert (await post(door, hook.endpoint.path, headers=headers)).status == 202
    async with open_door(now=lambda: at + timedelta(minutes=6)) as later:
        assert (await post(later, hook.endpoint.path, headers=headers)).status == 401
        fresh = headers | {"X-Time": str(stamp + 360)}
        assert (await post(later, hook.endpoint.path, headers=fresh)).status == 401
    assert {row.rejection async for row in Delivery.objects.exclude(rejection="")} == {
        Refusal.STALE_TIMESTAMP,
        Refusal.BAD_SIGNATURE,
    }
