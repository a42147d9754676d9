"""Trying a draft before it fires: on the last events or a pasted payload, and on a window of history."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.answers import is_htmx
from accounts.views.base import PageView
from triggers.enums import Outcome
from triggers.models import Event, Trigger
from triggers.selectors.events import events_heard_by, events_visible_to, meant_for
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.backtest.aside import Busy, aside
from triggers.services.backtest.progress import Slice
from triggers.services.backtest.slices import KEPT, StaleCursor
from triggers.services.backtest.wire import Broken
from triggers.services.dry_run import NothingToTry, Tried, try_on_events, try_on_payload
from triggers.services.validation import InvalidDocument
from triggers.views.events import told
from triggers.views.links import event_number, link_to_event, link_to_item

LAST = (("20", "the last 20 events"), ("100", "the last 100 events"), ("500", "the last 500 events"))
DAYS = 7
UNPROCESSABLE = 422
Shown = dict[str, Any]
_STRONG = {
    Outcome.FIRED: "It would fire",
    Outcome.NOT_MATCHED: "It would not fire",
    Outcome.SUPPRESSED: "It matches and would be suppressed",
    Outcome.ERROR: "It could not decide",
}


class PayloadForm(forms.Form):
    """What a sender would post. ``headers`` are lines of "name: value"."""

    connection_id = forms.TypedChoiceField(label="As if it came in at", coerce=int)
    body = forms.CharField(
        label="Payload",
        max_length=256 * 1024,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
        help_text="What the sender would post: JSON, or a raw mail.",
    )
    headers = forms.CharField(
        required=False,
        max_length=8_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "mono"}),
        help_text="A line each, such as X-GitHub-Event: pull_request.",
    )

    def clean_headers(self) -> dict[str, str]:
        """{name: value}."""
        pairs = [line.partition(":") for line in self.cleaned_data["headers"].splitlines() if line.strip()]
        if any(not separator or not name.strip() for name, separator, _ in pairs):
            raise forms.ValidationError("Each line is a name, a colon and a value.")
        return {name.strip(): value.strip() for name, _, value in pairs}


# The first and last days of the calendar have no moment in every time zone.
_NEARBY = [MinValueValidator(date(1970, 1, 2)), MaxValueValidator(date(9000, 1, 1))]


class WindowForm(forms.Form):
    """Days, both included."""

    since = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}), validators=_NEARBY)
    until = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}), validators=_NEARBY)

    def clean(self) -> dict[str, Any]:
        """The first day is not after the last."""
        said = super().clean() or {}
        if "since" in said and "until" in said and said["since"] > said["until"]:
            self.add_error("until", "It must not be before the first day.")
        return said

    def window(self) -> tuple[datetime, datetime]:
        """From the first moment of the one day to the first after the other, as the person's clock has them."""
        since, until = (self.cleaned_data[name] for name in ("since", "until"))
        end = until + timedelta(days=1)
        return (
            timezone.make_aware(datetime.combine(since, time.min)),
            timezone.make_aware(datetime.combine(end, time.min)),
        )


class TryingPage(PageView):
    """What both pages need: a trigger that the person may publish, and its draft."""

    operation = Operation.VIEW
    page = "triggers"

    def found(self, pk: int) -> Trigger:
        trigger = self.find(triggers_visible_to(user=self.user), pk=pk)
        self.require(Operation.PUBLISH_TRIGGERS, trigger)
        return trigger

    def links(self, trigger: Trigger) -> Shown:
        return {
            "list_url": reverse("triggers"),
            "trigger": {"name": trigger.name, "url": reverse("trigger", args=[trigger.pk])},
            "try_url": reverse("trigger-try", args=[trigger.pk]),
            "backtest_url": reverse("trigger-backtest", args=[trigger.pk]),
        }


class TryDraft(TryingPage):
    """The draft on the last events that it would have been asked about; posted: on a payload."""

    template_name = "triggers/try.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        trigger = self.found(kwargs["pk"])
        last = request.GET.get("last", "")
        last = last if last in dict(LAST) else LAST[0][0]
        seen = events_visible_to(user=self.user).filter(events_heard_by(trigger.draft), meant_for(trigger.pk))
        events = list(seen.order_by("-id")[: int(last)])
        try:
            tried = try_on_events(**self._asked(trigger), events=events)
        except InvalidDocument as invalid:
            return self._draw(trigger, problems=_words(invalid), last=last)
        return self._draw(trigger, tried, last=last)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        trigger = self.found(pk)
        form = self._form(request.POST)
        if not form.is_valid():
            return self._draw(trigger, form=form, status=UNPROCESSABLE)
        said = form.cleaned_data
        connection = self.find(self._connections(), pk=said["connection_id"])
        body = said["body"].encode("utf-8", "surrogatepass")
        try:
            tried = try_on_payload(**self._asked(trigger), connection=connection, body=body, headers=said["headers"])
        except InvalidDocument as invalid:
            return self._draw(trigger, problems=_words(invalid), form=form, status=UNPROCESSABLE)
        except NothingToTry as nothing:
            form.add_error("body", str(nothing))
            return self._draw(trigger, form=form, status=UNPROCESSABLE)
        return self._draw(trigger, tried, form=form, is_pasted=True)

    def _asked(self, trigger: Trigger) -> dict[str, Any]:
        return {"trigger": trigger, "document": trigger.draft, "owner": self.user, "now": self.now}

    def _connections(self) -> Any:
        return visible(Connection.objects.order_by("name", "id"), user=self.user)

    def _form(self, data: Any = None) -> PayloadForm:
        form = PayloadForm(data)
        form.fields["connection_id"].choices = [(row.pk, row.name) for row in self._connections()]  # type: ignore[attr-defined]
        return form

    def _draw(
        self,
        trigger: Trigger,
        tried: Sequence[Tried] = (),
        *,
        last: str = "",
        form: PayloadForm | None = None,
        problems: Sequence[str] = (),
        is_pasted: bool = False,
        status: int = 200,
    ) -> HttpResponse:
        context = {
            **self.links(trigger),
            "tried": [_tried(one) for one in tried],
            "answers": told(Counter(_outcome(one) for one in tried)),
            "problems": problems,
            "form": form or self._form(),
            "is_posted": form is not None,
            "is_pasted": is_pasted,
            "last_choices": [{"value": value, "label": words, "selected": value == last} for value, words in LAST],
        }
        return self.draw(context, status=status)


class Backtest(TryingPage):
    """The draft on a window of history. Each post is a slice; its answer asks for the next by itself."""

    template_name = "triggers/backtest.html"

    def context(self, **kwargs: Any) -> Shown:
        today = timezone.localdate(self.now)
        form = WindowForm(initial={"since": today - timedelta(days=DAYS), "until": today})
        return {**self.links(self.found(kwargs["pk"])), "form": form}

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        trigger = self.found(pk)
        form = WindowForm(request.POST)
        context = {**self.links(trigger), "form": form}
        template = "triggers/_backtest.html" if is_htmx(request) else ""
        if not form.is_valid():
            words = [str(error) for errors in form.errors.values() for error in errors]
            return self.draw({**context, "problems": words}, template=template, status=UNPROCESSABLE)
        cursor = request.POST.get("cursor", "")
        try:
            since, until = form.window()
            one = aside.backtest(
                trigger=trigger,
                document=trigger.draft,
                by=self.user,
                since=since,
                until=until,
                now=self.now,
                cursor=cursor,
            )
        except InvalidDocument as invalid:
            return self.draw({**context, "problems": _words(invalid)}, template=template, status=UNPROCESSABLE)
        except StaleCursor as stale:
            return self.draw({**context, "problems": [str(stale)]}, template=template, status=UNPROCESSABLE)
        except (Busy, Broken) as held:
            again = {"since": form["since"].value(), "until": form["until"].value(), "cursor": cursor}
            return self.draw({**context, "held": str(held), "again": again}, template=template)
        return self.draw({**context, "run": self._run(one, form)}, template=template)

    def _run(self, one: Slice, form: WindowForm) -> Shown:
        progress = one.progress
        listed = one.newest_first if not one.cursor else []
        events = events_visible_to(user=self.user).in_bulk([event_id for event_id, _, _ in listed])
        return {
            "progress": progress,
            "storm_at": _moment(progress.storm_at),
            "cursor": one.cursor,
            "since": form.cleaned_data["since"].isoformat(),
            "until": form.cleaned_data["until"].isoformat(),
            "compared_with": one.compared_with,
            "found": [
                _found(events[event_id], mark, over_at) for event_id, mark, over_at in listed if event_id in events
            ],
            "more": max(0, progress.gained + progress.lost + progress.same - KEPT),
            "queue": one.queue,
        }


def _words(invalid: InvalidDocument) -> list[str]:
    return list(dict.fromkeys(problem.message for problem in invalid.problems))


def _outcome(one: Tried) -> Outcome:
    """As it is shown: nothing has fired here, it would have."""
    return Outcome.SHADOWED if one.outcome == Outcome.FIRED else Outcome(one.outcome)


def _tried(one: Tried) -> Shown:
    event = one.event
    return {
        **_event(event),
        "status": _outcome(one),
        "strong": _STRONG[Outcome(one.outcome)],
        "summary": one.summary,
        "until": one.until,
        "would_arm": one.would_arm,
        "would_disarm": one.would_disarm,
        "node": dict(one.because) or None,
    }


def _event(event: Event) -> Shown:
    is_stored = event.pk is not None
    return {
        "number": event_number(event.pk) if is_stored else "",
        "url": link_to_event(event.pk)["url"] if is_stored else "",
        "type": event.type,
        "source": event.source,
        "item": link_to_item(event.item) if event.item is not None else None,
        "subject": event.subject,
        "at": event.accepted_at,
    }


_MARKS: Mapping[str, tuple[str, str, str]] = {
    "gained": ("good", "plus-lg", "Gained"),
    "lost": ("bad", "dash-circle", "Lost"),
    "same": ("off", "check-lg", "Same"),
}


def _found(event: Event, mark: str, over_at: str) -> Shown:
    tone, icon, word = _MARKS[mark]
    return {**_event(event), "tone": tone, "icon": icon, "word": word, "over_at": _moment(over_at)}


def _moment(told: str) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
