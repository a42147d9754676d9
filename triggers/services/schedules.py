"""Schedules: made with their card, changed, deleted, asked what comes next. The calendars by which they rest.

Each door calls these; what is absurd is refused here, once, with the name of the field.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count
from secrets import token_hex
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection, User
from accounts.services import audit
from dct_site.kernel.edits import edit
from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.conditions.schema import Problem
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import Schedule, SkipCalendar
from triggers.schedules.days import BadDays, Days, read_days
from triggers.schedules.plan import Plan, Preview, preview
from triggers.schedules.settings import FIELDS, settings_problems
from triggers.schedules.slots import Mark
from triggers.services import generation
from triggers.services.listening import listener_for
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.services import items
from workspaces.services.untrusted import strip_invisible

DEFAULT_NAME = "Clock"
MOST_CALENDARS = 10
NO_CALENDAR = "There is no such calendar on this connection."
CALENDAR_TAKEN = "This clock has a calendar of this name already. Choose another."


class InvalidSchedule(Exception):
    """It may not be saved; ``problems`` lists all that is wrong: path, code, message."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = list(problems)


def create_schedule(
    *,
    name: str,
    owner: User,
    by: Actor,
    now: datetime,
    connection: Connection | None = None,
    calendar_ids: Collection[int] = (),
    **settings: Any,
) -> Schedule:
    """A schedule with its card, heard from now on. Without a ``connection`` it goes to the owner's clock, which is made
    where there is none.

    ``settings`` as in `triggers.schedules.settings.Settings`. Raises InvalidSchedule.
    """
    title = _title(name)
    with transaction.atomic():
        generation.bump()
        connection = connection or _own_clock(owner=owner, by=by, now=now)
        if connection.source != Source.SCHEDULE:
            raise InvalidSchedule([Problem("connection_id", "wrong_source", f"{connection} is no clock.")])
        calendars = _calendars(connection, calendar_ids)
        _check(settings, calendars, now)
        item = items.create_item(
            connection=connection,
            kind=ItemKind.SCHEDULE,
            external_key=f"schedule-{token_hex(4)}",
            title=title,
            by=by,
            now=now,
        )
        listener = listener_for(connection=connection, item=item, now=now, listener_type=ListenerType.SCHEDULE)
        row = Schedule(
            listener=listener, anchor_at=now, mark_at=now, mark_key="~", created_at=now, updated_at=now, **settings
        )
        row.save()
        row.calendars.set(calendars)
        _look_ahead(row, calendars)
        audit.record(by=by, action="schedule.created", obj=row, now=now, after=_told(row, title, calendars))
        poke_on_commit(Topic.CLOCK)
    return row


def change_schedule(
    *,
    schedule: Schedule,
    by: Actor,
    now: datetime,
    version: int | None = None,
    name: str | None = None,
    calendar_ids: Collection[int] | None = None,
    **settings: Any,
) -> Schedule:
    """Change what is given. The new times count from now on; what was missed under the old ones is not made up for.

    Raises InvalidSchedule, and EditConflict where ``version`` is not the current one.
    """
    with transaction.atomic():
        row = Schedule.objects.select_for_update(of=("self",)).select_related("listener__item").get(pk=schedule.pk)
        row.version = schedule.version
        _must_be_there(row)
        listener, item = row.listener, _item_of(row)
        known = list(row.calendars.all())
        calendars = known if calendar_ids is None else _calendars(listener.connection, calendar_ids)
        before = _told(row, item.title, known)
        wanted = {**row.settings.__dict__, **settings}
        _check(wanted, calendars, now)
        title = item.title if name is None else _title(name)
        mark = max(Mark(row.mark_at, row.mark_key), Mark.after(now))
        edit(row, version=version, updated_at=now, mark_at=mark.at, mark_key=mark.key, **settings)
        row.calendars.set(calendars)
        ContextItem.objects.filter(pk=item.pk).update(title=title)
        _look_ahead(row, calendars)
        after = _told(row, title, calendars)
        if before != after:
            audit.record(by=by, action="schedule.changed", obj=row, now=now, before=before, after=after)
        poke_on_commit(Topic.CLOCK)
    schedule.refresh_from_db()
    return schedule


def delete_schedule(*, schedule: Schedule, by: Actor, now: datetime) -> Schedule:
    """Hide it with its card; no slot fires any more. Its slots, their events and what came of them stay, and so do
    triggers that listen to it: they hear nothing. Deleting a deleted one changes nothing.
    """
    with transaction.atomic():
        # Lock order: the generation first, as the clock.
        generation.bump()
        row = Schedule.objects.select_for_update(of=("self",)).select_related("listener__item").get(pk=schedule.pk)
        if row.deleted_at is None:
            edit(row, updated_at=now, deleted_at=now, next_at=None)
            item = _item_of(row)
            items.unwatch(item=item, by=by, now=now)
            audit.record(by=by, action="schedule.deleted", obj=row, now=now, before={"name": item.title})
    schedule.refresh_from_db()
    return schedule


def preview_of(
    *, settings: Mapping[str, Any], calendars: Iterable[SkipCalendar], now: datetime, schedule: Schedule | None = None
) -> Preview:
    """The next five runs under settings that nobody saved yet. Raises InvalidSchedule."""
    known = list(calendars)
    _check(settings, known, now)
    wanted = Schedule(**settings)
    if schedule is not None:
        wanted.pk, wanted.anchor_at = schedule.pk, schedule.anchor_at
    else:
        wanted.anchor_at = now
    return preview(plan_of(wanted, known), Mark.after(now))


def coming(schedule: Schedule, *, now: datetime) -> Preview:
    """The next five runs of a schedule as it stands; none of one that was deleted."""
    if schedule.deleted_at is not None:
        return Preview((), ())
    return preview(
        plan_of(schedule, schedule.calendars.all()), max(Mark(schedule.mark_at, schedule.mark_key), Mark.after(now))
    )


def calendars_of(connection: Connection | None, ids: Collection[int]) -> list[SkipCalendar]:
    """The calendars of a clock with these ids. Raises InvalidSchedule where there is one less."""
    if connection is None and ids:
        raise InvalidSchedule([Problem("calendar_ids", "not_found", NO_CALENDAR)])
    return _calendars(connection, ids) if connection is not None else []


def plan_of(schedule: Schedule, calendars: Iterable[SkipCalendar]) -> Plan:
    """A schedule ready to be asked, with the days of its calendars."""
    return schedule.settings.plan(anchor=schedule.anchor_at, rests=rests_of(calendars), seed=schedule.pk or 0)


def create_calendar(*, connection: Connection, name: str, days: str, by: Actor, now: datetime) -> SkipCalendar:
    """A list of days for the schedules of a connection. Raises InvalidSchedule, IntegrityError for a name twice."""
    if connection.source != Source.SCHEDULE:
        raise InvalidSchedule([Problem("connection_id", "wrong_source", f"{connection} is no clock.")])
    _check_days(days)
    with transaction.atomic():
        row = SkipCalendar.objects.create(
            connection=connection, name=_title(name), days=days, created_at=now, updated_at=now
        )
        audit.record(by=by, action="calendar.created", obj=row, now=now, after={"name": row.name, "days": days})
    return row


def change_calendar(
    *, calendar: SkipCalendar, by: Actor, now: datetime, version: int | None = None, **fields: str
) -> SkipCalendar:
    """Change ``name`` or ``days``; its schedules go by the new days from now on.

    Raises InvalidSchedule, also where one of them would never fire again; EditConflict, IntegrityError.
    """
    if "days" in fields:
        _check_days(fields["days"])
    if "name" in fields:
        fields["name"] = _title(fields["name"])
    before = {name: getattr(calendar, name) for name in fields}
    with transaction.atomic():
        edit(calendar, version=version, updated_at=now, **fields)
        used = (
            calendar.schedules.filter(deleted_at=None)
            .select_for_update(of=("self",))
            .select_related("listener__item")
            .order_by("pk")
        )
        for row in used:
            calendars = list(row.calendars.all())
            _must_go_on(row, calendars, now)
            _look_ahead(row, calendars)
            # Who looked at it before this must look again.
            Schedule.objects.filter(pk=row.pk).update(version=F("version") + 1)
        audit.record(by=by, action="calendar.changed", obj=calendar, now=now, before=before, after=fields)
        poke_on_commit(Topic.CLOCK)
    return calendar


def _must_be_there(row: Schedule) -> None:
    if row.deleted_at is not None:
        raise InvalidSchedule([Problem("", "deleted", "It was deleted. Make a new one.")])


def _must_go_on(row: Schedule, calendars: Iterable[SkipCalendar], now: datetime) -> None:
    is_over = row.ends_at is not None and row.ends_at <= now
    if is_over or next(plan_of(row, calendars).due(Mark.after(now)), None) is not None:
        return
    words = f"{_item_of(row).title} would never fire again: it rests on each of its days."
    raise InvalidSchedule([Problem("days", "never", words)])


def _look_ahead(row: Schedule, calendars: Iterable[SkipCalendar]) -> None:
    """Say when the clock is to look at it next; a paused one is looked at when it is resumed."""
    is_paused = row.listener.status == ListenerStatus.PAUSED
    due = None if is_paused else next(plan_of(row, calendars).due(Mark(row.mark_at, row.mark_key)), None)
    row.next_at = due.fires_at if due is not None else None
    Schedule.objects.filter(pk=row.pk).update(next_at=row.next_at)


def _check(settings: Mapping[str, Any], calendars: Iterable[SkipCalendar], now: datetime) -> None:
    if problems := settings_problems(settings, now=now, rests=rests_of(calendars)):
        raise InvalidSchedule(problems)


def _check_days(days: str) -> None:
    try:
        read_days(days.splitlines())
    except BadDays as wrong:
        raise InvalidSchedule([Problem("days", "bad_days", f"days: {wrong}")]) from wrong


def _calendars(connection: Connection, ids: Collection[int]) -> list[SkipCalendar]:
    found = list(SkipCalendar.objects.filter(connection=connection, pk__in=ids)[: MOST_CALENDARS + 1])
    if len(found) != len(set(ids)):
        raise InvalidSchedule([Problem("calendar_ids", "not_found", NO_CALENDAR)])
    if len(found) > MOST_CALENDARS:
        words = f"calendar_ids has too many entries; the most are {MOST_CALENDARS}."
        raise InvalidSchedule([Problem("calendar_ids", "too_many", words)])
    return found


def rests_of(calendars: Iterable[SkipCalendar]) -> Days:
    """The days of calendars."""
    found = Days()
    for calendar in calendars:
        found |= read_days(calendar.days.splitlines())
    return found


def _title(name: str) -> str:
    title = strip_invisible(name).strip()
    if not 1 <= len(title) <= 200:
        raise InvalidSchedule([Problem("name", "required", "name must have 1 to 200 characters.")])
    return title


def _item_of(row: Schedule) -> ContextItem:
    item = row.listener.item
    assert item is not None  # noqa: S101 - a schedule is made with its card
    return item


def _told(row: Schedule, name: str, calendars: Iterable[SkipCalendar]) -> dict[str, Any]:
    said = {field: getattr(row, field) for field in FIELDS}
    times = {field: value.isoformat() for field, value in said.items() if isinstance(value, datetime)}
    return {"name": name, **said, **times, "calendar_ids": sorted(calendar.pk for calendar in calendars)}


def _own_clock(*, owner: User, by: Actor, now: datetime) -> Connection:
    """The owner's first connection of the clock; the generation is held, so two first schedules make one."""
    found = Connection.objects.filter(owner=owner, source=Source.SCHEDULE).order_by("pk").first()
    if found is not None:
        return found
    taken = set(Connection.objects.filter(owner=owner, name__startswith=DEFAULT_NAME).values_list("name", flat=True))
    names = (DEFAULT_NAME if number == 1 else f"{DEFAULT_NAME} {number}" for number in count(1))
    name = next(name for name in names if name not in taken)
    made = Connection.objects.create(
        name=name, source=Source.SCHEDULE, owner=owner, config={}, created_at=now, updated_at=now
    )
    after = {"name": name, "source": str(Source.SCHEDULE)}
    audit.record(by=by, action="connection.created", obj=made, now=now, after=after)
    return made
