"""Which triggers are asked about an event: the index of all that may answer, kept up to date by the generation.

Every deciding process has the index in its memory. A batch reads the generation; where it has moved, only the triggers
whose standing changed since are read again. What a commit rests on is still the generation row: an index that is
behind makes it refuse, never decide by what is no longer so.
"""

import gc
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Thread
from typing import Any

import structlog
from django.db.models import QuerySet, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast

from accounts.models import User
from dct_site.kernel.crashpoints import crashpoint
from triggers.documents import Document, read
from triggers.matching.index import Entry, connection_scope, item_scope
from triggers.matching.live import LiveIndex, State
from triggers.models import Trigger, TriggerListener, TriggerRevision, TriggerStanding
from triggers.selectors.standings import ASKED
from triggers.services import generation
from triggers.services.decide.sql import asked_triggers

log = structlog.get_logger(__name__)

RELOAD_FROM = 2_000
"""So many changed triggers at once, after an import or a long sleep, are read with all the others."""
_LARGE = 10_000
_PAUSE_S = 0.005
"""Between two slices of a merge: the threads beside it come first."""


@dataclass(frozen=True)
class Candidate:
    """A trigger that is asked, with the revision that decides."""

    trigger: Trigger
    revision_id: int
    raw: Mapping[str, Any]
    document: Document

    @cached_property
    def id(self) -> int:
        return int(self.trigger.pk)

    @property
    def owner(self) -> User:
        return self.trigger.owner


def index_at(wanted: int) -> State:
    """The index at a generation that was just read; a later one where another thread was quicker."""
    state = _live.state
    if state is not None and state.generation > wanted and generation.current() >= state.generation:
        # The commit will refuse what was read before it.
        return state
    if state is None or state.generation > wanted:
        return _load(wanted)
    return state if state.generation == wanted else _catch_up(state, wanted)


def forget() -> None:
    """Read everything again on the next occasion: the database is another one."""
    _live.forget()


def candidates(wanted: Mapping[int, int | None]) -> dict[int, Candidate]:
    """The triggers that are wanted, {trigger id: the revision that the index found, or None for any}, by id.

    One that changed meanwhile is left out: the generation has moved, so the commit asks again.
    """
    if not wanted:
        return {}
    return {
        row.pk: _candidate(row, row.published)
        for row in asked_triggers(wanted)
        if row.published is not None and wanted[row.pk] in (None, row.published_id)
    }


def scopes_of(*, connection_id: int, item_ids: Iterable[int]) -> tuple[int, ...]:
    """What a trigger listens to when it hears of an event: its connection, its item, the one above it."""
    return (connection_scope(connection_id), *(item_scope(item_id) for item_id in item_ids))


def listens(document: Mapping[str, Any], *, connection_id: int, item_ids: Collection[int]) -> bool:
    """Whether a document listens to an event of this connection, on any of these items."""
    for part in document.get("listeners", ()):
        item_id = part.get("context_item_id")
        hears = part.get("connection_id") == connection_id if item_id is None else item_id in item_ids
        if hears:
            return True
    return False


_live = LiveIndex()


def _load(wanted: int) -> State:
    began = time.thread_time()
    state = _live.load(_entries(Trigger.objects.all()), generation=wanted)
    _settle(state)
    log.info("matching.loaded", triggers=len(state.base), cpu_s=round(time.thread_time() - began, 3))
    return state


def _catch_up(state: State, wanted: int) -> State:
    since = TriggerStanding.objects.filter(generation__gt=state.generation).order_by()
    changed = list(since.values_list("trigger_id", flat=True).distinct()[: RELOAD_FROM + 1])
    if len(changed) > RELOAD_FROM:
        return _load(wanted)
    entries = {entry.trigger_id: entry for entry in _entries(Trigger.objects.filter(pk__in=changed))}
    state = _live.apply({key: entries.get(key) for key in changed}, generation=wanted)
    if _live.needs_merge():
        Thread(target=_merge, name="matching-merge", daemon=True).start()
    return state


def _merge() -> None:
    for _ in _live.merging():
        crashpoint("matching.merging")
        time.sleep(_PAUSE_S)
    if _live.state is not None:
        _settle(_live.state)


def _settle(state: State) -> None:
    """Leave a large index out of garbage collections: to walk through it takes a tenth of a second, for nothing."""
    if len(state.base) >= _LARGE:
        gc.freeze()


def _entries(triggers: QuerySet[Trigger]) -> Iterator[Entry]:
    """What the index is to know of these, as far as they are asked at all."""
    asked = triggers.filter(status__in=ASKED, published__isnull=False)
    scopes = _scopes(asked)
    conditions = Cast(KeyTransform("conditions", "published__document"), TextField())
    rows = asked.order_by("pk").values_list("pk", "published_id", conditions)
    for trigger_id, revision_id, text in rows.iterator(chunk_size=2_000):
        if trigger_id in scopes:
            yield Entry(trigger_id, revision_id or 0, scopes[trigger_id], text or "null")


def _scopes(asked: QuerySet[Trigger]) -> dict[int, tuple[int, ...]]:
    """{trigger id: what it listens to}. Most share theirs with others, so each is kept once."""
    rows = TriggerListener.objects.filter(trigger__in=asked.order_by()).order_by()
    found: dict[int, tuple[int, ...]] = {}
    once: dict[tuple[int, ...], tuple[int, ...]] = {}
    parts: Iterable[tuple[int, int, int | None]] = rows.values_list(
        "trigger_id", "listener__connection_id", "listener__item_id"
    ).iterator(chunk_size=2_000)
    for trigger_id, connection_id, item_id in parts:
        scope = connection_scope(connection_id) if item_id is None else item_scope(item_id)
        scopes = (*found.get(trigger_id, ()), scope)
        found[trigger_id] = once.setdefault(scopes, scopes)
    return found


def _candidate(row: Trigger, revision: TriggerRevision) -> Candidate:
    return Candidate(row, revision.pk, revision.document, read(revision.document))
