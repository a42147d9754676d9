"""Taking away what agents of some workspaces were told and said: conversations, checkpoints, wishes, kept records."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from agents.models import Agent, AgentIntent, AgentMessage, AgentRun, ConversationPart, ObsoleteAgentRecord

CHUNK = 500
"""Rows in one transaction: it must not hold SQLite's write lock for longer than 20 ms."""
LARGE = 20
"""Of rows that may hold hundreds of kilobytes each."""


def forget_conversations(*, workspace_ids: Sequence[int]) -> int:
    """Take away everything that these workspaces' agents said and were told; returns how many messages went.

    For agents whose work has ended only. Must not be called inside a transaction; the same again changes nothing.
    """
    # First of all: while a record is there, an agent may be restored from it.
    _delete(ObsoleteAgentRecord.objects.filter(workspace__in=workspace_ids), LARGE)
    agents = Agent.objects.filter(workspace__in=workspace_ids)
    ids = list(agents.order_by("pk").values_list("pk", flat=True))
    gone = forget_said(agent_ids=ids)
    _empty(agents.exclude(checkpoint={}, reason=""), LARGE, checkpoint={}, reason="")
    intents = AgentIntent.objects.filter(agent__in=ids)
    _empty(intents.exclude(payload={}, reason=""), CHUNK, payload={}, reason="")
    _empty(AgentRun.objects.filter(~Q(end_reason=""), agent__in=ids), CHUNK, end_reason="")
    return gone


def forget_said(*, agent_ids: Sequence[int]) -> int:
    """Take away what these agents said, kept or being put away; how many messages that were. As above."""
    gone = _delete(AgentMessage.objects.filter(agent_id__in=agent_ids), CHUNK)
    _delete(ConversationPart.objects.filter(agent__in=agent_ids), LARGE)
    return gone


def _delete(rows: QuerySet[Any], chunk: int) -> int:
    gone = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:chunk]):
        with transaction.atomic():
            count, _ = rows.model._default_manager.filter(pk__in=ids).delete()
        gone += count
    return gone


def _empty(rows: QuerySet[Any], chunk: int, **emptied: Any) -> None:
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:chunk]):
        rows.model._default_manager.filter(pk__in=ids).update(**emptied)
