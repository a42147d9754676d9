"""Bulk replays: the list, a new one (looked at first, then confirmed by its number), and how far one is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import Denied, visible
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.filtering import Choice, Filters, wanted_id
from accounts.views.forms import UNPROCESSABLE
from accounts.views.lists import ListPage
from triggers.enums import BulkKind, BulkStatus, Outcome, RevisionChoice
from triggers.models import BulkReplay, Delivery, Event, Trigger
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.replays import bulk as bulk_replay
from triggers.services.replays.bulk import MOST_AT_ONCE, InvalidWish, Preview, PreviewChanged
from triggers.services.replays.bulk_wish import ANSWERS, Wish
from triggers.services.replays.bulk_wish import Filters as WishFilters
from triggers.services.replays.event import Manner
from triggers.views.cards import shown_key
from triggers.views.links import item_label, link_to_delivery, link_to_event, link_to_item
from triggers.views.replaying import MannerForm
from triggers.views.trying import WindowForm
from workspaces.models import ContextItem
from workspaces.selectors.library import items_visible_to

MOST_OFFERED = 500
STATUS = Choice("status", "Status", "Any status", [(one.value, one.label) for one in BulkStatus])
_ANSWERS = [("", "Whatever it answered"), *((one.value, Outcome(one).label) for one in ANSWERS)]
SKIPS = {
    "inputs_purged": "no content any more",
    "not_kept": "its body was not stored",
    "no_secret": "the endpoint has no secret",
    "bad_signature": "its signature does not hold under the secrets of now",
    "not_safe_json": "it is still no safe JSON",
    "no_endpoint": "its webhook is switched off",
    "no_connection": "its connection is gone",
    "taken_already": "it came in already",
    "never_replayable": "its signature did not hold",
    "not_refused": "it was decided meanwhile",
}
"""What the codes of skipped rows mean."""


class WishForm(WindowForm, MannerForm):
    """What to repeat, and how. Days, both included."""

    field_order = ("kind", "since", "until", "connection", "type", "item", "trigger", "answer", "revision")
    kind = forms.ChoiceField(label="Replay", choices=BulkKind.choices)
    connection = forms.TypedChoiceField(label="That came by", required=False, coerce=int, empty_value=None)
    type = forms.CharField(label="Of the type", required=False, max_length=100)
    item = forms.TypedChoiceField(label="About the item", required=False, coerce=int, empty_value=None)
    trigger = forms.TypedChoiceField(label="Ask", required=False, coerce=int, empty_value=None)
    answer = forms.ChoiceField(label="Which the trigger answered", required=False, choices=_ANSWERS)
    revision = forms.ChoiceField(label="By the revision", choices=[("now", "of now"), ("then", "of then")])
    concurrency = forms.IntegerField(
        label="At once",
        min_value=1,
        max_value=MOST_AT_ONCE,
        help_text="So many are under way at most; the next begins when one has ended.",
    )


class BulkReplaysPage(ListPage[BulkReplay]):
    """Those that the person started, or all for who sees all."""

    operation = Operation.VIEW
    page = "events"
    template_name = "triggers/bulk_replays.html"
    name: ClassVar[str] = "bulks"
    topic = "bulk-replays"
    noun = "bulk replays"

    def rows(self) -> QuerySet[BulkReplay]:
        rows = visible(BulkReplay.objects.select_related("trigger", "created_by"), user=self.user)
        value = STATUS.chosen(self.request)
        return rows.filter(status=value) if value else rows

    def filters(self) -> Filters:
        return Filters("Filter bulk replays", (STATUS,))

    def shown(self, rows: Sequence[BulkReplay]) -> list[dict[str, Any]]:
        return [_shown(row) for row in rows]

    def context(self, **kwargs: Any) -> dict[str, Any]:
        new_url = reverse("bulk-replay-new") if self.may(Operation.FIRE) else ""
        return {**super().context(**kwargs), "new_url": new_url, "events_url": reverse("events")}


class NewBulkReplay(PageView):
    """The window and the manner; then what that comes to; then the number, typed by who has seen it."""

    operation = Operation.FIRE
    page = "events"
    template_name = "triggers/bulk_replay_new.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {"form": self._form(None), "list_url": reverse("bulk-replays"), "new_url": self.request.path}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if not form.is_valid():
            return self._draw(form, status=UNPROCESSABLE)
        try:
            return self._answer(request, form)
        except PreviewChanged as changed:
            return self._draw(form, changed.preview, str(changed), status=UNPROCESSABLE)
        except Denied as denied:
            form.add_error("priority", denied.answer.detail)
        except InvalidWish as invalid:
            for problem in invalid.problems:
                form.add_error(problem.path if problem.path in form.fields else None, problem.message)
        return self._draw(form, status=UNPROCESSABLE)

    def _answer(self, request: HttpRequest, form: WishForm) -> HttpResponse:
        wish = self._wish(form)
        wish.manner.require_of(self.actor)
        if "confirmation" not in request.POST:
            return self._draw(form, bulk_replay.preview(wish=wish, user=self.user))
        typed = request.POST.get("count", "").strip()
        bulk = bulk_replay.start(
            wish=wish,
            count=int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else -1,
            confirmation=request.POST["confirmation"][:5_000],
            user=self.user,
            by=self.actor,
            now=self.now,
        )
        return done(request, "It has begun.", goto=reverse("bulk-replay", args=[bulk.pk]))

    def _draw(self, form: WishForm, seen: Preview | None = None, problem: str = "", status: int = 200) -> HttpResponse:
        found = _previewed(seen) if seen is not None else None
        return self.draw({**self.context(), "form": form, "seen": found, "problem": problem}, status=status)

    def _form(self, data: Any) -> WishForm:
        query = self.request.GET
        today = timezone.localdate(self.now)
        initial = {
            "since": today,
            "until": today,
            "concurrency": 1,
            "kind": query.get("kind", BulkKind.EVENTS),
            "answer": query.get("answer", ""),
        }
        initial |= {name: wanted_id(self.request, name) for name in ("connection", "item", "trigger")}
        form = WishForm(data, initial=initial)
        connections = visible(Connection.objects.order_by("name", "id"), user=self.user)
        triggers = visible(triggers_visible_to(user=self.user), user=self.user, operation=Operation.FIRE)
        fields: Any = form.fields
        fields["connection"].choices = [("", "Any connection"), *((row.pk, row.name) for row in connections)]
        offered = [(row.pk, f"Only {row.name}") for row in triggers.order_by("name", "id")[:MOST_OFFERED]]
        fields["item"].choices = [("", "Any item"), *self._items(data.get("item") if data else initial["item"])]
        fields["trigger"].choices = [("", "Everybody who listens"), *offered]
        return form

    def _items(self, asked: Any) -> list[tuple[int, str]]:
        """Those that changed last, and the one that is asked for."""
        number = str(asked or "")
        rows = items_visible_to(user=self.user).order_by("-changed_at", "-id")
        wanted = rows.filter(pk=int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else []
        offered = {row.pk: row for row in (*wanted, *rows[:MOST_OFFERED])}
        alike = Counter(item_label(row) for row in offered.values())
        return [(pk, _told_apart(row, alike)) for pk, row in offered.items()]

    def _wish(self, form: WishForm) -> Wish:
        said = form.cleaned_data
        since, until = form.window()
        item = said["item"]
        if item is not None:
            self.find(items_visible_to(user=self.user), pk=item)
        return Wish(
            kind=BulkKind(said["kind"]),
            since=since,
            until=until,
            filters=WishFilters(said["connection"], said["type"], item, said["answer"]),
            trigger=self._trigger(said["trigger"]),
            manner=Manner(RevisionChoice(said["revision"]), is_draft=said["draft"], priority=said["priority"]),
            concurrency=said["concurrency"],
        )

    def _trigger(self, pk: int | None) -> Trigger | None:
        return self.find(triggers_visible_to(user=self.user), pk=pk) if pk is not None else None


class BulkReplayPage(PageView):
    """One of them, with its bar and what can be done to it."""

    operation = Operation.VIEW
    page = "events"
    template_name = "triggers/bulk_replay.html"
    parts: ClassVar = {"progress": "triggers/_bulk_replay.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        rows = visible(BulkReplay.objects.select_related("trigger", "created_by"), user=self.user)
        row = self.find(rows, pk=kwargs["pk"])
        shown = _shown(row)
        if self.may(Operation.FIRE, row):
            for act, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
                if BulkReplay.MOVES.allows(row.status, status):
                    shown[f"{act}_url"] = reverse(f"bulk-replay-{act}", args=[row.pk])
        return {"bulk": shown, "list_url": reverse("bulk-replays")}


class BulkAct(SignedInView):
    """Something done to one of them: ``act`` is the service, ``words`` are said afterwards."""

    act: ClassVar[Callable[..., object]]
    words: ClassVar[str]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(visible(BulkReplay.objects.all(), user=self.user), pk=pk)
        self.require(Operation.FIRE, row)
        self.act(bulk=row, by=self.actor, now=self.now)
        return done(request, self.words, reload=True, tone="off")


class PauseBulk(BulkAct):
    """Ask about nothing more for now."""

    act = staticmethod(bulk_replay.pause)
    words = "It is paused. What was asked goes on."


class ResumeBulk(BulkAct):
    """Go on where it stopped."""

    act = staticmethod(bulk_replay.resume)
    words = "It goes on."


class CancelBulk(BulkAct):
    """Ask about nothing more, for good."""

    act = staticmethod(bulk_replay.cancel)
    words = "It is cancelled. What was asked goes on."


def _told_apart(item: ContextItem, alike: Mapping[str, int]) -> str:
    label = item_label(item)
    return f"{label}, {shown_key(item)}" if alike[label] > 1 else label


def _shown(row: BulkReplay) -> dict[str, Any]:
    done_so_far = row.replayed + row.skipped
    filters = row.filters
    is_then = row.revision == RevisionChoice.THEN
    return {
        "id": row.pk,
        "url": reverse("bulk-replay", args=[row.pk]),
        "kind": BulkKind(row.kind).label,
        "status": row.status,
        "reason": row.reason,
        "trigger": row.trigger.name if row.trigger is not None else "",
        "trigger_url": reverse("trigger", args=[row.trigger.pk]) if row.trigger is not None else "",
        "since": _moment(filters.get("since")),
        "until": _moment(filters.get("until")),
        "manner": ["by the revisions of then" if is_then else "by the revisions of now"]
        + (["into drafts"] if row.is_draft else [])
        + ([f"at priority {row.priority}"] if row.priority is not None else []),
        "concurrency": row.concurrency,
        "total": row.total,
        "done": done_so_far,
        "replayed": row.replayed,
        "events_url": f"{reverse('events')}?bulk_replay={row.pk}",
        "skipped": row.skipped,
        "skips": [{"words": SKIPS.get(code, code), "count": count} for code, count in sorted(row.skips.items())],
        "by": row.created_by.get_username(),
        "created_at": row.created_at,
    }


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _previewed(seen: Preview) -> dict[str, Any]:
    return {
        "count": seen.count,
        "purged": seen.purged,
        "confirmation": seen.confirmation,
        "sample": [_sampled(row) for row in seen.sample],
        "more": max(0, seen.count - len(seen.sample)),
    }


def _sampled(row: Event | Delivery) -> dict[str, Any]:
    if isinstance(row, Event):
        item = link_to_item(row.item) if row.item is not None else None
        return {**link_to_event(row.pk), "words": row.type, "source": row.source, "item": item, "at": row.accepted_at}
    words = row.get_rejection_display() or row.outcome.get_reason_display() or row.outcome.get_status_display()
    return {**link_to_delivery(row), "words": words, "source": row.source, "item": None, "at": row.received_at}
