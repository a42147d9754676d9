"""Connections: renamed, paused, switched off, configured. Decisions rest on them: each change bumps the generation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection
from accounts.services import audit
from dct_site.kernel.edits import edit
from triggers.conditions.schema import Problem
from triggers.services import generation, mailboxes
from triggers.services.egress import SERVER, differs, guard
from triggers.services.own_writes import check_own_actors
from triggers.sources.email.settings import InvalidMailSettings, problems_of

CHANGEABLE = frozenset({"name", "tenant", "config", "is_enabled", "is_paused"})
ANEW = "The stored password was given for another server. Enter it again."


def change_connection(
    *,
    connection: Connection,
    by: Actor,
    now: datetime,
    version: int | None = None,
    password: str = "",
    **fields: Any,
) -> Connection:
    """Change name, tenant, config, is_enabled or is_paused, and a mailbox's ``password`` where one is given.

    A paused one is heard and decided, but nothing fires (``source_paused``); one that is not enabled is not heard.
    Raises EditConflict where ``version`` is not the current one, IntegrityError where the owner has another connection
    of that name, Denied where the configuration opens what is a Developer's to open, InvalidConfig where its own actors
    are no names, and InvalidMailSettings where a mailbox cannot be reached by it or moves to another server without its
    password.
    """
    if unknown := fields.keys() - CHANGEABLE:
        raise TypeError(f"not fields of a connection that may be changed: {sorted(unknown)}")
    changed = {name: value for name, value in fields.items() if getattr(connection, name) != value}
    before = {name: getattr(connection, name) for name in changed}
    if "config" in changed:
        _configurable(connection, changed["config"], by=by, password=password)
    with transaction.atomic():
        generation.bump()
        edit(connection, version=version, updated_at=now, **changed)
        if changed:
            audit.record(by=by, action="connection.changed", obj=connection, now=now, before=before, after=changed)
        if password:
            mailboxes.change_password(connection=connection, password=password, by=by, now=now)
    return connection


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
