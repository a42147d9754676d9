"""Back-tests: what a document would have answered to stored history, slice by slice; nothing is written.

No request may hang, so a run is a chain of slices, which a child process works on (``backtest_aside``). A slice begins
where the one before ended and says how far the run is, with everything found so far; what the next needs stands in its
cursor, which the caller brings back. Nothing is stored between two slices, so an abandoned run leaves nothing behind
and any process may answer the next one.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing

from accounts.models import User
from agents.models import Limits
from triggers.documents import read
from triggers.models import Trigger
from triggers.selectors.events import first_id_from, history, with_item_then
from triggers.services.backtest.past import StoredThen
from triggers.services.backtest.progress import Progress, Slice
from triggers.services.backtest.queue import Queueing, Start, queueing
from triggers.services.backtest.side import Pacing, Side
from triggers.services.backtest.walk import Walk
from triggers.services.backtest.watches import Silences
from triggers.services.decide.drain import backlog_after
from triggers.services.validation import InvalidDocument, document_problems

SLICE = 500
"""Ids read at once, whoever they concern: 70 ms of CPU where each is asked about and holds 6 kB."""
MOST = 100_000
"""Events in a run, the oldest of its window; a longer window says that it was cut."""
MOST_EARLIER = 20_000
"""Events before the window, the newest, that are looked at for what they armed."""
KEPT = 100
"""Differences and firings that are listed, the newest."""
MOST_STARTS = 5_000
"""Firings whose queueing is simulated, the newest."""


class StaleCursor(Exception):
    """The cursor belongs to another run, or the draft or what is published has changed since; begin anew."""


def backtest(
    *,
    trigger: Trigger,
    document: Mapping[str, Any],
    by: User,
    since: datetime,
    until: datetime,
    now: datetime,
    cursor: str = "",
    size: int = SLICE,
    for_s: float = 0.0,
) -> Slice:
    """The first slice of a run, or the one that ``cursor`` asks for; of events that ``by`` may see.

    It reads ``size`` ids, and again so many until ``for_s`` seconds are over.

    The window holds what was decided from ``since`` to before ``until``, and of that what was there when it began.

    It is asked what the conditions and the rules would have said then: hop limit, own writes, lateness, age, and the
    cooldown, rate and storm brake, which begin free and count its own firings. Overlap and the length of its queue are
    a matter of how long runs take: ``queueing`` tells them.

    Conditions that look at other events see those that were stored before. Watches are armed and disarmed in memory and
    come back when their time is up, before ``until`` and ``now``; those that ran already when the window began are told
    by the events of the longest time before it. Pauses and rights are of now and are not asked. Raises InvalidDocument
    and StaleCursor.
    """
    if problems := document_problems(document=document, owner=by):
        raise InvalidDocument(problems)
    run = _Run(trigger, document, by, since, until)
    progress = run.resumed(cursor) if cursor else run.begun(now)
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
        asked = [_FORMAT, trigger.pk, by.pk, since.isoformat(), until.isoformat(), self._documents]
        self._name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        self._walk: Walk | None = None

    def begun(self, now: datetime) -> Progress:
        # Bounded by the newest event of now: a run over a window that is still open comes to an end all the same.
        opens, last = first_id_from(self._since) - 1, first_id_from(self._until) - 1
        first, is_cut = self._first_armed(opens)
        ends_at = min(self._until, now).isoformat()
        return Progress(
            first_id=first, opens_id=opens, last_id=last, after_id=first, ends_at=ends_at, is_earlier_cut=is_cut
        )

    def _first_armed(self, opens: int) -> tuple[int, bool]:
        """The event after which those came that may have armed what runs when the window opens; and whether more did
        than are looked at.
        """
        waiting = [one for one in self._documents if Silences(one.get("conditions")).longest]
        longest = max((Silences(one.get("conditions")).longest for one in waiting), default=timedelta(0))
        if not longest:
            return opens, False
        first = first_id_from(self._since - min(longest, self._since - _BEGINNING)) - 1
        earlier = history(user=self._by, documents=waiting, after_id=first, last_id=opens).order_by("-id")
        over = earlier.values_list("pk", flat=True)[MOST_EARLIER : MOST_EARLIER + 1]
        return next(((pk, True) for pk in over), (first, False))

    def resumed(self, cursor: str) -> Progress:
        try:
            said = signing.loads(cursor, salt=_SALT)
        except signing.BadSignature as bad:
            raise StaleCursor("This is no cursor of a back-test. Begin it anew.") from bad
        if said.pop("run") != self._name:
            raise StaleCursor("The trigger was changed since this back-test began. Begin it anew.")
        return Progress.read(said)

    def cursor(self, progress: Progress) -> str:
        return signing.dumps({"run": self._name, **asdict(progress)}, salt=_SALT, compress=True)

    def advance(self, progress: Progress, size: int) -> None:
        if self._walk is None:
            self._walk = self._walk_from(progress)
        walk, is_earlier = self._walk, progress.after_id < progress.opens_id
        upto = min(progress.after_id + size, progress.opens_id if is_earlier else progress.last_id)
        rows = history(user=self._by, documents=self._documents, after_id=progress.after_id, last_id=upto)
        if is_earlier:
            walk.look_at(list(with_item_then(rows)))
        else:
            walk.ask(list(with_item_then(rows)[: MOST - progress.seen]))
        progress.after_id = upto
        progress.is_cut = progress.seen >= MOST and upto < progress.last_id
        if progress.is_over:
            walk.end()
        walk.write()
        del progress.found[:-KEPT], progress.starts[:-MOST_STARTS]

    def _walk_from(self, progress: Progress) -> Walk:
        stored, limit = StoredThen(progress.last_id), backlog_after(Limits.objects.get(pk=1))
        kept = zip(self._documents, progress.pacing, progress.running, strict=False)
        sides = [
            Side(self._trigger.pk, document, stored, Pacing.read(pacing), limit, running)
            for document, pacing, running in kept
        ]
        return Walk(sides, stored, self._trigger.pk, self._since, progress)

    def queue(self, progress: Progress) -> Queueing:
        starts = [Start(*start) for start in progress.starts]
        document = read(self._documents[0])
        return queueing(trigger=self._trigger, document=document, starts=starts, since=self._since, until=self._until)


_SALT = "triggers.backtest"
_FORMAT = 3
"""Of what stands in a cursor."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)
