"""What is read of records: their conversations and file changes by range, without unpacking what comes before."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import zstandard
from django.db.models import QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from agents.models import AgentMessage, AgentProfile, ConversationPart, ObsoleteAgentRecord

BODIES = ("conversation", "changes", "checkpoint")
"""Read when they are looked at, and never in a list."""


def records_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[ObsoleteAgentRecord]:
    """Records of stopped and replaced agents, without their bodies."""
    rows = ObsoleteAgentRecord.objects.select_related("agent__profile", "workspace").defer(*BODIES)
    return visible(rows, user=user, operation=operation)


def lines_of(record: ObsoleteAgentRecord, *, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Messages after number ``after`` as they were kept: ``{"seq", "kind", "text", "data", "at"}``.

    A part at a time is read and unpacked, beginning with the one that ``after`` leads to.
    """
    if record.purged_at is not None:
        return iter(())
    found = (line for line in _lines(record, after) if line["seq"] > after)
    return islice(found, limit)


def changed_files(record: ObsoleteAgentRecord, *, after: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Files that differ, from the ``after``-th on: ``{"path", "change", "size", "size_before", "diff"}``."""
    if record.purged_at is not None or record.changes is None:
        return []
    return list(islice(_unpacked(record.changes, record.changes_size), after, None if limit is None else after + limit))


def profile_as_it_is(profile: AgentProfile) -> dict[str, Any]:
    """What an agent of it was started from."""
    return {
        "id": profile.pk,
        "name": profile.name,
        "version": profile.version,
        "runtime": profile.runtime,
        "model": profile.model,
        "instructions": profile.instructions,
        "permissions": profile.permissions,
        "user_comment": profile.user_comment,
        "command_id": profile.command_id,
    }


def as_messages(agent_id: int, lines: Iterable[Mapping[str, Any]]) -> list[AgentMessage]:
    """Rows, not stored, of lines that were kept; without the run, which is not kept."""
    return [
        AgentMessage(
            agent_id=agent_id,
            seq=line["seq"],
            kind=line["kind"],
            text=line["text"],
            data=line["data"],
            at=datetime.fromisoformat(line["at"]),
        )
        for line in lines
    ]


def _lines(record: ObsoleteAgentRecord, after: int) -> Iterator[dict[str, Any]]:
    before = 0
    parts = ConversationPart.objects.filter(agent=record.agent_id).order_by("first_seq")
    for pk, last, size in list(parts.values_list("pk", "last_seq", "size")):
        before += size
        if last > after:
            body = ConversationPart.objects.filter(pk=pk).values_list("body", flat=True).first()
            yield from _unpacked(body or b"", size)
    yield from _unpacked(record.conversation, record.conversation_size - before)


def _unpacked(body: Any, size: int) -> Iterator[dict[str, Any]]:
    """Streams with the recorded size as the cap: a frame may lie about its own."""
    if not body or size <= 0:
        return
    raw = zstandard.ZstdDecompressor().stream_reader(bytes(body)).read(size)
    for line in raw.decode().split("\n"):
        if line:
            yield json.loads(line)
