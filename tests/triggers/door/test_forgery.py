"""Threat T9 at the door: requests that somebody recorded, changed, guessed or sends again."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from accounts.enums import Source
from dct_site.simulators.github import body_of
from tests.factories.triggers import make_trigger
from tests.triggers.door.client import SECRET, github, make_hook, open_door, post
from triggers.door.verify import sign
from triggers.models import Delivery, DeliveryOutcome, Execution
from triggers.models.endpoint import new_path
from triggers.services.decide.pending import decide_pending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tidy")]
make = sync_to_async(make_hook)
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STAMP = int(AT.timestamp())
BODY = body_of("pull_request", number=7, now=AT)
SIGNED = {
    "X-Sig": sign(SECRET.encode(), BODY, timestamp=STAMP),
    "X-Time": str(STAMP),
    "X-Id": "d-1",
    "Content-Type": "application/json",
}


async def test_each_byte_of_what_is_signed_is_held() -> None:
    """The id and the content's type are no part of it; see the next test for what another id can do."""
    hook = await make(
        Source.WEBHOOK, signature_header="X-Sig", timestamp_header="X-Time", id_header="X-Id", rate_per_minute=1_000_000
    )
    async with open_door(now=lambda: AT) as door:
        door.endpoints._read_every_s = 0.0
        for name in ("X-Sig", "X-Time"):
            value = SIGNED[name]
            changed = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value))]
            for spoiled in [*changed, "", value[:-1], value + "0", f"{value}, {value}", " ", value.upper() + "é"]:
                answer = await post(door, hook.endpoint.path, BODY, SIGNED | {name: spoiled})
                assert answer.status == 401, (name, spoiled)
            missing = {other: kept for other, kept in SIGNED.items() if other != name}
            assert (await post(door, hook.endpoint.path, BODY, missing)).status == 401
        for at in range(0, len(BODY), 41):
            body = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
            assert (await post(door, hook.endpoint.path, body, SIGNED)).status == 401, at
        assert not await Delivery.objects.filter(rejection="").aexists()
        assert (await post(door, hook.endpoint.path, BODY, SIGNED)).status == 202
        assert (await post(door, hook.endpoint.path, BODY, SIGNED)).value["duplicate"] is True


async def test_a_recorded_request_under_another_id_fires_nothing_more() -> None:
    """GitHub signs neither a time nor the delivery's id: the change itself is known by its key."""
    hook = await make()
    await sync_to_async(make_trigger)(
        connection=hook.connection, owner=hook.connection.owner, limits={"stale_after_s": None}
    )
    later = AT + timedelta(minutes=6)
    async with open_door(now=lambda: later) as door:
        for number in range(5):
            answer = await post(door, hook.endpoint.path, BODY, github(BODY, key=f"forged-{number}"))
            assert answer.value["duplicate"] is False
    await sync_to_async(decide_pending)(now=later)
    assert await Execution.objects.acount() == 1
    told = [one.detail async for one in DeliveryOutcome.objects.filter(event_count=0)]
    assert len(told) == 4
    assert all("same change" in detail for detail in told)


def test_an_address_is_128_random_bits() -> None:
    paths = {new_path() for _ in range(200)}
    assert len(paths) == 200
    assert {len(base64.urlsafe_b64decode(path + "==")) for path in paths} == {16}
