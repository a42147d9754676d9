"""Working erasures off: a few events at a time with everything that came of them, then what lies beside the events.

What hangs below an event goes before the event itself, in transactions of at most 500 rows, and only then the erasure
moves on: killed anywhere, the same events are looked at again and nothing is left out. Keys stay, so that nothing comes
back as if it were new.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.actor import Actor
from accounts.models import JournalEntry
from accounts.services import answers, audit
from agents.enums import AgentStatus, Rung
from agents.models import Agent
from agents.selectors.overload import rung_now
from agents.services.forgetting import forget_conversations
from dct_site.kernel import journal, moves
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.moves import LostRace
from deliverables.models import Check
from triggers.enums import ErasureKind, ErasureStatus
from triggers.models import (
    Attempt,
    Decision,
    Delivery,
    DeliveryOutcome,
    Erasure,
    Event,
    Execution,
    ExecutionStep,
    PendingDelivery,
)
from triggers.services.keeping import large_bodies
from triggers.services.keeping.erase_find import (
    Person,
    events_about,
    events_near,
    is_named,
    item_ids_of,
    items_near,
    names,
    raw_naming,
    states_near,
)
from triggers.services.keeping.erasing import executions_of, workspaces_told_of
from triggers.services.keeping.purging import DECISIONS, DELIVERIES, EVENTS
from triggers.services.watches import end_watches_of
from workspaces.enums import TrustTier
from workspaces.models import ContextItem, ItemState, Workspace
from workspaces.services.forgetting import forget_context, forget_files_about

log = structlog.get_logger(__name__)
SYSTEM = Actor.system("erase")
BATCH = 20
"""Events at a time."""
LOOKED_AT = 500
"""Rows near a person that are looked at for one batch."""
CHUNK = 500
_ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED)


def erase_some(*, now: datetime) -> int:
    """A batch of every erasure that runs; how many rows were looked at. Safe to call from anywhere, any number of times
    at once.
    """
    if rung_now(now) >= Rung.BULK_STOPS:
        return 0
    done = 0
    for erasure in Erasure.objects.filter(status=ErasureStatus.RUNNING).order_by("pk"):
        try:
            done += _go_on(erasure, now)
        except LostRace as other:
            log.info("erasure.overtaken", erasure=erasure.pk, why=str(other))
    return done


def _go_on(erasure: Erasure, now: datetime) -> int:
    events, after_id = _next(erasure)
    if after_id == erasure.after_id:
        return _finish(erasure, now)
    if words := _in_the_way(events):
        if erasure.waits_for != words:
            Erasure.objects.filter(pk=erasure.pk).update(waits_for=words)
        return 0
    gone = _forget(erasure, [event.pk for event in events], [event.delivery_id for event in events], now)
    crashpoint("erasure.before_commit")
    with transaction.atomic():
        gone["events"] = Event.objects.filter(pk__in=[event.pk for event in events], purged_at=None).update(
            **EVENTS.emptied, purged_at=now
        )
        _move_on(erasure, after_id, gone, now)
    crashpoint("erasure.committed")
    return max(1, len(events))


def _next(erasure: Erasure) -> tuple[list[Event], int]:
    """The next events that it concerns, and up to where was looked; nothing left: where it is already."""
    if erasure.kind == ErasureKind.ITEM:
        rows = _left(events_about(item_ids_of(erasure.item_id or 0)), erasure)
        found = list(rows.only("pk", "delivery_id")[:BATCH])
        return found, found[-1].pk if found else erasure.after_id
    person = person_of(erasure)
    near = list(_left(events_near(person), erasure)[:LOOKED_AT])
    found = list(islice((event for event in near if names(event, person)), BATCH))
    if not near:
        return [], erasure.after_id
    return found, found[-1].pk if len(found) == BATCH else near[-1].pk


def person_of(erasure: Erasure) -> Person:
    """Whom a running erasure is about."""
    return Person(str(erasure.person), erasure.connection_id)


def _left(rows: QuerySet[Event], erasure: Erasure) -> QuerySet[Event]:
    # By when it came, not by its number: what was accepted before and is decided only now belongs to it.
    return rows.filter(pk__gt=erasure.after_id, accepted_at__lte=erasure.created_at)


def _in_the_way(events: Sequence[Event]) -> str:
    """What would write again what is taken away, as a sentence; empty where all has ended."""
    ids = executions_of([event.pk for event in events])
    going = Execution.objects.filter(pk__in=ids).exclude(status__in=Execution.MOVES.terminal)
    agents = Agent.objects.filter(workspace__in=workspaces_told_of(ids)).exclude(status__in=_ENDED)
    if going.exists() or agents.exists():
        return "It waits until the runs about it have ended."
    return ""


def _forget(
    erasure: Erasure, event_ids: Sequence[int], delivery_ids: Iterable[int | None], now: datetime
) -> Counter[str]:
    """Everything below these events. Each step takes rows that are not empty yet: the same again does nothing."""
    gone: Counter[str] = Counter()
    ids = executions_of(event_ids)
    workspaces = list(Workspace.objects.filter(pk__in=workspaces_told_of(ids)).order_by("pk"))
    for workspace in workspaces:
        gone["files"] += forget_context(workspace=workspace, with_files=erasure.with_files)
    workspace_ids = [workspace.pk for workspace in workspaces]
    gone["workspaces"] += len(workspaces)
    gone["messages"] += forget_conversations(workspace_ids=workspace_ids)
    _chunked(Check.objects.filter(deliverable__workspace__in=workspace_ids).exclude(found=""), found="")
    _chunked(ExecutionStep.objects.filter(execution__in=ids).exclude(error=""), error="")
    _chunked(Attempt.objects.filter(execution__in=ids).exclude(error=""), error="")
    _chunked(Execution.objects.filter(pk__in=ids).exclude(reason=""), reason="")
    _chunked(_told_of(ids, workspace_ids), reason="")
    decisions = Decision.objects.filter(event__in=event_ids, purged_at=None)
    gone["decisions"] += _chunked(decisions, **DECISIONS.emptied, purged_at=now)
    gone["deliveries"] += _empty([found for found in delivery_ids if found], now)
    return gone


def _empty(delivery_ids: Sequence[int], now: datetime) -> int:
    """Raw deliveries, and what was said of why they came to nothing; how many still had a body."""
    gone = 0
    for start in range(0, len(delivery_ids), CHUNK):
        some = delivery_ids[start : start + CHUNK]
        _chunked(JournalEntry.objects.filter(kind="delivery", object_id__in=some).exclude(reason=""), reason="")
        _chunked(DeliveryOutcome.objects.filter(pk__in=some).exclude(detail=""), detail="")
        rows = Delivery.objects.filter(pk__in=some, purged_at=None)
        while part := DELIVERIES.batch(rows.order_by("pk")):
            gone += large_bodies.empty(rows, part, **DELIVERIES.emptied, purged_at=now)
    return gone


def _told_of(execution_ids: Sequence[int], workspace_ids: Sequence[int]) -> QuerySet[JournalEntry]:
    """Transitions whose reason may quote: of these runs, their workspaces and their agents."""
    agents = Agent.objects.filter(workspace__in=workspace_ids).values("pk")
    about = Q(kind="execution", object_id__in=execution_ids) | Q(kind="workspace", object_id__in=workspace_ids)
    return JournalEntry.objects.filter(about | Q(kind="agent", object_id__in=agents)).exclude(reason="")


def _finish(erasure: Erasure, now: datetime) -> int:
    """What lies beside the events; then it is over."""
    if PendingDelivery.objects.filter(delivery__received_at__lte=erasure.created_at).exists():
        Erasure.objects.filter(pk=erasure.pk).update(waits_for="It waits for deliveries that are not decided yet.")
        return 0
    if erasure.kind == ErasureKind.PERSON and (looked_at := _look_through(erasure, now)):
        return looked_at
    gone = _forget_item(erasure, now) if erasure.kind == ErasureKind.ITEM else _forget_person(erasure, now)
    gone["answers"] += answers.forget_content()
    crashpoint("erasure.before_end")
    with transaction.atomic():
        _move_on(erasure, erasure.after_id, gone, now)
        moves.move(erasure, ErasureStatus.DONE, now=now, ended_at=now, person="", waits_for="")
        audit.record(by=SYSTEM, action="erasure.done", obj=erasure, now=now, after=dict(erasure.counts))
    return 1


def _look_through(erasure: Erasure, now: datetime) -> int:
    """The next deliveries, emptied where their raw bytes name the person although no event does; 0 where none is
    left. Their events, which say nothing of the person, stay.
    """
    after_id = erasure.after_delivery_id
    found, last_id = raw_naming(person_of(erasure), until=erasure.created_at, after_id=after_id)
    if last_id is None:
        return 0
    gone = Counter(deliveries=_empty([raw.pk for raw in found], now))
    with transaction.atomic():
        rows = Erasure.objects.filter(pk=erasure.pk, after_delivery_id=after_id)
        if not rows.update(after_delivery_id=last_id):
            raise LostRace(f"erasure {erasure.pk} was gone on with by somebody else")
        _move_on(erasure, erasure.after_id, gone, now)
    return 1


def _forget_item(erasure: Erasure, now: datetime) -> Counter[str]:
    ids = item_ids_of(erasure.item_id or 0)
    gone: Counter[str] = Counter()
    end_watches_of(item_ids=ids, now=now)
    # Workspaces that somebody made for the item without an event of it among them.
    for workspace in Workspace.objects.filter(item__in=ids).exclude(context=None).distinct():
        if not Execution.objects.filter(workspace=workspace).exclude(status__in=Execution.MOVES.terminal).exists():
            gone["files"] += forget_context(workspace=workspace, with_files=erasure.with_files)
    gone["files"] += forget_files_about(item_ids=ids)
    for start in range(0, len(ids), CHUNK):
        states = ItemState.objects.filter(item__in=ids[start : start + CHUNK])
        gone["states"] += _chunked(states.exclude(state={}, changes={}), state={}, changes={})
        rows = ContextItem.objects.filter(pk__in=ids[start : start + CHUNK])
        for row in rows.exclude(title="", url="", state={}):
            gone["items"] += _restate(row, {}, title="", url="", now=now)
    return gone


def _forget_person(erasure: Erasure, now: datetime) -> Counter[str]:
    person, gone = person_of(erasure), Counter[str]()
    named = (row.pk for row in states_near(person).iterator(chunk_size=CHUNK) if _is_named(row, person))
    while ids := list(islice(named, CHUNK)):
        # Deleted, not emptied: what was judged by such a state says from now on that it cannot be judged again.
        with transaction.atomic():
            count, _ = ItemState.objects.filter(pk__in=ids).delete()
        gone["states"] += count
    for row in items_near(person).iterator(chunk_size=CHUNK):
        if is_named(row, person):
            told = {"title": person.without(row.title), "url": "" if person.is_in(row.url) else row.url}
            gone["items"] += _restate(row, person.without(row.state), now=now, **told)
    return gone


def _is_named(row: ItemState, person: Person) -> bool:
    return person.is_in(row.state) or person.is_in(row.changes)


def _restate(row: ContextItem, state: dict[str, Any], *, now: datetime, **told: str) -> int:
    """A new version of the item, so that no decider that read the old one writes it back. Raises LostRace."""
    version = row.state_version + 1
    with transaction.atomic():
        rows = ContextItem.objects.filter(pk=row.pk, state_version=row.state_version)
        if not rows.update(state=state, state_version=version, **told):
            raise LostRace(f"item {row.pk} moved")
        ItemState.objects.create(item=row, version=version, state=state, trust_tier=TrustTier.OPEN, at=now)
    return 1


def _chunked(rows: QuerySet[Any], **emptied: Any) -> int:
    gone = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        gone += rows.model._default_manager.filter(pk__in=ids).update(**emptied)
    return gone


def _move_on(erasure: Erasure, after_id: int, gone: Counter[str], now: datetime) -> None:
    counts = dict(Counter(erasure.counts) + gone)
    moved = {"after_id": after_id, "counts": counts, "done": erasure.done + gone["events"], "waits_for": ""}
    rows = Erasure.objects.filter(pk=erasure.pk, status=ErasureStatus.RUNNING, after_id=erasure.after_id)
    if not rows.update(**moved):
        raise LostRace(f"erasure {erasure.pk} was gone on with by somebody else")
    for name, value in moved.items():
        setattr(erasure, name, value)
    refs = erasure.journal_refs()
    journal.write(journal.Line("erasure", erasure.pk, "running", "running", "", moves.SYSTEM, now, refs))
