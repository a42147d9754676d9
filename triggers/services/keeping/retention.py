"""How long things are kept: what holds for a connection, and changing it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Connection
from accounts.services import audit
from agents.services.values import InvalidValue
from dct_site.kernel.edits import edit
from triggers.models import Retention
from triggers.models.retention import DEFAULT_DAYS, LONGEST, SHORTEST

WORDS = {
    "deliveries_days": "Deliveries",
    "events_days": "Events",
    "decisions_days": "Decisions",
    "tombstones_days": "Tombstones",
}


def default_retention() -> Retention:
    """The row that holds everywhere; where nobody changed anything yet, it is not stored."""
    found = Retention.objects.filter(is_default=True).first()
    return found or Retention(is_default=True)


def retention_of(connection: Connection) -> Retention:
    """What was said for one connection; where nothing was, a row that is not stored."""
    found = Retention.objects.filter(connection=connection).first()
    return found or Retention(connection=connection)


def days_of(own: Retention) -> dict[str, int]:
    """{name: days} as they hold: the row's own, else what holds everywhere, else DEFAULT_DAYS; tombstones at least as
    long as everything that leaves one.
    """
    return _as_they_hold(own, own if own.is_default else default_retention())


def known_since(connection: Connection, now: datetime) -> datetime:
    """From when on what came by a connection is still known, should it come again."""
    return now - timedelta(days=days_of(retention_of(connection))["tombstones_days"])


def connections_by_days(name: str) -> Mapping[int, Sequence[int]]:
    """{days: ids of the connections that keep so long} for one of the names of DEFAULT_DAYS."""
    common = default_retention()
    found: dict[int, list[int]] = defaultdict(list)
    own = {row.connection_id: row for row in Retention.objects.exclude(connection=None)}
    for pk in Connection.objects.order_by("pk").values_list("pk", flat=True):
        found[_as_they_hold(own.get(pk, common), common)[name]].append(pk)
    return found


def _as_they_hold(own: Retention, common: Retention) -> dict[str, int]:
    found = {name: getattr(own, name) or getattr(common, name) or days for name, days in DEFAULT_DAYS.items()}
    return {**found, "tombstones_days": max(found.values())}


def change_retention(
    *, connection: Connection | None, by: Actor, now: datetime, version: int | None = None, **days: int | None
) -> Retention:
    """Keep longer or shorter from now on: everywhere, or for one connection. None: as everywhere (for the row of all,
    as it is delivered).

    What is over already is taken away by the clock's next rounds; what was taken away does not come back. Raises
    InvalidValue for an unknown name or a number out of bounds, EditConflict where somebody else changed it since
    ``version``.
    """
    for name, value in days.items():
        _check(name, value)
    with transaction.atomic():
        if connection is None:
            row, _ = Retention.objects.get_or_create(is_default=True)
        else:
            row, _ = Retention.objects.get_or_create(connection=connection)
        changed = {name: value for name, value in days.items() if getattr(row, name) != value}
        before = {name: getattr(row, name) for name in changed}
        # A round that found nothing under the old rule says nothing about the new one.
        edit(row, version=version, **changed, swept_at=None, cleared_at=None, clearing=None)
        if connection is not None:
            Retention.objects.filter(is_default=True).update(swept_at=None, cleared_at=None, clearing=None)
        if changed:
            audit.record(by=by, action="retention.changed", obj=row, now=now, before=before, after=changed)
    return row


def _check(name: str, value: int | None) -> None:
    if name not in DEFAULT_DAYS:
        raise InvalidValue(name, "There is no such limit.")
    if value is not None and (type(value) is not int or not SHORTEST[name] <= value <= LONGEST):
        words = f"{WORDS[name]} are kept for a whole number of days from {SHORTEST[name]} to {LONGEST}."
        raise InvalidValue(name, words)
