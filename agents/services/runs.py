"""The life of a run in the database: claimed, let go, withdrawn. Each call is one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from agents.enums import AgentStatus, IntentKind, IntentStatus, Pool, RunStatus
from agents.models import Agent, AgentIntent, AgentRun, SlotHolder
from agents.services import conversation
from agents.services.admission import held_by, holds_slot, lock_capacity
from agents.services.agent_start import queue_again
from agents.services.fence import ALIVE, hold_run
from agents.services.succession import is_kept_waiting
from dct_site.kernel import moves, wake
from dct_site.kernel.process.identity import ProcessIdentity


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this owner may prepare; nothing of it runs before ``let_go``."""

    run_id: int
    agent_id: int
    epoch: int
    last_seq: int
    refs: Mapping[str, int] = field(default_factory=dict)
    """What it is about: the ids that its start refers to."""


def startable(now: datetime) -> QuerySet[Agent]:
    """Pending agents whose slot is held and whose time has come, oldest first."""
    slot = SlotHolder.objects.filter(start=OuterRef("start"), pool=Pool.AGENTS)
    return Agent.objects.filter(
        Q(not_before=None) | Q(not_before__lte=now), Exists(slot), status=AgentStatus.PENDING
    ).order_by("id")


def claim(
    agent_id: int,
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    process: ProcessIdentity | None = None,
    sandbox: str = "",
) -> Claim | None:
    """Take a pending agent: pending → starting with a new run of the next epoch. None when somebody else was first.

    ``process`` names the shim that waits for this run, so that a reaper can end it beyond doubt.
    """
    with transaction.atomic():
        agent = Agent.objects.select_for_update(of=("self",)).select_related("start").get(pk=agent_id)
        if agent.status != AgentStatus.PENDING or not holds_slot(agent.start, Pool.AGENTS):
            return None
        if AgentRun.objects.filter(agent=agent, status__in=ALIVE).exists():
            return None
        if is_kept_waiting(agent):
            return None
        last_seq = conversation.last_seq(agent.pk)
        run = AgentRun.objects.create(
            agent=agent,
            epoch=agent.next_epoch,
            owner=owner,
            lease_until=now + lease,
            started_at=now,
            last_message_seq=last_seq,
            pid=process.pid if process else None,
            pid_started=process.start_time if process else None,
            boot_id=process.boot_id if process else "",
            sandbox=sandbox,
        )
        moves.born(run, now=now)
        moves.move(
            agent, AgentStatus.STARTING, now=now, next_epoch=agent.next_epoch + 1, not_before=None, claims_done_at=None
        )
    return Claim(
        run_id=run.pk,
        agent_id=agent.pk,
        epoch=run.epoch,
        last_seq=last_seq,
        refs=agent.start.refs if agent.start else {},
    )


def let_go(run_id: int, *, owner: str, now: datetime, lease: timedelta, go: Callable[[], None]) -> str:
    """The last look before anything runs: starting → running and ``go()``, all under the capacity lock.

    A pause takes the same lock: once it has returned, either the program runs already or it never starts. Returns why
    it may not start (paused, no slot, a stop is waiting), empty when it was let go. Raises Fenced.
    """
    with transaction.atomic():
        limits = lock_capacity()
        run = hold_run(run_id, owner=owner, now=now)
        agent = run.agent
        reason = "all starts are paused" if limits.is_paused else ""
        if not reason and agent.start is not None:
            reason = held_by(agent.start)
        if not reason and not holds_slot(agent.start, Pool.AGENTS):
            reason = "it holds no slot"
        if not reason and _is_stop_wanted(agent):
            reason = "it was stopped"
        if reason:
            return reason
        moves.move(run, RunStatus.RUNNING, now=now, lease_until=now + lease, began_at=now)
        moves.move(agent, AgentStatus.RUNNING, now=now, started_at=agent.started_at or now)
        go()
    return ""


def withdraw(run_id: int, *, owner: str, now: datetime, reason: str) -> None:
    """End a run that was never let go: its agent waits again at the head of its priority. Raises Fenced."""
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        end_run(run, now=now, reason=reason)
        requeue(run.agent, now=now, reason=reason)


def end_run(run: AgentRun, *, now: datetime, reason: str, exit_code: int | None = None) -> None:
    """Close a run that the caller holds; nothing it says counts after this."""
    moves.move(
        run, RunStatus.ENDED, now=now, reason=reason, ended_at=now, exit_code=exit_code, end_reason=reason[:1000]
    )


def requeue(agent: Agent, *, now: datetime, reason: str, not_before: datetime | None = None) -> None:
    """starting or running → pending, with a wish for a new slot. Joins the caller's transaction."""
    moves.move(agent, AgentStatus.PENDING, now=now, reason=reason, not_before=not_before, claims_done_at=None)
    Agent.objects.filter(pk=agent.pk).update(reason=reason[:1000])
    queue_again(agent, now=now, not_before=not_before)
    wake.poke_on_commit(wake.Topic.SETTLE)


def _is_stop_wanted(agent: Agent) -> bool:
    return AgentIntent.objects.filter(agent=agent, kind=IntentKind.STOP, status=IntentStatus.PENDING).exists()
