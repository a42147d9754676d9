"""``/ws/status/``: who may listen, to what, filtered by the rule, closed when the right is gone."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from accounts.actor import Actor
from accounts.enums import Role, Source, TokenScope
from accounts.models import Connection, User
from accounts.services import people
from agents.enums import MessageKind
from agents.models import Agent, AgentMessage
from dct_site.kernel import wake
from dct_site.kernel.journal import Line, write
from dct_site.live import sockets
from dct_site.live.sockets import BAD_ORIGIN, SIGNED_OUT, is_own_origin, websocket_application
from dct_site.live.updates import follower
from tests.factories.agents import make_agent, make_profile
from tests.factories.workspaces import make_workspace
from tests.live.client import Socket
from workspaces.enums import ItemKind
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def following() -> AsyncIterator[None]:
    await follower.start()
    yield
    await follower.stop()


def item_of(owner: User, now: datetime, key: str) -> ContextItem:
    connection = Connection.objects.create(name=key, source=Source.GITHUB, owner=owner, created_at=now, updated_at=now)
    return ContextItem.objects.create(connection=connection, kind=ItemKind.REPOSITORY, external_key=key, created_at=now)


@sync_to_async
def people_and_items(now: datetime) -> tuple[User, User, ContextItem, ContextItem]:
    ann, bob = (User.objects.create(username=name, role=Role.CEO) for name in ("ann", "bob"))
    return ann, bob, item_of(ann, now, "ann/one"), item_of(bob, now, "bob/one")


@sync_to_async
def changed(now: datetime, *items: ContextItem) -> None:
    with transaction.atomic():
        write(*(Line("item", item.pk, "", "changed", "", "system", now, {"item": item.pk}) for item in items))


@sync_to_async
def token_for(user: User, now: datetime, **over: Any) -> str:
    return people.issue_token(user=user, name="t", by=Actor.cli(), now=now, **over)[1]


@sync_to_async
def session_cookie(user: User) -> bytes:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode()


def socket(*headers: tuple[bytes, bytes], path: str = "/ws/status/") -> Socket:
    return Socket(websocket_application(), path, headers=[(b"host", b"dct.example"), *headers])


async def signed_in(token: str) -> Socket:
    client = socket()
    assert (await client.connect())[0]
    await client.say({"type": "auth", "token": token})
    assert (await client.hear())["type"] == "welcome"
    return client


async def test_a_token_in_the_first_message_lets_in_and_shows_only_own_things(now: datetime, following: None) -> None:
    ann, _, own, other = await people_and_items(now)
    client = await signed_in(await token_for(ann, now))
    await client.say({"type": "subscribe", "topics": ["items", "nonsense"]})
    await client.say({"type": "ping"})
    assert (await client.hear())["type"] == "pong"
    await changed(now, other, own)
    await follower.look()
    message = await client.hear()
    assert (message["object"], message["id"], message["seq"]) == ("item", own.pk, 3)
    assert await client.receive_nothing(0.05)
    await client.disconnect()


@sync_to_async
def agent_of(owner: User) -> Agent:
    return make_agent(workspace=make_workspace(owner=owner), profile=make_profile(owner=owner))


@sync_to_async
def say(agent: Agent, seq: int, now: datetime) -> None:
    AgentMessage.objects.create(agent_id=agent.pk, seq=seq, kind=MessageKind.TEXT, text="hello", at=now)


async def test_what_an_agent_says_is_hinted_once_to_those_who_may_read_it(now: datetime, following: None) -> None:
    ann, bob, *_ = await people_and_items(now)
    agent = await agent_of(ann)
    hers, his = [await signed_in(await token_for(user, now)) for user in (ann, bob)]
    for client in (hers, his):
        await client.say({"type": "subscribe", "topics": [f"talk:{agent.pk}"]})
        await client.say({"type": "ping"})
        assert (await client.hear())["type"] == "pong"
    for seq in (1, 2):
        await say(agent, seq, now)
        await follower.look()
        await follower.look()
        heard = await hers.hear()
        assert (heard["type"], heard["id"], heard["last_seq"]) == ("message", agent.pk, seq)
        assert "hello" not in str(heard)
    for client in (hers, his):
        assert await client.receive_nothing(0.05)
        await client.disconnect()


async def test_what_was_unsubscribed_is_not_told(now: datetime, following: None) -> None:
    ann, _, own, _ = await people_and_items(now)
    client = await signed_in(await token_for(ann, now))
    await client.say({"type": "subscribe", "topics": ["items"]})
    await client.say({"type": "unsubscribe", "topics": ["items"]})
    await client.say({"type": "ping"})
    await client.hear()
    await changed(now, own)
    await follower.look()
    assert await client.receive_nothing(0.05)
    await client.disconnect()


async def test_what_changed_while_the_page_was_on_its_way_is_told_at_subscription(
    now: datetime, following: None
) -> None:
    ann, _, own, _ = await people_and_items(now)
    await changed(now, own)
    await follower.look()
    client = await signed_in(await token_for(ann, now))
    await client.say({"type": "subscribe", "topics": ["items"], "since": now.isoformat()})
    assert (await client.hear())["id"] == own.pk
    await client.disconnect()


async def test_a_session_lets_in_from_an_own_page_only(now: datetime, following: None) -> None:
    ann, *_ = await people_and_items(now)
    cookie = (b"cookie", await session_cookie(ann))
    own = socket(cookie, (b"origin", b"http://dct.example"))
    assert (await own.connect())[0]
    assert (await own.hear())["user"] == "ann"
    await own.disconnect()
    foreign = socket(cookie, (b"origin", b"http://dct.example:8001"))
    assert await foreign.connect() == (False, BAD_ORIGIN)


async def test_a_bad_or_narrow_token_is_turned_away(now: datetime, following: None) -> None:
    ann, *_ = await people_and_items(now)
    narrow = await token_for(ann, now, scopes=[TokenScope.METRICS])
    for token in ("wrong", narrow, "é"):
        client = socket()
        await client.connect()
        await client.say({"type": "auth", "token": token})
        assert await client.closed() == SIGNED_OUT


async def test_nobody_stays_without_signing_in(monkeypatch: pytest.MonkeyPatch, following: None) -> None:
    monkeypatch.setattr(sockets, "SIGN_IN_WITHIN_S", 0.01)
    client = socket()
    await client.connect()
    assert await client.closed() == SIGNED_OUT


async def test_a_withdrawn_token_closes_the_socket(
    now: datetime, monkeypatch: pytest.MonkeyPatch, following: None
) -> None:
    monkeypatch.setattr(sockets, "CHECK_EVERY_S", 0.01)
    ann, *_ = await people_and_items(now)
    client = await signed_in(await token_for(ann, now))
    await sync_to_async(ann.auth_token_set.all().delete)()
    assert await client.closed() == SIGNED_OUT


async def test_logging_out_closes_the_socket(now: datetime, monkeypatch: pytest.MonkeyPatch, following: None) -> None:
    monkeypatch.setattr(sockets, "CHECK_EVERY_S", 0.01)
    ann, *_ = await people_and_items(now)
    client = socket((b"cookie", await session_cookie(ann)), (b"origin", b"http://dct.example"))
    await client.connect()
    await client.hear()
    await sync_to_async(User.objects.filter(pk=ann.pk).update)(is_active=False)
    assert await client.closed() == SIGNED_OUT


@pytest.mark.parametrize("text", ["", "[]", "no json", '{"a":' * 100 + "1" + "}" * 100, '{"type": "sing"}'])
async def test_a_message_that_is_not_understood_is_answered(now: datetime, following: None, text: str) -> None:
    ann, *_ = await people_and_items(now)
    client = await signed_in(await token_for(ann, now))
    await client.send_text(text)
    assert (await client.hear())["type"] == "error"
    await client.disconnect()


async def test_too_many_topics_are_refused(now: datetime, following: None) -> None:
    ann, *_ = await people_and_items(now)
    client = await signed_in(await token_for(ann, now))
    await client.say({"type": "subscribe", "topics": [f"item:{number}" for number in range(501)]})
    assert "at most" in (await client.hear())["detail"]
    await client.disconnect()


async def test_an_unknown_path_is_closed(following: None) -> None:
    connected, code = await socket(path="/ws/other/").connect()
    assert (connected, code) == (False, 4404)


@pytest.mark.parametrize(
    ("origin", "scheme", "is_own"),
    [
        (b"http://dct.example", "ws", True),
        (b"https://dct.example", "ws", False),
        (b"https://dct.example", "wss", True),
        (b"http://evil.example", "ws", False),
        (b"http://[", "ws", False),
        (b"null", "ws", False),
    ],
)
def test_an_origin_is_own_with_scheme_host_and_port(origin: bytes, scheme: str, is_own: bool) -> None:
    scope = {"headers": [(b"host", b"dct.example"), (b"origin", origin)], "scheme": scheme}
    assert is_own_origin(scope) is is_own


@pytest.fixture
def by_socket() -> Iterator[None]:
    real = wake.SocketWake(wake.run_directory())
    before = wake.configure(real)
    yield
    wake.configure(before)
    real.close()


async def follower_of(user: User, item: ContextItem, now: datetime) -> Socket:
    """A socket that follows an item, once the server knows it does."""
    client = await signed_in(await token_for(user, now))
    await client.say({"type": "subscribe", "topics": [f"item:{item.pk}"]})
    await client.say({"type": "ping"})
    await client.hear()
    return client


@pytest.mark.usefixtures("by_socket")
async def test_a_hint_wakes_the_follower(now: datetime, following: None) -> None:
    ann, _, own, _ = await people_and_items(now)
    client = await follower_of(ann, own, now)
    await changed(now, own)
    assert (await client.hear())["id"] == own.pk
    await client.disconnect()


@pytest.mark.postgres
async def test_the_follower_goes_on_when_the_database_hung_up_on_it(now: datetime, following: None) -> None:
    ann, _, own, _ = await people_and_items(now)
    client = await follower_of(ann, own, now)
    session = await follower._in_thread(lambda: connection.connection.info.backend_pid)
    await sync_to_async(_hang_up_on)(session)
    await changed(now, own)
    assert (await client.hear())["id"] == own.pk
    await client.disconnect()


def _hang_up_on(session: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [session])
