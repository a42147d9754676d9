"""Mail connections: tried, made, and given a new password."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection, Secret, User
from accounts.services import audit
from dct_site.kernel import moves
from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import ContextListener
from triggers.services import generation
from triggers.services.egress import guard
from triggers.services.listening import listener_for
from triggers.sources.email.parse import mailbox
from triggers.sources.email.poller import PASSWORD, open_mailbox
from triggers.sources.email.settings import InvalidMailSettings, MailSettings, password_problems, problems_of
from workspaces.services import items

DEFAULT_INTERVAL_MS = 60_000


@dataclass(frozen=True)
class Tried:
    """A mailbox that was signed in to: its folders, and how many mails it ever had."""

    folders: list[str]
    mails: int


def check_connection(*, password: str, **settings: Any) -> Tried:
    """Sign in to a mailbox and open its folder; nothing is stored or changed.

    ``settings`` as in ``create_mail_connection``. Takes up to a minute where a server does not answer: never call it
    inside a transaction. Raises InvalidMailSettings and PollFailed, whose text is one sentence for people.
    """
    config = _config(**settings)
    if problems := [*problems_of(config), *password_problems(password)]:
        raise InvalidMailSettings(problems)
    with open_mailbox(MailSettings.from_config(config), password, config) as box:
        opened = box.open()
        return Tried(folders=box.folders(), mails=opened.uidnext - 1)


def create_mail_connection(
    *,
    name: str,
    owner: User,
    password: str,
    by: Actor,
    now: datetime,
    polling_interval_ms: int = DEFAULT_INTERVAL_MS,
    **settings: Any,
) -> Connection:
    """Make a connection to a mailbox with its password, its listener (due at once) and its card in the library.

    ``settings``: host, port, security (ssl, starttls, plain), username, and perhaps folder (INBOX), address (where it
    differs from the user name), authserv_id (the name under which the own server writes Authentication-Results, which
    it must strip from what comes in), allowed_actors, allow_private (servers in private networks; for Developers to
    decide), allow_plain. Raises InvalidMailSettings, Denied. Does not try the mailbox: see ``check_connection``.
    """
    config = _config(**settings)
    if problems := [*problems_of(config), *password_problems(password)]:
        raise InvalidMailSettings(problems)
    guard(config, standing={}, by=by)
    with transaction.atomic():
        generation.bump()
        connection = Connection.objects.create(
            name=name,
            source=Source.EMAIL,
            owner=owner,
            tenant=f"{config['username']}@{config['host']}"[:200],
            config=config,
            created_at=now,
            updated_at=now,
        )
        Secret.objects.create(connection=connection, name=PASSWORD, value=password, created_at=now)
        listener_for(
            connection=connection,
            item=None,
            now=now,
            listener_type=ListenerType.EMAIL,
            polling_interval_ms=polling_interval_ms,
        )
        audit.record(by=by, action="connection.created", obj=connection, now=now, after={"name": name, **config})
        ref = mailbox(config)
        items.create_item(connection=connection, kind=ref.kind, external_key=ref.key, title=ref.title, by=by, now=now)
        poke_on_commit(Topic.POLL)
    return connection


def change_password(*, connection: Connection, password: str, by: Actor, now: datetime) -> None:
    """Replace the password and poll at once, also where the old one had been refused. Raises InvalidMailSettings."""
    if problems := password_problems(password):
        raise InvalidMailSettings(problems)
    with transaction.atomic():
        Secret.objects.filter(connection=connection, name=PASSWORD).delete()
        Secret.objects.create(connection=connection, name=PASSWORD, value=password, created_at=now)
        for row in ContextListener.objects.filter(connection=connection).exclude(status=ListenerStatus.PAUSED):
            _poll_afresh(row, by, now)
        audit.record(by=by, action="connection.password_changed", obj=connection, now=now)
        poke_on_commit(Topic.POLL)


def _poll_afresh(row: ContextListener, by: Actor, now: datetime) -> None:
    fresh: dict[str, Any] = {"failures": 0, "next_due_at": now, "status_reason": ""}
    if row.status == ListenerStatus.HEALTHY:
        ContextListener.objects.filter(pk=row.pk).update(**fresh)
        return
    moves.move(row, ListenerStatus.HEALTHY, now=now, reason="The password was changed.", by=by.label, **fresh)


def _config(
    *,
    host: str,
    port: int,
    security: str,
    username: str,
    folder: str = "INBOX",
    address: str = "",
    authserv_id: str = "",
    allowed_actors: list[str] | None = None,
    allow_private: bool = False,
    allow_plain: bool = False,
) -> Mapping[str, Any]:
    """The settings as they are stored; what says nothing is left out."""
    said: dict[str, Any] = {
        "address": address,
        "authserv_id": authserv_id,
        "allowed_actors": allowed_actors or [],
        "allow_private": allow_private,
        "allow_plain": allow_plain,
    }
    asked = {"host": host, "port": port, "security": str(security), "username": username, "folder": folder or "INBOX"}
    return asked | {name: value for name, value in said.items() if value}
