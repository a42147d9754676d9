"""Stores what all runs of a supervisor said, in one transaction that renews their leases too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from agents.models import Agent, AgentMessage, AgentRun
from agents.runtimes import Message, used_by
from agents.services.conversation import rows_of
from agents.services.fence import hold_runs
from dct_site.kernel import wake


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run said since the last time: messages in order, bytes of output, and what a later run goes on from
    (None: nothing new).
    """

    messages: Sequence[Message] = field(default_factory=tuple)
    output_bytes: int = 0
    checkpoint: Mapping[str, Any] | None = None


def store(batches: Mapping[int, Batch], *, owner: str, now: datetime, lease: timedelta) -> set[int]:
    """Write the messages of runs by id and renew their leases. Returns the runs that were refused: theirs must die.

    A run without a batch of its own is renewed by an empty one.
    """
    with transaction.atomic():
        held = hold_runs(batches.keys(), owner=owner, now=now)
        rows: list[AgentMessage] = []
        for run_id, run in held.items():
            batch = batches[run_id]
            rows += rows_of(run.agent_id, run_id, run.last_message_seq, batch.messages, now)
            run.last_message_seq += len(batch.messages)
            run.output_bytes += batch.output_bytes
            run.lease_until = now + lease
            if batch.checkpoint is not None:
                Agent.objects.filter(pk=run.agent_id).update(checkpoint=batch.checkpoint)
            _note_usage(run, batch.messages)
        AgentMessage.objects.bulk_create(rows, batch_size=500)
        AgentRun.objects.bulk_update(held.values(), ["last_message_seq", "output_bytes", "lease_until"])
        if rows:
            # Followers of a conversation look for its last number; no journal entry for each tenth of a second.
            wake.poke_on_commit(wake.Topic.ANNOUNCE)
    return set(batches) - set(held)


def _note_usage(run: AgentRun, messages: Sequence[Message]) -> None:
    """What the run says that it used so far. The greatest counts: nothing that was used comes back."""
    told = [usage for message in messages if (usage := used_by(message)) is not None]
    if not told:
        return
    for usage in told:
        run.tokens = _greater(run.tokens, usage.tokens)
        run.money = _greater(run.money, usage.money)
    AgentRun.objects.filter(pk=run.pk).update(tokens=run.tokens, money=run.money)


def _greater(known: int | None, told: int | None) -> int | None:
    return max((amount for amount in (known, told) if amount is not None), default=None)
