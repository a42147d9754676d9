"""What becomes of an agent when its process has ended: done, sent back, waiting for a person, tried again, failed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.actor import Actor
from agents.enums import AgentStatus, IntentKind, IntentStatus, MessageKind, RunStatus, WaitsFor
from agents.models import Agent, AgentIntent, AgentRun
from agents.runtimes import Message
from agents.services import conversation, obsolete
from agents.services.agent_start import give_slot_back
from agents.services.fence import hold_run
from agents.services.runs import end_run, requeue
from agents.services.succession import let_in
from dct_site.kernel import moves, wake
from dct_site.kernel.crashpoints import crashpoint

BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Exited:
    """How a process ended, in words, and its exit code where it had one."""

    reason: str
    code: int | None = None


def claim_done(run_id: int, *, owner: str, now: datetime) -> bool:
    """The agent says it is done; the gate looks next. False when there is something that it was not told yet, by people
    or as news: then it runs again first, under the same slot. Raises Fenced.
    """
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        unread = _unread(run.agent, IntentKind.UPDATE, IntentKind.NEWS)
        if not unread:
            Agent.objects.filter(pk=run.agent_id).update(claims_done_at=now)
            wake.poke_on_commit(wake.Topic.SETTLE)
            return True
        _tell(run, unread, now)
        _run_again(run, now=now, reason="it was told something new")
    return False


def tell(run_id: int, *, owner: str, now: datetime) -> list[str]:
    """Settle what people said to a run that reads while it works; returns the texts to write to it. Raises Fenced."""
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        unread = _unread(run.agent, IntentKind.UPDATE)
        if unread:
            _tell(run, unread, now)
    return [str(one.payload.get("text", "")) for one in unread]


def stop_run(run_id: int, *, owner: str, now: datetime) -> None:
    """Its process is asked to end: run and agent are stopping. Raises Fenced."""
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        if run.status == RunStatus.RUNNING:
            moves.move(run, RunStatus.STOPPING, now=now)
            moves.move(run.agent, AgentStatus.STOPPING, now=now)


def complete(run_id: int, *, owner: str, now: datetime, exited: Exited) -> AgentStatus:
    """Its deliverables hold: the agent is done and its slot free, unless something came while the gate looked; then it
    runs again. Returns what it is now. Raises Fenced.
    """
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        # Who brings something holds this row too: it is here in time, or finds an agent that has ended.
        Agent.objects.select_for_update(of=("self",)).get(pk=run.agent_id)
        unread = _unread(run.agent, IntentKind.UPDATE, IntentKind.NEWS)
        if unread:
            _tell(run, unread, now)
            _run_again(run, now=now, reason="it was told something new")
            return AgentStatus.PENDING
        end_run(run, now=now, reason=exited.reason, exit_code=exited.code)
        moves.move(run.agent, AgentStatus.COMPLETED, now=now, ended_at=now)
        give_slot_back(run.agent, now=now)
        crashpoint("supervisor.in_complete")
        wake.poke_on_commit(wake.Topic.SETTLE)
    return AgentStatus.COMPLETED


def send_back(run_id: int, *, owner: str, now: datetime, exited: Exited, reasons: Sequence[str]) -> AgentStatus:
    """The gate does not hold. The agent goes back with the reasons, under the same slot, as often as its profile
    allows; then it waits for a person without a slot. Returns what it is now. Raises Fenced.
    """
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        agent = run.agent
        text = "Not done yet:\n" + "\n".join(f"* {reason}" for reason in reasons)
        _say(run, [Message(MessageKind.GATE, text, {"reasons": list(reasons)})], now)
        if agent.rounds >= agent.profile.max_rounds:
            _end(run, exited, now)
            _wait(agent, WaitsFor.UNSATISFIED, "; ".join(reasons), now)
            return AgentStatus.WAITING
        Agent.objects.filter(pk=agent.pk).update(rounds=agent.rounds + 1)
        _run_again(run, now=now, reason="its deliverables do not hold yet")
    return AgentStatus.PENDING


def ask(run_id: int, *, owner: str, now: datetime, exited: Exited, question: str) -> None:
    """The agent has a question: it waits for a person, without a slot. Raises Fenced."""
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        _end(run, exited, now)
        _wait(run.agent, WaitsFor.QUESTION, question, now)


def fail(
    run_id: int, *, owner: str, now: datetime, exited: Exited, is_final: bool, is_session_lost: bool = False
) -> AgentStatus:
    """It failed: again later with a growing, jittered pause, or for good when no attempt is left. ``is_session_lost``:
    the session that it was to go on with is not there, so the next begins anew. Raises Fenced.
    """
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        _end(run, exited, now)
        if is_session_lost and run.agent.checkpoint:
            Agent.objects.filter(pk=run.agent_id).update(checkpoint={})
        return try_again(run.agent, now=now, reason=exited.reason, is_final=is_final)


def try_again(
    agent: Agent, *, now: datetime, reason: str, is_final: bool = False, was_lost: bool = False
) -> AgentStatus:
    """Count a failed attempt and queue the next, or fail. Joins the caller's transaction.

    ``was_lost``: its supervisor died, not the agent; the first time it goes on without a pause.
    """
    attempt = agent.attempt + 1
    Agent.objects.filter(pk=agent.pk).update(attempt=attempt)
    agent.attempt = attempt
    most = agent.profile.max_attempts
    if is_final or attempt >= most:
        words = reason if is_final or most <= 1 else f"{reason} That was attempt {attempt} of {most}."
        moves.move(agent, AgentStatus.FAILED, now=now, reason=words, ended_at=now)
        Agent.objects.filter(pk=agent.pk).update(reason=words[:1000])
        give_slot_back(agent, now=now)
        wake.poke_on_commit(wake.Topic.SETTLE)
        return AgentStatus.FAILED
    at_once = was_lost and attempt == 1
    requeue(agent, now=now, reason=reason, not_before=None if at_once else now + backoff(attempt))
    return AgentStatus.PENDING


def backoff(attempt: int) -> timedelta:
    """The pause before the next attempt: doubled each time, and anything from a half to the whole of that."""
    longest: timedelta = min(LONGEST_BACKOFF, BACKOFF * 2 ** min(attempt - 1, 20))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, keeps no secret


def stopped(run_id: int, *, owner: str, now: datetime, exited: Exited, by: Actor) -> None:
    """Its process was stopped on purpose: the agent is stopped and what it said is kept. Raises Fenced."""
    agent_id = AgentRun.objects.values_list("agent_id", flat=True).get(pk=run_id)
    packed = obsolete.pack(agent_id)
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        _end(run, exited, now)
        end_agent_stopped(run.agent, packed, now=now, reason=exited.reason, by=by)


def end_agent_stopped(agent: Agent, packed: obsolete.Conversation, *, now: datetime, reason: str, by: Actor) -> None:
    """Any open status → stopped, with its record, in one transaction of the caller: old or new, never none."""
    moves.move(agent, AgentStatus.STOPPED, now=now, reason=reason, by=by.label, ended_at=now)
    Agent.objects.filter(pk=agent.pk).update(reason=reason[:1000], waits_for="")
    obsolete.keep(agent, packed, reason=reason, by=by, now=now)
    give_slot_back(agent, now=now)
    settled = AgentIntent.objects.filter(agent=agent, status=IntentStatus.PENDING)
    settled.filter(kind=IntentKind.STOP).update(status=IntentStatus.DONE, settled_at=now)
    settled.exclude(kind=IntentKind.STOP).update(status=IntentStatus.DROPPED, settled_at=now)
    let_in(agent, now=now)
    wake.poke_on_commit(wake.Topic.SETTLE)


def shut_down(run_id: int, *, owner: str, now: datetime) -> None:
    """The supervisor ends: the agent waits at the head of its priority again; no attempt is counted. Raises Fenced."""
    with transaction.atomic():
        run = hold_run(run_id, owner=owner, now=now)
        reason = "DCT was shut down"
        end_run(run, now=now, reason=reason)
        requeue(run.agent, now=now, reason=reason)


def _end(run: AgentRun, exited: Exited, now: datetime) -> None:
    end_run(run, now=now, reason=exited.reason, exit_code=exited.code)


def _run_again(run: AgentRun, *, now: datetime, reason: str) -> None:
    """At once, under the slot it holds."""
    end_run(run, now=now, reason=reason)
    moves.move(run.agent, AgentStatus.PENDING, now=now, reason=reason, claims_done_at=None)
    wake.poke_on_commit(wake.Topic.SUPERVISE)
    wake.poke_on_commit(wake.Topic.SETTLE)


def _wait(agent: Agent, waits_for: WaitsFor, reason: str, now: datetime) -> None:
    moves.move(agent, AgentStatus.WAITING, now=now, reason=reason, claims_done_at=None, waits_for=waits_for)
    Agent.objects.filter(pk=agent.pk).update(reason=reason[:1000])
    give_slot_back(agent, now=now)
    wake.poke_on_commit(wake.Topic.SETTLE)


def _unread(agent: Agent, *kinds: IntentKind) -> list[AgentIntent]:
    pending = AgentIntent.objects.filter(agent=agent, kind__in=kinds, status=IntentStatus.PENDING)
    return list(pending.order_by("id"))


def _tell(run: AgentRun, intents: Sequence[AgentIntent], now: datetime) -> None:
    """Write what came into the conversation and settle it in the same transaction: told once."""
    _say(run, conversation.told(intents), now)
    ids = [one.pk for one in intents]
    AgentIntent.objects.filter(pk__in=ids).update(status=IntentStatus.DONE, settled_at=now)


def _say(run: AgentRun, messages: Sequence[Message], now: datetime) -> None:
    rows = conversation.rows_of(run.agent_id, run.pk, run.last_message_seq, messages, now)
    type(rows[0]).objects.bulk_create(rows)
    run.last_message_seq += len(rows)
    AgentRun.objects.filter(pk=run.pk).update(last_message_seq=run.last_message_seq)
