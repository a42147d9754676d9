"""Moves DCT up and down the ladder of overload."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from agents.enums import Rung
from agents.ladder import Standing
from agents.models import Limits
from agents.selectors.overload import LADDER_KEY
from agents.services.admission.parking import unpark
from dct_site.kernel import journal, wake
from dct_site.kernel.moves import SYSTEM

log = structlog.get_logger(__name__)

SAY_AGAIN_AFTER = timedelta(seconds=5)


def standing_of(limits: Limits) -> Standing:
    """Where the row says that DCT stands."""
    return Standing(Rung(limits.rung), limits.rung_at, limits.rung_reason, limits.rung_calm_since)


def stand(*, limits: Limits, standing: Standing, now: datetime) -> bool:
    """Write where DCT stands now, with an entry in the journal where that is another rung; whether it is.

    ``limits`` is the row that was looked at: of several that look at once one writes. While all is calm nothing is
    written.
    """
    before = standing_of(limits)
    is_moved = before.rung != standing.rung
    looked_at = limits.rung_looked_at
    is_said = looked_at is not None and now - looked_at < SAY_AGAIN_AFTER
    if not is_moved and (not standing.rung or (is_said and before == standing)):
        return False
    with transaction.atomic():
        ours = Limits.objects.filter(pk=limits.pk, rung=before.rung, rung_at=before.at).update(
            rung=standing.rung,
            rung_at=standing.at,
            rung_reason=standing.reason[:300],
            rung_calm_since=standing.calm_since,
            rung_looked_at=now,
        )
        if not ours or not is_moved:
            return False
        reason = standing.reason or "it is over"
        words = (before.rung.name.lower(), standing.rung.name.lower())
        journal.write(journal.Line("overload", 0, *words, reason, SYSTEM, now))
        if standing.rung < Rung.LOW_WAITS <= before.rung:
            unpark(key=LADDER_KEY, now=now)
            wake.poke_on_commit(wake.Topic.ADMIT)
        if standing.rung < Rung.BULK_STOPS <= before.rung:
            wake.poke_on_commit(wake.Topic.REPLAY)
            wake.poke_on_commit(wake.Topic.ERASE)
    log.warning("overload", came_from=words[0], to=words[1], reason=reason)
    return True
