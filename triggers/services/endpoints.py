"""Webhook endpoints: made with their connection, their secrets rotated, switched on and off.

Each change bumps the generation: the door verifies what is under way again, so that nothing is accepted under a
secret or an endpoint whose end was acknowledged.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection, Secret, User
from accounts.services import audit
from dct_site.kernel import moves
from dct_site.kernel.edits import edit
from triggers.conditions.schema import Problem
from triggers.enums import ListenerType, Verification
from triggers.models import ContextListener, WebhookEndpoint
from triggers.services import generation
from triggers.services.egress import guard
from triggers.services.own_writes import check_own_actors

SECRET_NAME = "webhook"  # noqa: S105 - the name of the row, not its value
OLD_SECRET_LIVES = timedelta(hours=24)
DEFAULT_SIGNATURE_HEADER = "X-Signature-256"
SHORTEST_SECRET = 16

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}\Z")
_PATH = re.compile(r"[^.\x00-\x1f]+(\.[^.\x00-\x1f]+)*\Z")


class InvalidEndpoint(Exception):
    """The endpoint cannot be as it was asked for; ``problems`` lists every reason with its field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Created:
    """A new webhook connection. ``secret`` is shown once and never again."""

    connection: Connection
    endpoint: WebhookEndpoint
    listener: ContextListener
    secret: str = field(repr=False)


def create_webhook_connection(
    *,
    name: str,
    source: Source,
    owner: User,
    by: Actor,
    now: datetime,
    secret: str | None = None,
    tenant: str = "",
    config: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Created:
    """Make a connection, its endpoint, its secret (a random one where none is given) and its listener.

    ``settings`` are fields of WebhookEndpoint: verification (by the source where not given), signature_header,
    timestamp_header, id_header or id_path, allowed_actors, max_body_bytes, rate_per_minute. Raises InvalidEndpoint,
    InvalidConfig, Denied.
    """
    chosen = _with_defaults(source, settings)
    shown = secret if secret is not None else secrets.token_urlsafe(32)
    if problems := [*_setting_problems(chosen), *_secret_problems(shown)]:
        raise InvalidEndpoint(problems)
    check_own_actors(config or {})
    guard(config or {}, standing={}, by=by)
    with transaction.atomic():
        generation.bump()
        connection = Connection.objects.create(
            name=name,
            source=source,
            owner=owner,
            tenant=tenant,
            config=dict(config or {}),
            created_at=now,
            updated_at=now,
        )
        endpoint = WebhookEndpoint.objects.create(connection=connection, created_at=now, updated_at=now, **chosen)
        Secret.objects.create(connection=connection, name=SECRET_NAME, value=shown, created_at=now)
        listener = ContextListener.objects.create(
            connection=connection, listener_type=ListenerType.WEBHOOK, created_at=now
        )
        moves.born(listener, now=now, by=by.label)
        after = {"name": name, "source": str(source), **chosen}
        audit.record(by=by, action="connection.created", obj=connection, now=now, after=after)
    return Created(connection, endpoint, listener, shown)


def rotate_secret(*, endpoint: WebhookEndpoint, by: Actor, now: datetime, secret: str | None = None) -> str:
    """Replace the secret; the old one holds for another 24 hours, an older one ends now. Returns the new one, once.

    Raises InvalidEndpoint.
    """
    shown = secret if secret is not None else secrets.token_urlsafe(32)
    if problems := _secret_problems(shown):
        raise InvalidEndpoint(problems)
    with transaction.atomic():
        generation.bump()
        kept = Secret.objects.filter(connection_id=endpoint.connection_id, name=SECRET_NAME)
        kept.filter(expires_at__isnull=False).delete()
        kept.update(expires_at=now + OLD_SECRET_LIVES)
        Secret.objects.create(connection_id=endpoint.connection_id, name=SECRET_NAME, value=shown, created_at=now)
        after = {"old_one_ends_at": (now + OLD_SECRET_LIVES).isoformat()}
        audit.record(by=by, action="endpoint.secret_rotated", obj=endpoint, now=now, after=after)
    return shown


def revoke_old_secrets(*, endpoint: WebhookEndpoint, by: Actor, now: datetime) -> int:
    """End replaced secrets before their time; returns how many."""
    with transaction.atomic():
        generation.bump()
        replaced = Secret.objects.filter(
            connection_id=endpoint.connection_id, name=SECRET_NAME, expires_at__isnull=False
        )
        count, _ = replaced.delete()
        audit.record(by=by, action="endpoint.old_secrets_revoked", obj=endpoint, now=now, after={"count": count})
    return count


def change_endpoint(
    *, endpoint: WebhookEndpoint, by: Actor, now: datetime, version: int | None = None, **settings: Any
) -> WebhookEndpoint:
    """Change settings of an endpoint (see ``create_webhook_connection``). Raises InvalidEndpoint and EditConflict."""
    if unknown := settings.keys() - _SETTINGS:
        raise TypeError(f"not settings of an endpoint: {sorted(unknown)}")
    before = {name: getattr(endpoint, name) for name in _SETTINGS}
    if problems := _setting_problems({**before, **settings}):
        raise InvalidEndpoint(problems)
    changed = {name: value for name, value in settings.items() if before[name] != value}
    with transaction.atomic():
        generation.bump()
        edit(endpoint, version=version, updated_at=now, **changed)
        audit.record(
            by=by,
            action="endpoint.changed",
            obj=endpoint,
            now=now,
            before={name: before[name] for name in changed},
            after=changed,
        )
    return endpoint


def enable(*, endpoint: WebhookEndpoint, by: Actor, now: datetime) -> WebhookEndpoint:
    """Answer at the endpoint's address again."""
    return _switch(endpoint, True, by, now)


def disable(*, endpoint: WebhookEndpoint, by: Actor, now: datetime) -> WebhookEndpoint:
    """Answer at the endpoint's address as if there were none."""
    return _switch(endpoint, False, by, now)


def _switch(endpoint: WebhookEndpoint, is_enabled: bool, by: Actor, now: datetime) -> WebhookEndpoint:
    with transaction.atomic():
        generation.bump()
        edit(endpoint, is_enabled=is_enabled, updated_at=now)
        audit.record(
            by=by,
            action="endpoint.enabled" if is_enabled else "endpoint.disabled",
            obj=endpoint,
            now=now,
            after={"is_enabled": is_enabled},
        )
    return endpoint


_SETTINGS = frozenset(
    {
        "verification",
        "signature_header",
        "timestamp_header",
        "id_header",
        "id_path",
        "allowed_actors",
        "max_body_bytes",
        "rate_per_minute",
    }
)
_HEADER_SETTINGS = ("signature_header", "timestamp_header", "id_header")


def _with_defaults(source: Source, settings: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := settings.keys() - _SETTINGS:
        raise TypeError(f"not settings of an endpoint: {sorted(unknown)}")
    by_source = Verification.GITHUB if source == Source.GITHUB else Verification.HMAC_SHA256
    chosen = {"verification": by_source, **settings}
    if chosen["verification"] == Verification.HMAC_SHA256 and not chosen.get("signature_header"):
        chosen["signature_header"] = DEFAULT_SIGNATURE_HEADER
    return chosen


def _setting_problems(settings: Mapping[str, Any]) -> list[Problem]:
    problems = [
        Problem(name, "not_a_header", "This is not a header's name. Use letters, digits and dashes.")
        for name in _HEADER_SETTINGS
        if settings.get(name) and not _HEADER.match(settings[name])
    ]
    if settings["verification"] not in Verification.values:
        problems.append(Problem("verification", "unknown", f"Choose one of {', '.join(Verification.values)}."))
    if settings["verification"] == Verification.HMAC_SHA256 and not settings.get("signature_header"):
        problems.append(Problem("signature_header", "missing", "Name the header that carries the signature."))
    if settings.get("id_header") and settings.get("id_path"):
        problems.append(
            Problem("id_path", "two_ids", "Take the delivery's id from a header or from the body, not both.")
        )
    if settings.get("id_path") and not _PATH.match(settings["id_path"]):
        problems.append(Problem("id_path", "not_a_path", "Write the path as names with dots between, like data.id."))
    actors = settings.get("allowed_actors", [])
    if not isinstance(actors, list) or not all(isinstance(actor, str) and actor.strip() for actor in actors):
        problems.append(Problem("allowed_actors", "not_names", "List the actors' names, one each."))
    problems += [
        Problem(name, "not_positive", "This must be a whole number above 0.")
        for name in ("max_body_bytes", "rate_per_minute")
        if name in settings and (not isinstance(settings[name], int) or settings[name] < 1)
    ]
    return problems


def _secret_problems(secret: str) -> list[Problem]:
    if len(secret.encode()) >= SHORTEST_SECRET:
        return []
    return [Problem("secret", "too_short", f"Use a secret of at least {SHORTEST_SECRET} characters.")]
