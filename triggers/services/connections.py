"""Connections: renamed, paused, switched off, configured. Decisions rest on them: each change bumps the generation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection
from accounts.services import audit
from agents.selectors.gate import connection_key
from agents.services.admission import lock_capacity, tell_pause, unpark
from agents.services.values import InvalidValue
from dct_site.kernel.edits import edit
from triggers.conditions.schema import Problem
from triggers.services import generation, mailboxes
from triggers.services.egress import SERVER, differs, guard
from triggers.services.own_writes import check_own_actors
from triggers.sources.email.settings import InvalidMailSettings, problems_of

CHANGEABLE = frozenset({"name", "tenant", "config", "is_enabled", "is_paused", "max_concurrent"})
MOST_CONCURRENT = 10_000
ANEW = "The stored password was given for another server. Enter it again."


def change_connection(
    *,
    connection: Connection,
    by: Actor,
    now: datetime,
    version: int | None = None,
    password: str = "",
    pause_reason: str = "",
    **fields: Any,
) -> Connection:
    """Change name, tenant, config, is_enabled, is_paused or max_concurrent, and a mailbox's ``password`` where one is
    given; ``pause_reason`` is kept with a pause.

    A paused one is heard and decided, but nothing fires (``source_paused``), and after the commit nothing starts that
    waits because of it; one that is not enabled is not heard. Raises InvalidValue for a max_concurrent out of bounds,
    EditConflict where ``version`` is not the current one, IntegrityError where the owner has another connection of that
    name, Denied where the configuration opens what is a Developer's to open, InvalidConfig where its own actors are no
    names, and InvalidMailSettings where a mailbox cannot be reached by it or moves to another server without its
    password.
    """
    if unknown := fields.keys() - CHANGEABLE:
        raise TypeError(f"not fields of a connection that may be changed: {sorted(unknown)}")
    _check_most(fields.get("max_concurrent"))
    changed = {name: value for name, value in fields.items() if getattr(connection, name) != value}
    before = {name: getattr(connection, name) for name in changed}
    if "config" in changed:
        _configurable(connection, changed["config"], by=by, password=password)
    with transaction.atomic():
        generation.bump()
        if changed.keys() & {"is_paused", "max_concurrent"}:
            lock_capacity()  # with it in hand no start is half-way
        edit(connection, version=version, updated_at=now, **changed, **_pause(changed, by, now, pause_reason))
        if changed:
            told = {"reason": connection.pause_reason} if changed.get("is_paused") and connection.pause_reason else {}
            after = {**changed, **told}
            audit.record(by=by, action="connection.changed", obj=connection, now=now, before=before, after=after)
            unpark(key=connection_key(connection.pk), now=now)
        if "is_paused" in changed:
            tell_pause(is_paused=connection.is_paused, by=by, now=now, connection_id=connection.pk)
        if password:
            mailboxes.change_password(connection=connection, password=password, by=by, now=now)
    return connection


def pause_connection(*, connection: Connection, by: Actor, now: datetime, reason: str = "") -> Connection:
    """Its events go on being accepted and decided; nothing fires or starts because of them."""
    return change_connection(connection=connection, by=by, now=now, is_paused=True, pause_reason=reason)


def resume_connection(*, connection: Connection, by: Actor, now: datetime) -> Connection:
    """What waited starts again; what was suppressed meanwhile fires only by replay."""
    return change_connection(connection=connection, by=by, now=now, is_paused=False)


def _pause(changed: Mapping[str, Any], by: Actor, now: datetime, reason: str) -> dict[str, Any]:
    """Who paused it, when and why, where that changes."""
    if "is_paused" not in changed:
        return {}
    if not changed["is_paused"]:
        return {"paused_by": "", "paused_at": None, "pause_reason": ""}
    return {"paused_by": by.label[:150], "paused_at": now, "pause_reason": reason.strip()[:300]}


def _check_most(value: Any) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= MOST_CONCURRENT):
        words = f"The runs at once must be a whole number from 1 to {MOST_CONCURRENT}, or empty for no limit."
        raise InvalidValue("max_concurrent", words)


def _configurable(connection: Connection, config: Mapping[str, Any], *, by: Actor, password: str) -> None:
    """A secret is write-only: nobody reads it by pointing its connection at a server of their own."""
    check_own_actors(config)
    guard(config, standing=connection.config, by=by)
    if connection.source != Source.EMAIL:
        return
    problems = problems_of(config)
    if not problems and not password and differs(config, connection.config, SERVER):
        problems = [Problem("password", "required", ANEW)]
    if problems:
        raise InvalidMailSettings(problems)
