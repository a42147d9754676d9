"""Schedules: made, changed, paused, deleted; what comes next is shown beside the form while it is filled in."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.filtering import wanted_id
from accounts.views.forms import FormPage, Refused
from triggers.models import Schedule, SkipCalendar
from triggers.schedules.plan import Preview
from triggers.schedules.zones import zone_names
from triggers.selectors.listeners import listeners_visible_to
from triggers.selectors.schedules import calendars_visible_to, schedules_visible_to, triggers_listening_to
from triggers.services import listeners, schedules
from triggers.services.schedules import InvalidSchedule
from triggers.views.schedule_forms import ScheduleForm, SettingsForm, initial_of

SLOTS = 10
NOTES = {
    "moved": "The clock leaps over its time on that day; it runs right after.",
    "once": "Its time comes twice on that day; it runs at the first.",
    "change_day": "The clock is changed on that day.",
}
LISTEN = Operation.PUBLISH_TRIGGERS
HELP = (
    "A trigger listens to its card, as to any other.",
    "On days when the clock is changed, a run at a time of day happens once: after a leap, or at the first of two.",
    "What runs every so often follows real time.",
    "While it is paused nothing fires; when it is resumed, what was missed meanwhile goes by its own setting.",
)


class NewSchedule(FormPage):
    """A schedule on the person's own clock."""

    operation = LISTEN
    page = "library"
    template_name = "triggers/schedule.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        own = _own_clock(self.user)
        return {
            **_around("New schedule", _preview_url(own.pk if own is not None else None)),
            "runs": None,
            **super().context(**kwargs),
        }

    def form(self, data: Any, **kwargs: Any) -> ScheduleForm:
        own = _own_clock(self.user)
        return ScheduleForm(data, calendars=_calendars_of(own, self.user))

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        try:
            made = schedules.create_schedule(
                name=form.cleaned_data["name"], owner=self.user, by=self.actor, now=self.now, **form.settings()
            )
        except InvalidSchedule as invalid:
            raise Refused(at_fields(invalid)) from invalid
        told = f"{made.listener.item} is on a card. Make a trigger that listens to it."
        return done(self.request, told, goto=f"{reverse('trigger-new')}?item={made.listener.item_id}")


class SchedulePage(FormPage):
    """A schedule, to look at or to change."""

    operation = Operation.VIEW
    page = "library"
    template_name = "triggers/schedule.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self._row(kwargs["pk"])
        may_change = self.may(LISTEN, row) and row.deleted_at is None
        words = _around(str(row.listener.item), _preview_url(row.listener.connection_id, row.pk))
        new_calendar = reverse("calendar-new", args=[row.listener.connection_id])
        return {
            **words,
            "submit": "Save" if may_change else "",
            "row": row,
            "pause_url": reverse("schedule-pause", args=[row.pk]) if may_change else "",
            "resume_url": reverse("schedule-resume", args=[row.pk]) if may_change else "",
            "delete_url": reverse("schedule-delete", args=[row.pk]) if may_change else "",
            "delete_lines": _what_deleting_does(row, self.user) if may_change else [],
            "new_calendar_url": new_calendar if may_change else "",
            "calendars": [
                {"name": one.name, "url": reverse("calendar", args=[one.pk]) if may_change else ""}
                for one in _calendars_of(row.listener.connection, self.user)
            ],
            "runs": shown_runs(schedules.coming(row, now=self.now)),
            "slots": row.slots.order_by("-slot_at", "-key")[:SLOTS],
            "is_kept": True,
            **super().context(**kwargs),
        }

    def form(self, data: Any, **kwargs: Any) -> ScheduleForm:
        row = self._row(kwargs["pk"])
        calendars = _calendars_of(row.listener.connection, self.user)
        form = ScheduleForm(data, calendars=calendars, initial=initial_of(row))
        form.fields["version"] = version_of(row)
        return form

    def check(self, **kwargs: Any) -> None:
        self.require(LISTEN, self._row(kwargs["pk"]))

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        row, settings = self._row(kwargs["pk"]), form.settings()
        version, name = settings.pop("version"), form.cleaned_data["name"]
        try:
            schedules.change_schedule(schedule=row, by=self.actor, now=self.now, version=version, name=name, **settings)
        except InvalidSchedule as invalid:
            raise Refused(at_fields(invalid)) from invalid
        return done(self.request, "It goes by this from now on.", goto=reverse("schedule", args=[row.pk]))

    def _row(self, pk: int) -> Schedule:
        found: Schedule = self.find(schedules_visible_to(user=self.user), pk=pk)
        return found


class PreviewRuns(PageView):
    """The next five runs of what stands in the form, or why it may not be saved."""

    operation = Operation.VIEW
    template_name = "triggers/_runs.html"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:  # noqa: ARG002
        return self.draw(self.context(**kwargs))

    def context(self, **kwargs: Any) -> dict[str, Any]:
        clock_id, schedule_id = wanted_id(self.request, "clock"), wanted_id(self.request, "schedule")
        clock = self.find(clocks(self.user), pk=clock_id) if clock_id is not None else None
        row = self.find(schedules_visible_to(user=self.user), pk=schedule_id) if schedule_id is not None else None
        form = SettingsForm(self.request.POST, calendars=_calendars_of(clock, self.user))
        around = {"preview_url": self.request.get_full_path()}
        if not form.is_valid():
            problems = [f"{form.fields[name].label}: {' '.join(map(str, said))}" for name, said in form.errors.items()]
            return {**around, "runs": None, "problems": problems}
        settings = form.settings()
        try:
            calendars = schedules.calendars_of(clock, settings.pop("calendar_ids"))
            found = schedules.preview_of(settings=settings, calendars=calendars, now=self.now, schedule=row)
        except InvalidSchedule as invalid:
            return {**around, "runs": None, "problems": [problem.message for problem in invalid.problems]}
        return {**around, "runs": shown_runs(found), "problems": []}


class DeleteSchedule(SignedInView):
    """Hide it for good; what became of its slots stays."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(schedules_visible_to(user=self.user), pk=pk)
        self.require(LISTEN, row)
        schedules.delete_schedule(schedule=row, by=self.actor, now=self.now)
        told = f"{row.listener.item} is deleted. What became of its slots stays."
        return done(request, told, goto=reverse("library"))


class PauseSchedule(SignedInView):
    """No slot fires until it is resumed."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(schedules_visible_to(user=self.user).filter(deleted_at=None), pk=pk)
        self.require(LISTEN, row)
        listener = self.find(listeners_visible_to(user=self.user), pk=row.listener_id)
        listeners.pause_listener(listener=listener, by=self.actor, now=self.now)
        return done(request, "It is paused: nothing fires until it is resumed.", reload=True)


class ResumeSchedule(SignedInView):
    """Go on; what was missed goes by its policy."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(schedules_visible_to(user=self.user).filter(deleted_at=None), pk=pk)
        self.require(LISTEN, row)
        listener = self.find(listeners_visible_to(user=self.user), pk=row.listener_id)
        listeners.resume_listener(listener=listener, by=self.actor, now=self.now)
        return done(request, "It goes on. What was missed goes by its own choice.", reload=True)


def shown_runs(preview: Preview) -> dict[str, Any]:
    """The next runs and the days of rest between them, for ``triggers/_runs.html``."""
    return {
        "runs": [
            {
                "at": run.due.fires_at,
                "local": f"{run.local:%a %d %b %Y, %H:%M:%S}".removesuffix(":00"),
                "zone": f"{run.local:%Z}",
                "note": NOTES.get(run.note, ""),
            }
            for run in preview.runs
        ],
        "rests": [f"{day:%a %d %b %Y}" for day in preview.rests],
    }


def _what_deleting_does(row: Schedule, user: Any) -> list[str]:
    """For whoever is asked whether it shall be deleted."""
    names = [trigger.name for trigger in triggers_listening_to(listener=row.listener, user=user)]
    hear = f"These triggers hear nothing of it any more: {', '.join(names)}." if names else ""
    lines = [
        "No slot fires any more, and its card is gone.",
        hear,
        "What became of its slots stays, and so do their events.",
    ]
    return [line for line in lines if line]


def _around(title: str, preview_url: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": "calendar-event",
        "list_url": reverse("library"),
        "list_label": "Library",
        "submit": "Make it",
        "help": HELP,
        "preview_url": preview_url,
        "zones": sorted(zone_names()),
        "problems": [],
    }


def _preview_url(clock_id: int | None, schedule_id: int | None = None) -> str:
    asked = {"clock": clock_id, "schedule": schedule_id}
    query = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    return f"{reverse('schedule-preview')}?{query}" if query else reverse("schedule-preview")


def version_of(row: Any) -> forms.IntegerField:
    """The version that a form was filled in from; a later one makes the change a conflict."""
    return forms.IntegerField(widget=forms.HiddenInput, initial=row.version, min_value=1, max_value=2**31 - 1)


def clocks(user: Any) -> Any:
    """The clocks that a person may see."""
    return visible(Connection.objects.filter(source=Source.SCHEDULE), user=user)


def _own_clock(user: Any) -> Connection | None:
    return Connection.objects.filter(source=Source.SCHEDULE, owner=user).order_by("pk").first()


def _calendars_of(clock: Connection | None, user: Any) -> Iterable[SkipCalendar]:
    return calendars_visible_to(user=user).filter(connection=clock) if clock is not None else ()


def at_fields(invalid: InvalidSchedule) -> list[tuple[str, str]]:
    """What the service refuses, field by field."""
    return [(problem.path, problem.message) for problem in invalid.problems]
