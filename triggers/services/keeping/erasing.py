"""Erasing an item or a person: counted first, confirmed, then worked off in small batches.

Runs that still go on are in the way: they would write again what is taken away. They have to be stopped with it.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import require_of
from accounts.services import audit
from agents.models import Agent
from agents.services import intents
from dct_site.kernel import moves
from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.conditions.schema import Problem
from triggers.enums import ErasureKind
from triggers.models import Erasure, Event, Execution, Firing
from triggers.services import executions
from triggers.services.executions import AlreadyOver
from triggers.services.keeping.erase_find import (
    LONGEST,
    SHORTEST,
    Person,
    events_about,
    events_near,
    is_named,
    item_ids_of,
    items_near,
    names,
    newest_raw_naming,
    states_near,
)
from triggers.services.launch.context import EVENT, news_path
from workspaces.models import ContextFile, ContextItem, ItemState

_SALT = "triggers.erasure"
_CHUNK = 500
_WHY = "What it is about is erased."


@dataclass(frozen=True)
class Subject:
    """What shall be erased: an item with all that hangs under it, or a person."""

    item: ContextItem | None = None
    person: Person | None = None
    with_files: bool = False

    @property
    def kind(self) -> ErasureKind:
        return ErasureKind.ITEM if self.item is not None else ErasureKind.PERSON


@dataclass(frozen=True)
class Counted:
    """What would go: events with what they led to; ``running`` executions are in the way. ``workspaces`` lose their
    title, ``context/`` and conversations; their own files only where that was asked for. ``refused`` deliveries made no
    event, those of ``only_raw`` made some that do not name the person. ``is_all_read``: false where only the newest
    deliveries were looked through for these two; the work looks through all.
    """

    subject: Subject
    events: int
    deliveries: int
    executions: int
    running: int
    workspaces: int
    states: int
    items: int
    other_files: int
    refused: int
    only_raw: int
    is_all_read: bool
    confirmation: str

    @property
    def is_nothing(self) -> bool:
        beside = self.states or self.items or self.other_files or self.refused or self.only_raw
        return self.is_all_read and not (self.events or beside)


class InvalidSubject(Exception):
    """There is nothing to erase, or no name to look for; ``problems`` lists every reason with its path."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = list(problems)


class StillRunning(Exception):
    """Executions go on about what shall be erased; the message says how many and what to do."""


class CountsChanged(Exception):
    """What was confirmed is not what there is; ``counted`` is what there is now."""

    def __init__(self, counted: Counted) -> None:
        super().__init__("What would be erased has changed since it was shown. Look again, then confirm.")
        self.counted = counted


def count(*, subject: Subject, by: Actor, now: datetime) -> Counted:
    """What an erasure would take away; nothing is written. Raises Denied, and InvalidSubject for what is no name."""
    require_of(by, Operation.ERASE)
    event_ids = _events(subject)
    deliveries = {
        found
        for part in _parts(event_ids)
        for found in Event.objects.filter(pk__in=part, delivery_id__isnull=False).values_list("delivery_id", flat=True)
    }
    found = _downstream(event_ids) | _library(subject)
    numbers = {"events": len(event_ids), "deliveries": len(deliveries), **found}
    raw, is_all_read = _raw(subject, deliveries, now)
    # Of a part of the deliveries the numbers move with what comes: they are told, and not held to.
    sure = {**numbers, **raw} if is_all_read else numbers
    told = {**_named(subject), **sure, "first": event_ids[:1], "last": event_ids[-1:]}
    confirmation = signing.dumps(told, salt=_SALT)
    return Counted(subject=subject, confirmation=confirmation, is_all_read=is_all_read, **numbers, **raw)


def start(*, subject: Subject, confirmation: str, stop_running: bool, user: User, by: Actor, now: datetime) -> Erasure:
    """Begin what was counted, while that still holds. With ``stop_running`` runs that go on are cancelled first.

    Raises Denied, CountsChanged, StillRunning, and InvalidSubject where there is nothing.
    """
    counted = count(subject=subject, by=by, now=now)
    if counted.is_nothing:
        raise InvalidSubject(Problem("person" if subject.person else "item", "nothing", "There is nothing to erase."))
    if _told(confirmation) != _told(counted.confirmation):
        raise CountsChanged(counted)
    event_ids = _events(subject)
    if counted.running and not stop_running:
        words = f"{counted.running} of its runs still go on. Let them end, or stop them with the erasure."
        raise StillRunning(words)
    restored = _restored(event_ids)
    for execution in _running(event_ids):
        _cancel(execution, by, now)
    for agent in restored:
        intents.stop(agent=agent, by=by, now=now, reason=_WHY)
    person = subject.person
    with transaction.atomic():
        erasure = Erasure.objects.create(
            kind=subject.kind,
            item_id=subject.item.pk if subject.item is not None else None,
            connection_id=person.connection_id if person is not None else None,
            digest=person.digest if person is not None else "",
            person=person.name if person is not None else "",
            with_files=subject.with_files,
            total=counted.events,
            created_by=user,
            created_at=now,
        )
        moves.born(erasure, now=now, by=by.label)
        after = {**_named(subject), "events": counted.events, "stopped": counted.running}
        audit.record(by=by, action="erasure.started", obj=erasure, now=now, after=after)
        poke_on_commit(Topic.ERASE)
    return erasure


def executions_of(event_ids: Sequence[int]) -> list[int]:
    """Ids of the executions that these events began or joined."""
    own = Execution.objects.filter(event__in=event_ids).values_list("pk", flat=True)
    joined = Firing.objects.filter(event__in=event_ids).values_list("execution_id", flat=True)
    return sorted({*own, *joined})


def workspaces_told_of(execution_ids: Sequence[int]) -> set[int]:
    """The ids of the workspaces that these executions work in, or whose agents were given news for them."""
    rows = Execution.objects.filter(pk__in=execution_ids)
    own = set(rows.filter(workspace__isnull=False).order_by().values_list("workspace", flat=True))
    items = rows.filter(item_id_at_start__isnull=False).order_by().values("item_id_at_start")
    given = ContextFile.objects.filter(
        workspace__item__in=items, path__in=[f"{news_path(pk)}/{EVENT}" for pk in execution_ids]
    )
    return own | set(given.order_by().values_list("workspace", flat=True))


def _named(subject: Subject) -> dict[str, Any]:
    """What is erased, in words that hold nothing of it."""
    if subject.item is not None:
        return {"item": subject.item.pk, "with_files": subject.with_files}
    assert subject.person is not None  # noqa: S101 - one of the two is given
    where = subject.person.connection_id
    return {"person": subject.person.digest, "connection": where, "with_files": subject.with_files}


def _events(subject: Subject) -> list[int]:
    if subject.item is not None:
        return list(events_about(item_ids_of(subject.item.pk)).values_list("pk", flat=True))
    assert subject.person is not None  # noqa: S101 - one of the two is given
    if not SHORTEST <= len(subject.person.name.strip()) <= LONGEST:
        words = f"Write the address or login as the source knows it, {SHORTEST} to {LONGEST} characters."
        raise InvalidSubject(Problem("person", "not_a_name", words))
    near = events_near(subject.person).iterator(chunk_size=_CHUNK)
    return [event.pk for event in near if names(event, subject.person)]


def _downstream(event_ids: Sequence[int]) -> dict[str, int]:
    ids = {found for part in _parts(event_ids) for found in executions_of(part)}
    parts = list(_parts(sorted(ids)))
    workspaces = {found for part in parts for found in workspaces_told_of(part)}
    terminal = Execution.MOVES.terminal
    running = sum(Execution.objects.filter(pk__in=part).exclude(status__in=terminal).count() for part in parts)
    running += len(_restored(event_ids))
    return {"executions": len(ids), "running": running, "workspaces": len(workspaces)}


def _raw(subject: Subject, known: Container[int | None], now: datetime) -> tuple[dict[str, int], bool]:
    """Deliveries that only their raw bytes tell, beside those that are ``known`` by their events; and whether these are
    all.
    """
    if subject.person is None:
        return {"refused": 0, "only_raw": 0}, True
    found, is_all_read = newest_raw_naming(subject.person, until=now)
    only_raw = sum(raw.has_event and raw.pk not in known for raw in found)
    return {"refused": sum(not raw.has_event for raw in found), "only_raw": only_raw}, is_all_read


def _library(subject: Subject) -> dict[str, int]:
    """What lies beside the events: states, items, and context files elsewhere."""
    if subject.item is not None:
        ids = item_ids_of(subject.item.pk)
        states = ItemState.objects.filter(item__in=ids).exclude(state={}, changes={}).count()
        told = ContextItem.objects.filter(pk__in=ids).exclude(title="", url="", state={}).count()
        others = ContextFile.objects.filter(item__in=ids).count()
        return {"states": states, "items": told, "other_files": others}
    person = subject.person
    assert person is not None  # noqa: S101 - one of the two is given
    states = sum(person.is_in(row.state) or person.is_in(row.changes) for row in states_near(person).iterator())
    told = sum(is_named(row, person) for row in items_near(person).iterator())
    return {"states": states, "items": told, "other_files": 0}


def _running(event_ids: Sequence[int]) -> list[Execution]:
    ids = sorted({found for part in _parts(event_ids) for found in executions_of(part)})
    terminal = Execution.MOVES.terminal
    return [row for part in _parts(ids) for row in Execution.objects.filter(pk__in=part).exclude(status__in=terminal)]


def _restored(event_ids: Sequence[int]) -> list[Agent]:
    """Agents at work although the run that their workspace was made for has ended: they were restored."""
    ids = sorted({found for part in _parts(event_ids) for found in executions_of(part)})
    at_work = Agent.objects.filter(restored_from__isnull=False).exclude(status__in=Agent.MOVES.terminal)
    found: dict[int, Agent] = {}
    for part in _parts(ids):
        ended = Execution.objects.filter(pk__in=part, status__in=Execution.MOVES.terminal, workspace__isnull=False)
        found |= {agent.pk: agent for agent in at_work.filter(workspace__in=ended.order_by().values("workspace"))}
    return list(found.values())


def _cancel(execution: Execution, by: Actor, now: datetime) -> None:
    try:
        executions.cancel(execution=execution, by=by, now=now, reason=_WHY)
    except AlreadyOver:
        return


def _parts(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]


def _told(confirmation: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = signing.loads(confirmation, salt=_SALT)
    except signing.BadSignature:
        return None
    return found
