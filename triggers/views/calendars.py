"""Calendars of a clock, in dialogs: the days on which its schedules rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpResponse

from accounts.models import Connection
from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.forms import FormDialog, Refused
from triggers.models import SkipCalendar
from triggers.selectors.schedules import calendars_visible_to
from triggers.services import schedules
from triggers.services.schedules import CALENDAR_TAKEN, InvalidSchedule
from triggers.views.schedules import LISTEN, at_fields, clocks, version_of


class CalendarForm(forms.Form):
    """A named list of days."""

    name = forms.CharField(max_length=200)
    days = forms.CharField(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono"}),
        help_text="One a line: 2026-12-25 Christmas, 2026-12-24/2027-01-02 for a span, 12-25 for every year.",
    )


class NewCalendar(FormDialog):
    """A calendar of a clock; any of its schedules may rest by it."""

    operation = LISTEN
    page = "library"
    title = "New calendar"
    text = "Its name can be ticked on each schedule of this clock."
    submit = "Make it"

    def form(self, data: Any, **kwargs: Any) -> CalendarForm:
        self._clock(kwargs["pk"])
        return CalendarForm(data)

    def check(self, **kwargs: Any) -> None:
        self.require(LISTEN, self._clock(kwargs["pk"]))

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        with _said_at_fields():
            made = schedules.create_calendar(
                connection=self._clock(kwargs["pk"]), by=self.actor, now=self.now, **form.cleaned_data
            )
        return done(self.request, f"{made} can be chosen now.", reload=True)

    def _clock(self, pk: int) -> Connection:
        found: Connection = self.find(clocks(self.user), pk=pk)
        return found


class EditCalendar(FormDialog):
    """A calendar's name and days."""

    operation = Operation.VIEW
    page = "library"
    title = "Change a calendar"
    text = "Every schedule that rests by it goes by this from now on."
    submit = "Save"

    def form(self, data: Any, **kwargs: Any) -> CalendarForm:
        row = self._row(kwargs["pk"])
        form = CalendarForm(data, initial={"name": row.name, "days": row.days})
        form.fields["version"] = version_of(row)
        return form

    def check(self, **kwargs: Any) -> None:
        self.require(LISTEN, self._row(kwargs["pk"]))

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        with _said_at_fields():
            schedules.change_calendar(
                calendar=self._row(kwargs["pk"]), by=self.actor, now=self.now, **form.cleaned_data
            )
        return done(self.request, "Its schedules go by this from now on.", reload=True)

    def _row(self, pk: int) -> SkipCalendar:
        found: SkipCalendar = self.find(calendars_visible_to(user=self.user), pk=pk)
        return found


@contextmanager
def _said_at_fields() -> Iterator[None]:
    """What the service refuses stands at its field."""
    try:
        with transaction.atomic():
            yield
    except InvalidSchedule as invalid:
        raise Refused(at_fields(invalid)) from invalid
    except IntegrityError as taken:
        raise Refused([("name", CALENDAR_TAKEN)]) from taken
