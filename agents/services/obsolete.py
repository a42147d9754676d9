"""Keeps what a stopped or replaced agent said, left and had done to its files: compressed, restorable."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import zstandard
from django.db import IntegrityError, transaction
from django.db.models import Sum

from accounts.actor import Actor
from agents.masking import masking
from agents.models import Agent, AgentMessage, ConversationPart, ObsoleteAgentRecord
from agents.runtimes import CannotRun
from agents.selectors.records import lines_of, profile_as_it_is
from agents.services.command_secrets import opened
from workspaces import files
from workspaces.files import Changes

LEVEL = 6
PART_BYTES = 256 * 1024
PART_MESSAGES = 500
"""A part is closed at the first of both: it is what one look at a conversation unpacks, and one transaction writes."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is to be kept of an agent: the end of its conversation as compressed JSON lines, the rest of which lies in
    parts already, and how its files differ from what its workspace began with (None: nobody looked).

    ``size`` is that of the whole conversation before compression, ``count`` how many messages it has, ``stored`` what
    parts and end take up.
    """

    compressed: bytes
    size: int
    count: int
    stored: int = 0
    changes: Changes | None = None


def pack(agent_id: int, *, with_files: bool = True) -> Conversation:
    """Read and compress an agent's conversation, and compare its files; outside of any transaction, as it takes
    processor time. What is long is written meanwhile, a part in a transaction; the same again writes nothing twice.

    ``with_files=False``: for the few who must hold a transaction.
    """
    parts = ConversationPart.objects.filter(agent=agent_id)
    last = parts.order_by("-first_seq").values_list("last_seq", flat=True).first() or 0
    pending = _Lines()
    for row in AgentMessage.objects.filter(agent_id=agent_id, seq__gt=last).order_by("seq").iterator(chunk_size=500):
        if pending.is_full:
            _store(agent_id, pending)
            pending = _Lines()
        pending.add(row)
    told = parts.aggregate(size=Sum("size"), count=Sum("count"), stored=Sum("stored_bytes"))
    end = compress(pending.lines)
    return Conversation(
        compressed=end,
        size=(told["size"] or 0) + pending.size,
        count=(told["count"] or 0) + len(pending.lines),
        stored=(told["stored"] or 0) + len(end),
        changes=changes_now(agent_id) if with_files else None,
    )


def unpack(record: ObsoleteAgentRecord) -> list[dict[str, Any]]:
    """All messages of a record: for one that is known to be short; others are read by range (``lines_of``)."""
    return list(lines_of(record))


def keep(
    agent: Agent, conversation: Conversation, *, reason: str, by: Actor, now: datetime
) -> ObsoleteAgentRecord | None:
    """Write the record in the transaction that ends the agent; None when it has one already."""
    changed = conversation.changes
    raw = [_as_line(asdict(one)) for one in changed.files] if changed is not None else []
    kept = compress(raw)
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
                changes=kept if changed is not None else None,
                changes_size=sum(map(len, raw)),
                change_count=len(changed.files) if changed is not None else None,
                is_changes_cut=changed is not None and changed.is_cut,
                stored_bytes=conversation.stored
                + (len(kept) if changed is not None else 0)
                + (len(json.dumps(agent.checkpoint)) if agent.checkpoint else 0),
                reason=reason[:1000],
                by=by.user,
                by_label=by.label[:150],
                at=now,
            )
    except IntegrityError:
        return None


def compress(lines: Iterable[bytes]) -> bytes:
    """One zstd frame of lines."""
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
    return b"".join([*map(compressor.compress, lines), compressor.flush()])


class _Lines:
    """Messages of one part, as it is being filled."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.seqs: list[int] = []
        self.size = 0

    @property
    def is_full(self) -> bool:
        return self.size >= PART_BYTES or len(self.lines) >= PART_MESSAGES

    def add(self, row: AgentMessage) -> None:
        line = {"seq": row.seq, "kind": row.kind, "text": row.text, "data": row.data, "at": row.at.isoformat()}
        raw = _as_line(line)
        self.lines.append(raw)
        self.seqs.append(row.seq)
        self.size += len(raw)


def _as_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _store(agent_id: int, part: _Lines) -> None:
    body = compress(part.lines)
    row = ConversationPart(
        agent_id=agent_id,
        first_seq=part.seqs[0],
        last_seq=part.seqs[-1],
        count=len(part.lines),
        body=body,
        size=part.size,
        stored_bytes=len(body),
    )
    # Two that pack the same agent write the same parts.
    ConversationPart.objects.bulk_create([row], ignore_conflicts=True)


def changes_now(agent_id: int) -> Changes | None:
    """How the agent's files differ from those of the template its workspace was cloned from, secrets masked; None
    where that cannot be told. Reads files: not inside a transaction.
    """
    agent = Agent.objects.select_related("workspace__template", "profile__command").get(pk=agent_id)
    template, command = agent.workspace.template, agent.profile.command
    try:
        secrets: Iterable[str] = opened(command).values() if command is not None else ()
    except CannotRun:  # what cannot be read cannot be masked
        return None
    base = files.template_root(template) if template is not None else None
    return files.changes(files.root_of(agent.workspace), base, mask=masking(secrets))


def parts_of_nobody(limit: int) -> list[int]:
    """Ids of parts whose agent ended without being put away: what was prepared for that is not needed."""
    rows = ConversationPart.objects.filter(agent__status__in=Agent.MOVES.terminal, agent__obsolete_record=None)
    return list(rows.order_by().values_list("pk", flat=True)[:limit])
