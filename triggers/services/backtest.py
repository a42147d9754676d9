"""Back-tests: what a document would have answered to stored history, slice by slice; nothing is written.

No request may hang, so a run is a chain of slices, which a child process works on (``backtest_aside``). A slice begins
where the one before ended and says how far the run is, with everything found so far; what the next needs stands in its
cursor, which the caller brings back. Nothing is stored between two slices, so an abandoned run leaves nothing behind
and any process may answer the next one.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.core import signing

from accounts.models import Connection, User
from triggers.documents import read
from triggers.enums import Outcome
from triggers.models import Event, Trigger
from triggers.selectors.events import first_id_from, history, with_item_then
from triggers.services.backtest_queue import Queueing, queueing
from triggers.services.backtest_side import Cooling, Side, Told
from triggers.services.explain import item_then
from triggers.services.judge import event_facts
from triggers.services.own_writes import own_actors_of
from triggers.services.validation import InvalidDocument, document_problems

SLICE = 500
"""Ids read at once, whoever they concern: 70 ms of CPU where each is asked about and holds 6 kB."""
MOST = 100_000
"""Events in a run, the oldest of its window; a longer window says that it was cut."""
KEPT = 100
"""Differences and firings that are listed, the newest."""
MOST_STARTS = 5_000
"""Firings whose queueing is simulated, the newest."""


class StaleCursor(Exception):
    """The cursor belongs to another run, or the draft or what is published has changed since; begin anew."""


@dataclass
class Progress:
    """What a run has found so far. ``gained`` fires in the document only, ``lost`` in the published revision only.

    ``seen`` events were asked about, those after ``first_id`` up to ``after_id`` of a window that ends with
    ``last_id``; ``is_cut``: the window may hold more. ``suppressed`` and ``undecided``
    are the document's own; ``unknown`` counts events whose item's state of then is no longer kept. ``found`` lists
    (event id, "gained" | "lost" | "same"), oldest first; ``starts`` are the firings' times, in whole seconds.
    """

    first_id: int
    last_id: int
    after_id: int
    is_cut: bool = False
    seen: int = 0
    gained: int = 0
    lost: int = 0
    same: int = 0
    suppressed: int = 0
    undecided: int = 0
    unknown: int = 0
    found: list[tuple[int, str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    cooling: list[list[str | None]] = field(default_factory=lambda: [[None, None], [None, None]])

    @property
    def is_over(self) -> bool:
        return self.is_cut or self.after_id >= self.last_id

    @property
    def percent(self) -> int:
        """How far it is, by ids: what is not to be asked about passes faster."""
        return 100 if self.is_over else 100 * (self.after_id - self.first_id) // (self.last_id - self.first_id)

    @property
    def fired(self) -> int:
        """How often the document would have fired."""
        return self.gained + self.same


@dataclass(frozen=True)
class Slice:
    """How far a run is. ``cursor`` asks for the next slice; it is empty at the end, which alone has ``queue``."""

    since: datetime
    until: datetime
    progress: Progress
    cursor: str
    queue: Queueing | None
    compared_with: int | None
    """The number of the published revision; None where nothing is published."""

    @property
    def newest_first(self) -> list[tuple[int, str]]:
        return self.progress.found[::-1]


def backtest(
    *,
    trigger: Trigger,
    document: Mapping[str, Any],
    by: User,
    since: datetime,
    until: datetime,
    cursor: str = "",
    size: int = SLICE,
    for_s: float = 0.0,
) -> Slice:
    """The first slice of a run, or the one that ``cursor`` asks for; of events that ``by`` may see.

    It reads ``size`` ids, and again so many until ``for_s`` seconds are over.

    The window holds what was decided from ``since`` to before ``until``, and of that what was there when it began.

    It is asked what the conditions and the rules would have said then: hop limit, own writes, lateness, age and a
    cooldown that begins free. What looks at other events cannot be told here, nor can what would have come of an event
    that arms a watch: both count as undecided. Pauses and rights are of now and are not asked. Raises InvalidDocument
    and StaleCursor.
    """
    if problems := document_problems(document=document, owner=by):
        raise InvalidDocument(problems)
    run = _Run(trigger, document, by, since, until)
    progress = run.resumed(cursor) if cursor else run.begun()
    until_s = time.monotonic() + for_s
    run.advance(progress, size)
    while not progress.is_over and time.monotonic() < until_s:
        run.advance(progress, size)
    is_over = progress.is_over
    return Slice(
        since=since,
        until=until,
        progress=progress,
        cursor="" if is_over else run.cursor(progress),
        queue=run.queue(progress) if is_over else None,
        compared_with=trigger.published.number if trigger.published is not None else None,
    )


class _Run:
    def __init__(
        self, trigger: Trigger, document: Mapping[str, Any], by: User, since: datetime, until: datetime
    ) -> None:
        self._trigger = trigger
        self._documents = [document, *([trigger.published.document] if trigger.published is not None else [])]
        self._since, self._until = since, until
        self._by = by
        asked = [trigger.pk, by.pk, since.isoformat(), until.isoformat(), self._documents]
        self._name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def begun(self) -> Progress:
        # Bounded by the newest event of now: a run over a window that is still open comes to an end all the same.
        before, last = first_id_from(self._since) - 1, first_id_from(self._until) - 1
        return Progress(first_id=before, last_id=last, after_id=before)

    def resumed(self, cursor: str) -> Progress:
        try:
            said = signing.loads(cursor, salt=_SALT)
        except signing.BadSignature as bad:
            raise StaleCursor("This is no cursor of a back-test. Begin it anew.") from bad
        if said.pop("run") != self._name:
            raise StaleCursor("The trigger was changed since this back-test began. Begin it anew.")
        return Progress(**{**said, "found": [(event_id, mark) for event_id, mark in said["found"]]})

    def cursor(self, progress: Progress) -> str:
        return signing.dumps({"run": self._name, **asdict(progress)}, salt=_SALT, compress=True)

    def advance(self, progress: Progress, size: int) -> None:
        upto = min(progress.after_id + size, progress.last_id)
        rows = history(user=self._by, documents=self._documents, after_id=progress.after_id, last_id=upto)
        events = list(with_item_then(rows)[: MOST - progress.seen])
        sides = [
            Side(document, _cooling(kept)) for document, kept in zip(self._documents, progress.cooling, strict=False)
        ]
        own_actors = _own_actors(events)
        for event in events:
            _ask(event, sides, own_actors[event.connection_id], progress)
        progress.seen += len(events)
        progress.after_id = upto
        progress.is_cut = progress.seen >= MOST and upto < progress.last_id
        progress.cooling = [_written(side.cooling) for side in sides]
        del progress.found[:-KEPT], progress.starts[:-MOST_STARTS]

    def queue(self, progress: Progress) -> Queueing:
        starts = [datetime.fromtimestamp(at, UTC) for at in progress.starts]
        return queueing(
            trigger=self._trigger,
            document=read(self._documents[0]),
            starts=starts,
            since=self._since,
            until=self._until,
        )


_SALT = "triggers.backtest"


def _ask(event: Event, sides: Sequence[Side], own_actors: Sequence[str], progress: Progress) -> None:
    item, is_purged = item_then(event, _state)
    if is_purged:
        progress.unknown += 1
        return
    facts = event_facts(event)
    told = [side.answer(event, facts, item, own_actors) for side in sides]
    draft = told[0]
    progress.suppressed += draft.outcome == Outcome.SUPPRESSED
    progress.undecided += draft.outcome == Outcome.ERROR
    if draft.starts_at is not None:
        progress.starts.append(int(draft.starts_at.timestamp()))
    mark = _mark(told)
    if mark:
        setattr(progress, mark, getattr(progress, mark) + 1)
        progress.found.append((event.pk, mark))


def _mark(told: Sequence[Told]) -> str:
    fires, fired = told[0].outcome == Outcome.FIRED, told[-1].outcome == Outcome.FIRED and len(told) > 1
    if fires:
        return "same" if fired else "gained"
    return "lost" if fired else ""


def _state(event: Any) -> Mapping[str, Any] | None:
    """As the events of a slice bring it along."""
    found: Mapping[str, Any] | None = event.then
    return found


def _own_actors(events: Sequence[Event]) -> dict[int, Sequence[str]]:
    """{connection id: the accounts by which DCT itself acts there}."""
    rows = Connection.objects.filter(pk__in={event.connection_id for event in events})
    return {pk: own_actors_of(config) for pk, config in rows.values_list("pk", "config")}


def _cooling(kept: Sequence[str | None]) -> Cooling:
    return Cooling(*(datetime.fromisoformat(at) if at is not None else None for at in kept))


def _written(cooling: Cooling) -> list[str | None]:
    return [at.isoformat() if at is not None else None for at in (cooling.last_fired_at, cooling.delayed_to)]
