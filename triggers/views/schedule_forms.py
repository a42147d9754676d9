"""The fields of a schedule: its settings as a form, with times of the clock on its wall."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.timezone import make_naive

from triggers.enums import MisfirePolicy
from triggers.models import Schedule, SkipCalendar
from triggers.schedules import zones
from triggers.schedules.settings import DEFAULT_GRACE_S

_TIMES = ("starts_at", "ends_at")
_WALL = "%Y-%m-%dT%H:%M"


class _WallTime(forms.DateTimeField):
    widget = forms.DateTimeInput(format=_WALL, attrs={"type": "datetime-local"})


class ScheduleForm(forms.Form):
    """What `triggers.schedules.settings` asks; what is wrong with it the service says."""

    name = forms.CharField(max_length=200, help_text="How its card is called.")
    cron = forms.CharField(
        label="Cron",
        required=False,
        max_length=200,
        help_text="Minute, hour, day of the month, month, day of the week: 0 9 * * 1-5 is nine o'clock on weekdays.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    every_s = forms.IntegerField(
        label="Or every so many seconds", required=False, help_text="Instead of cron; counts from the start."
    )
    timezone = forms.CharField(
        label="Time zone",
        max_length=100,
        initial="UTC",
        help_text="Such as Europe/Paris.",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
    )
    misfire = forms.ChoiceField(label="What was missed", choices=MisfirePolicy.choices, initial=MisfirePolicy.RUN_ONCE)
    catch_up = forms.IntegerField(label="Catch up at most", initial=1, help_text="Runs. Where it catches up.")
    grace_s = forms.IntegerField(
        label="On time within", initial=DEFAULT_GRACE_S, help_text="Seconds. Later than that is missed."
    )
    jitter_s = forms.IntegerField(
        label="Spread over", initial=0, help_text="Seconds. Each run is later by as much at most, always the same."
    )
    starts_at = _WallTime(label="Not before", required=False, help_text="In its time zone.")
    ends_at = _WallTime(label="Not after", required=False, help_text="In its time zone.")
    skip_days = forms.CharField(
        label="Days on which it rests",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        help_text="One a line: 2026-12-25 Christmas, 2026-12-24/2027-01-02 for a span, 12-25 for every year.",
    )
    calendar_ids = forms.TypedMultipleChoiceField(
        label="Calendars by which it rests",
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )

    def __init__(self, data: Any = None, *, calendars: Iterable[SkipCalendar] = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        found = [(calendar.pk, calendar.name) for calendar in calendars]
        if found:
            self.fields["calendar_ids"].choices = found  # type: ignore[attr-defined]
        else:
            del self.fields["calendar_ids"]

    def settings(self) -> dict[str, Any]:
        """What was typed, as the services take it, without the name. Only for a valid form."""
        wanted = {"calendar_ids": [], **self.cleaned_data}
        wanted.pop("name", None)
        return {**wanted, **{name: _instant(wanted[name], wanted["timezone"]) for name in _TIMES}}


class SettingsForm(ScheduleForm):
    """The same without a name, for the preview."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["name"]


def initial_of(row: Schedule) -> Mapping[str, Any]:
    """The form's values of a schedule as it stands."""
    times = {name: _wall(getattr(row, name), row.timezone) for name in _TIMES}
    calendars = [calendar.pk for calendar in row.calendars.all()]
    return {**row.settings.__dict__, **times, "name": str(row.listener.item), "calendar_ids": calendars}


def _instant(value: datetime | None, zone: str) -> datetime | None:
    """The wall time that was typed, in the schedule's zone; an unknown zone is refused by the service."""
    if value is None or zone not in zones.zone_names():
        return value
    return zones.first_instant(zone, make_naive(value))


def _wall(value: datetime | None, zone: str) -> str:
    return zones.wall_of(zone, value).strftime(_WALL) if value is not None else ""
