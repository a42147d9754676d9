"""What the answers of a plan come to: decisions, firings, executions, their wishes for capacity, and what gives way."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.actor import Actor
from agents.models import StartRequest
from agents.services.admission import request_starts
from dct_site.kernel import journal, moves
from dct_site.kernel.rows import append, insert, made, update
from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.documents import LimitsPart
from triggers.enums import FiringRole
from triggers.models import Decision, Execution, Firing
from triggers.services import executions, steps
from triggers.services.decide.answers import Answer, Planned
from triggers.services.decide.bounds import Work
from triggers.services.decide.gather import waits_for
from triggers.services.decide.plan import Plan
from triggers.services.decide.sql import mark_fired
from triggers.services.execution_start import EXECUTION_START, asked_by

MOST_NAMED = 50
_WAITED = ("not_before", "expires_at", "reason")
_DECIDED = (
    *("event_id", "trigger_id", "revision_id", "outcome", "suppressed_by", "until", "detail", "because", "facts"),
    *("generation", "at"),
)


def write_answers(plan: Plan) -> None:
    """Write them in the caller's transaction; the events are stored already."""
    append(
        Decision,
        _DECIDED,
        [
            (
                one.event.pk,
                answer.candidate.id,
                answer.candidate.revision_id,
                answer.outcome,
                answer.suppressed_by,
                answer.until,
                answer.detail,
                answer.because,
                _facts(answer),
                plan.generation,
                plan.now,
            )
            for one in plan.planned
            for answer in one.answers
        ],
    )
    _mark_fired(plan)
    begun = insert(_execution(one, answer, plan.now) for one, answer in plan.begun)
    ids = {id(answer): execution.pk for execution, (_, answer) in zip(begun, plan.begun, strict=True)}
    firings = [_firing(one, answer, ids) for one, answer in plan.fired]
    append(Firing, ("trigger_id", "event_id", "execution_id", "role", "item_id", "accepted_at"), firings)
    steps.lay_out(begun)
    journal.write(*(_line(one, plan.now) for one in plan.planned))
    if begun:
        moves.born(*begun, now=plan.now)
        _ask_for_starts(plan, begun)
    _take_in(plan)
    _displace(plan, ids)
    _replace(plan, ids)


def _firing(one: Planned, answer: Answer, ids: Mapping[int, int]) -> tuple[Any, ...]:
    """``ids``: {identity of an answer: the execution that it began}."""
    if answer.joins is None:
        role, execution_id = FiringRole.PRIMARY, ids[id(answer)]
    else:
        role, execution_id = answer.role, _execution_id(answer.joins, ids)
    event = one.event
    return answer.candidate.id, event.pk, execution_id, role, event.item_id, event.accepted_at


def _execution_id(work: Work, ids: Mapping[int, int]) -> int:
    return work.execution_id if work.execution_id is not None else ids[id(work.answer)]


def _displace(plan: Plan, ids: Mapping[int, int]) -> None:
    for one, answer in plan.fired:
        most = answer.candidate.document.limits.max_queued
        for work in answer.displaces:
            executions.cancel(
                execution=Execution(pk=_execution_id(work, ids)),
                by=Actor.system("decide"),
                now=plan.now,
                reason=f"Event {one.event.pk} took its place: at most {most} runs of its trigger may wait.",
            )


def _replace(plan: Plan, ids: Mapping[int, int]) -> None:
    for one, answer in plan.fired:
        for work in answer.replaces:
            executions.cancel(
                execution=Execution(pk=_execution_id(work, ids)),
                by=Actor.system("decide"),
                now=plan.now,
                reason=f"Replaced by a newer event ({one.event.pk}).",
                replaced_by=Execution(pk=ids[id(answer)]),
            )


def _take_in(plan: Plan) -> None:
    """Stored executions that the batch's events join: how many events they are about, and when they begin."""
    joined = Counter(
        answer.joins.execution_id for _, answer in plan.fired if answer.joins is not None and answer.joins.execution_id
    )
    if not joined:
        return
    moved = {work.execution_id: work for work in plan.ledger.bounds.moved}
    limits = {answer.joins.execution_id: answer.candidate.document.limits for _, answer in plan.fired if answer.joins}
    rows = list(Execution.objects.filter(pk__in=joined).select_related("start"))
    for row in rows:
        row.event_count += joined[row.pk]
        if row.pk in moved:
            _move_in_time(row, moved[row.pk], limits[row.pk])
    update(rows, ["event_count", "not_before", "expires_at"])
    starts = [row.start for row in rows if row.start is not None]
    if moved:
        update([row.start for row in rows if row.start is not None and row.pk in moved], _WAITED)
        poke_on_commit(Topic.ADMIT)
    # No move, but news for whoever looks at the run or the queue.
    journal.write(
        *(
            journal.Line(
                "start", one.pk, one.status, one.status, one.reason, moves.SYSTEM, plan.now, one.journal_refs()
            )
            for one in starts
        )
    )


def _move_in_time(row: Execution, work: Work, limits: LimitsPart) -> None:
    """When one that gathers begins now, and why it waits; it may wait for its start as long as before."""
    assert work.gathering is not None  # noqa: S101 - it was moved for that
    assert row.not_before is not None  # noqa: S101 - it waits
    assert row.expires_at is not None  # noqa: S101 - as all do in the queue
    assert row.start is not None  # noqa: S101 - the same
    row.expires_at += work.gathering.until - row.not_before
    row.not_before = work.gathering.until
    row.start.not_before, row.start.expires_at = row.not_before, row.expires_at
    row.start.reason = waits_for(limits, row.event_count)


def _facts(answer: Answer) -> dict[str, Any]:
    """What the answer rests on beside its event; of the events that it counted, the newest are named."""
    if answer.counted is None:
        return answer.facts
    return {**answer.facts, "counted_events": [event.pk for event in answer.counted[:MOST_NAMED]]}


def _mark_fired(plan: Plan) -> None:
    latest: dict[int, datetime] = {}
    for one, answer in plan.fired:
        key, at = answer.candidate.id, one.event.accepted_at
        latest[key] = max(latest.get(key, at), at)
    mark_fired(latest)


def _execution(one: Planned, answer: Answer, now: datetime) -> Execution:
    limits = answer.candidate.document.limits
    return made(
        Execution,
        trigger_id=answer.candidate.id,
        revision_id=answer.candidate.revision_id,
        event_id=one.event.pk,
        item_id_at_start=one.event.item_id,
        priority=answer.candidate.document.priority,
        max_attempts=limits.max_attempts,
        event_count=answer.event_count,
        queued_at=now,
        not_before=answer.not_before,
        expires_at=_expires_at(answer, now),
    )


def _expires_at(answer: Answer, now: datetime) -> datetime:
    asked = (answer.not_before or now) + answer.candidate.document.limits.expires
    return min(asked, answer.expires_at) if answer.expires_at is not None else asked


def _ask_for_starts(plan: Plan, begun: list[Execution]) -> None:
    wishes = [
        made(
            StartRequest,
            kind=EXECUTION_START,
            subject_id=execution.pk,
            priority=execution.priority,
            queued_at=plan.now,
            not_before=execution.not_before,
            expires_at=execution.expires_at,
            backlog_turn=answer.backlog_turn,
            reason=_waits_for(answer, execution.event_count),
            **asked_by(
                execution,
                limits=answer.candidate.document.limits,
                connection_id=one.event.connection_id,
                is_apart=answer.is_apart,
                looks_first=answer.candidate.document.looks_first,
            ),
        )
        for execution, (one, answer) in zip(begun, plan.begun, strict=True)
    ]
    for execution, start in zip(begun, request_starts(wishes=wishes, now=plan.now), strict=True):
        execution.start_id = start.pk
    update(begun, ["start"])


def _waits_for(answer: Answer, count: int) -> str:
    limits = answer.candidate.document.limits
    return waits_for(limits, count) if answer.gathers else ""


def _line(one: Planned, now: datetime) -> journal.Line:
    """News of an event for those who watch its card; an event itself never moves."""
    event = one.event
    refs = {"event": event.pk, "connection": event.connection_id, "delivery": event.delivery_id or 0}
    if event.item is not None:
        refs["item"] = event.item.pk
        if event.item.parent_id is not None:
            refs["parent"] = event.item.parent_id
    return journal.Line("event", event.pk, "", "decided", "", moves.SYSTEM, now, refs)
