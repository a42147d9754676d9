"""Keeps what a stopped or replaced agent said and left: compressed, restorable."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import zstandard
from django.db import IntegrityError, transaction

from accounts.actor import Actor
from agents.models import Agent, AgentMessage, AgentProfile, ObsoleteAgentRecord

LEVEL = 6


@dataclass(frozen=True, slots=True)
class Conversation:
    """JSON lines of an agent's messages, compressed."""

    compressed: bytes
    size: int
    count: int


def pack(agent_id: int) -> Conversation:
    """Read and compress an agent's conversation; outside of any transaction, as it takes processor time."""
    rows = AgentMessage.objects.filter(agent_id=agent_id).order_by("seq")
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
    pieces, size, count = [], 0, 0
    for row in rows.iterator(chunk_size=500):
        line = {"seq": row.seq, "kind": row.kind, "text": row.text, "data": row.data, "at": row.at.isoformat()}
        raw = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        pieces.append(compressor.compress(raw))
        size, count = size + len(raw), count + 1
    pieces.append(compressor.flush())
    return Conversation(compressed=b"".join(pieces), size=size, count=count)


def unpack(record: ObsoleteAgentRecord) -> list[dict[str, Any]]:
    """The messages of a record. Streams with the recorded size as the cap: a frame may lie about its own."""
    reader = zstandard.ZstdDecompressor().stream_reader(bytes(record.conversation))
    raw = reader.read(record.conversation_size)
    return [json.loads(line) for line in raw.decode().splitlines()]


def keep(
    agent: Agent, conversation: Conversation, *, reason: str, by: Actor, now: datetime
) -> ObsoleteAgentRecord | None:
    """Write the record in the transaction that ends the agent; None when it has one already."""
    try:
        with transaction.atomic():
            return ObsoleteAgentRecord.objects.create(
                agent=agent,
                workspace_id=agent.workspace_id,
                profile=profile_as_it_is(agent.profile),
                conversation=conversation.compressed,
                conversation_size=conversation.size,
                message_count=conversation.count,
                checkpoint=agent.checkpoint,
                reason=reason[:1000],
                by=by.user,
                by_label=by.label[:150],
                at=now,
            )
    except IntegrityError:
        return None


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
