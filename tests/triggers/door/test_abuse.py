"""What a sender who has the secret, or none, may try at the door: every answer is JSON and below 500."""

import json
import socket
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async

from accounts.enums import Source
from tests.abuse import CHARSETS, ENCODINGS, NOT_SAFE, TAKEN_TWICE, TWICE, ZIPPED
from tests.factories.triggers import NOON
from tests.triggers.door.client import BODY, SECRET, github, make_hook, open_door, post
from tests.triggers.door.test_process import Serve, serve  # noqa: F401 - a fixture
from triggers.door.verify import sign
from triggers.enums import DeliveryStatus, Refusal
from triggers.models import Delivery, DeliveryOutcome, Event
from triggers.services.decide.pending import decide_pending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tidy")]
make = sync_to_async(make_hook)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FORMS = (b"payload=%", b"payload=%00", b"payload=%ff", b"=" * 999, b"&" * 9999, b"payload={}&" * 50, b"\xff")
# Each alone is JSON that DCT takes; together they are a value that no source's parser was made for.
STRANGE = [b"null", b"[]", b'"text"', b"0", b"[[[[]]]]", b"{}", b'{"action": 5, "pull_request": []}', b'{"": {"": ""}}']


async def test_what_is_not_safe_is_noted_with_its_reason_and_makes_no_work() -> None:
    hook = await make(rate_per_minute=1_000_000)
    async with open_door() as door:
        for name, body in NOT_SAFE.items():
            answer = await post(door, hook.endpoint.path, body, github(body))
            assert (answer.status, answer.value["code"]) == (400, "not_safe_json"), name
    rows = [row async for row in Delivery.objects.all()]
    assert {row.rejection for row in rows} == {Refusal.NOT_SAFE_JSON}
    assert len(rows) == len(NOT_SAFE)


async def test_the_same_inside_a_form_is_refused_too() -> None:
    hook = await make(rate_per_minute=1_000_000)
    async with open_door() as door:
        for name, body in NOT_SAFE.items():
            if len(body) > 100_000:
                continue
            form = b"payload=" + quote(body).encode()
            answer = await post(door, hook.endpoint.path, form, github(form) | FORM)
            assert answer.status == 400, name
        for form in (
            b"payload=%",
            b"payload=%00",
            b"payload=%ff",
            b"=" * 999,
            b"&" * 9999,
            b"payload={}&" * 50,
            b"\xff",
        ):
            answer = await post(door, hook.endpoint.path, form, github(form) | FORM)
            assert (answer.status, answer.value["code"]) == (400, "not_safe_json"), form


async def test_of_equal_names_everybody_reads_the_last_one() -> None:
    hook = await make(Source.WEBHOOK, signature_header="X-Sig", id_path="action")
    async with open_door() as door:
        answer = await post(door, hook.endpoint.path, TWICE, {"X-Sig": sign(SECRET.encode(), TWICE)})
    assert answer.status == 202
    assert (await Delivery.objects.aget()).delivery_key == "closed"
    await sync_to_async(decide_pending)(now=NOON)
    assert (await Event.objects.aget()).data == TAKEN_TWICE


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_nothing_is_unpacked_so_nothing_can_be_a_bomb(encoding: str) -> None:
    hook = await make()
    headers = github(ZIPPED) | {"Content-Encoding": encoding}
    async with open_door() as door:
        answer = await post(door, hook.endpoint.path, ZIPPED, headers)
    assert (answer.status, answer.value["code"]) == (415, "encoded")
    assert "without Content-Encoding" in answer.value["detail"]


async def test_json_is_utf_8_whatever_a_sender_calls_it() -> None:
    hook = await make(rate_per_minute=1_000_000)
    utf_16 = '{"a": "é"}'.encode("utf-16")
    async with open_door() as door:
        for charset in CHARSETS:
            called = {"Content-Type": f"application/json; charset={charset}"}
            assert (await post(door, hook.endpoint.path, BODY, github() | called)).status == 202, charset
            assert (await post(door, hook.endpoint.path, utf_16, github(utf_16) | called)).status == 400, charset
            form = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
            body = b"payload=%7B%22a%22%3A%221%22%7D"
            assert (await post(door, hook.endpoint.path, body, github(body) | form)).status == 202, charset


async def test_what_a_parser_cannot_use_ends_refused_with_a_reason() -> None:
    for source in (Source.GITHUB, Source.WEBHOOK):
        over = {} if source == Source.GITHUB else {"signature_header": "X-Hub-Signature-256"}
        hook = await make(source, **over)
        async with open_door() as door:
            for body in STRANGE:
                assert (await post(door, hook.endpoint.path, body, github(body))).status == 202, body
    await sync_to_async(decide_pending)(now=NOON)
    outcomes = [outcome async for outcome in DeliveryOutcome.objects.all()]
    assert len(outcomes) == 2 * len(STRANGE)
    assert {one.status for one in outcomes} <= {DeliveryStatus.DECIDED, DeliveryStatus.REFUSED}
    for one in outcomes:
        assert one.event_count or (one.reason and one.detail), one.delivery_id


LIES = {
    "less than comes": (b"Content-Length: 5\r\n\r\n" + BODY, (400, 401)),
    "more than comes": (b"Content-Length: 999\r\n\r\n" + BODY, (408,)),
    "two lengths": (b"Content-Length: 5\r\nContent-Length: 33\r\n\r\n" + BODY, (400,)),
    "length and chunks": (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    "below nothing": (b"Content-Length: -1\r\n\r\n", (400,)),
    "no number": (b"Content-Length: 1e3\r\n\r\n" + BODY, (400,)),
    "beyond every number": (b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + BODY, (400, 413)),
    "more than is taken": (b"Content-Length: 99999999\r\n\r\n" + BODY, (413,)),
    "a chunk that is none": (b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", (400, 408)),
    "a chunk without end": (b"Transfer-Encoding: chunked\r\n\r\nff\r\n{", (408,)),
}


def test_a_lie_about_the_length_gets_a_4xx_and_the_next_client_is_served(serve: Serve) -> None:  # noqa: F811
    hook = make_hook()
    served = serve(HEADER_DEADLINE_S="0.3", BODY_DEADLINE_S="0.3")
    head = f"POST /hooks/{hook.endpoint.path} HTTP/1.1\r\nHost: x\r\n".encode()
    clients = {}
    for name, (rest, _) in LIES.items():
        clients[name] = socket.create_connection(("127.0.0.1", served.port), timeout=20)
        clients[name].sendall(head + rest)
    for name, client in clients.items():
        answer = b""
        while part := client.recv(65536):
            answer += part
        client.close()
        first, _, rest = answer.partition(b"\r\n\r\n")
        assert int(first.split()[1]) in LIES[name][1], f"{name}: {first!r}"
        json.JSONDecoder().raw_decode(rest.decode())
    assert served.post(hook.endpoint.path, headers=github())[0] == 202
    assert Delivery.objects.filter(rejection="").count() == 1
