"""``/ws/status/``: who may listen, to what, and for how long."""

import asyncio
import contextlib
import json
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import AuthenticationFailed

from accounts.api.authentication import TokenAuthentication
from accounts.enums import TokenScope
from accounts.models import ApiToken, JournalEntry, User
from dct_site.kernel import safe_json
from dct_site.kernel.clock import utcnow
from dct_site.live.mailbox import Mailbox
from dct_site.live.topics import is_topic
from dct_site.live.updates import follower

SIGN_IN_WITHIN_S = 10.0
CHECK_EVERY_S = 15.0
"""Logout and a lost right close the socket within 30 s."""
MOST_TOPICS = 500
LOOK_BACK = 200

BAD_ORIGIN, BAD_MESSAGE, SIGNED_OUT = 4403, 4400, 4401


class StatusConsumer(AsyncWebsocketConsumer):
    """One websocket. Signed in by session, or by a token in the first message; told only what its user may see."""

    mailbox: Mailbox | None = None
    token_digest: str = ""
    session_key: str | None = None
    _tasks: list["asyncio.Task[None]"]

    async def connect(self) -> None:
        self._tasks = []
        scope: dict[str, Any] = dict(self.scope)
        user = scope.get("user")
        has_origin = _header(scope, b"origin") is not None
        if has_origin and not is_own_origin(scope):
            await self.close(BAD_ORIGIN)
            return
        await self.accept()
        # A session counts only for a page of ours: browsers send cookies with every origin, and name the origin.
        if has_origin and isinstance(user, User) and user.is_active:
            self.session_key = scope["session"].session_key
            self._begin(user)
        else:
            self._spawn(self._expect_sign_in())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        if self.mailbox is not None:
            follower.leave(self.mailbox)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            message = safe_json.loads((text_data or "").encode() or bytes_data or b"", max_bytes=64 * 1024)
        except safe_json.UnsafeJson:
            message = None
        if not isinstance(message, dict):
            await self._complain("Send JSON objects with a type.")
            return
        kind = message.get("type")
        if self.mailbox is None:
            await self._sign_in(message)
        elif kind == "subscribe":
            await self._subscribe(self.mailbox, message)
        elif kind == "unsubscribe":
            self.mailbox.unsubscribe(_topics(message))
        elif kind == "ping":
            self.mailbox.put({"type": "pong"})
        else:
            await self._complain("Known types are subscribe, unsubscribe and ping.")

    def _begin(self, user: User) -> None:
        self.mailbox = Mailbox(user)
        follower.join(self.mailbox)
        self._spawn(self._deliver(self.mailbox))
        self._spawn(self._keep_checking(self.mailbox))
        self.mailbox.put({"type": "welcome", "user": user.get_username()})

    async def _sign_in(self, message: dict[str, Any]) -> None:
        token = message.get("token")
        found = await _token_user(token) if message.get("type") == "auth" and isinstance(token, str) else None
        if found is None:
            await self.close(SIGNED_OUT)
            return
        user, self.token_digest = found
        self._begin(user)

    async def _subscribe(self, mailbox: Mailbox, message: dict[str, Any]) -> None:
        topics = _topics(message)
        if len(mailbox.topics | topics) > MOST_TOPICS:
            await self._complain(f"A connection follows at most {MOST_TOPICS} topics.")
            return
        mailbox.subscribe(topics)
        moment = parse_datetime(since) if isinstance(since := message.get("since"), str) else None
        if moment is not None and timezone.is_aware(moment):
            await follower.since(mailbox, await _entries_since(moment))

    async def _deliver(self, mailbox: Mailbox) -> None:
        while True:
            for message in await mailbox.take():
                await self.send(text_data=json.dumps(message))

    async def _expect_sign_in(self) -> None:
        await asyncio.sleep(SIGN_IN_WITHIN_S)
        if self.mailbox is None:
            await self.close(SIGNED_OUT)

    async def _keep_checking(self, mailbox: Mailbox) -> None:
        """Ask again whether this person may listen, and read what changed about the person."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            user = await _still(mailbox.user.pk, self.session_key, self.token_digest)
            if user is None:
                await self.close(SIGNED_OUT)
                return
            mailbox.user = user

    async def _complain(self, detail: str) -> None:
        if self.mailbox is not None:
            self.mailbox.put({"type": "error", "detail": detail})
        else:
            await self.close(BAD_MESSAGE)

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(_quietly(work)))


async def _quietly(work: Any) -> None:
    """A socket that is gone ends its tasks; nobody is left to be told."""
    with contextlib.suppress(RuntimeError, ConnectionError):
        await work


def _topics(message: dict[str, Any]) -> frozenset[str]:
    topics = message.get("topics")
    return frozenset(topic for topic in topics if is_topic(topic)) if isinstance(topics, list) else frozenset()


def _header(scope: dict[str, Any], name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if values else None


def is_own_origin(scope: dict[str, Any]) -> bool:
    """Whether the Origin is this site itself: scheme, host and port. (Channels' validator leaves out scheme and
    port.)
    """
    origin, host = _header(scope, b"origin") or "", _header(scope, b"host") or ""
    try:
        parts = urlsplit(origin)
        given = f"{parts.scheme}://{parts.netloc}".lower()
    except ValueError:
        return False
    scheme = "https" if scope.get("scheme") in {"wss", "https"} else "http"
    allowed = {f"{scheme}://{host}".lower(), *(one.lower() for one in settings.CSRF_TRUSTED_ORIGINS)}
    return given in allowed


@database_sync_to_async
def _token_user(token: str) -> tuple[User, str] | None:
    try:
        user, found = TokenAuthentication().authenticate_credentials(token.encode())
    except (AuthenticationFailed, UnicodeError):
        return None
    return (user, found.digest) if found.allows(TokenScope.FULL) else None


@database_sync_to_async
def _still(user_id: int, session_key: str | None, digest: str) -> User | None:
    """The user as they are now, while the session or token that let them in still holds."""
    now = utcnow()
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return None
    if digest:
        token = ApiToken.objects.filter(pk=digest).first()
        return user if token is not None and (token.expiry is None or token.expiry > now) else None
    session = Session.objects.filter(pk=session_key, expire_date__gt=now).first()
    return user if session is not None and session.get_decoded().get(SESSION_KEY) == str(user_id) else None


@database_sync_to_async
def _entries_since(moment: datetime) -> list[JournalEntry]:
    """The latest entries from ``moment`` on (less a second for clocks), oldest first, at most ``LOOK_BACK``."""
    latest = JournalEntry.objects.order_by("-id")[:LOOK_BACK]
    return sorted((entry for entry in latest if entry.at >= moment - timedelta(seconds=1)), key=lambda entry: entry.pk)


def websocket_application() -> Any:
    """The ASGI application for websockets; an unknown path is refused."""
    consumer: Any = StatusConsumer.as_asgi()
    return _Refuse(AuthMiddlewareStack(URLRouter(cast(Any, [path("ws/status/", consumer)]))))


class _Refuse:
    """Closes a websocket to a path that nobody serves instead of failing with a traceback."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == "/ws/status/":
            await self._application(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 4404})
