"""Trying a draft before it decides: on stored events, or on a pasted payload. Nothing is written."""

import json
from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.inputs import IdField, Input, LineField, WholeField
from triggers.enums import Outcome, Suppression
from triggers.models import Event, Trigger
from triggers.selectors.events import events_heard_by, events_visible_to, meant_for
from triggers.selectors.triggers import revisions_visible_to
from triggers.services.backtest.aside import aside
from triggers.services.backtest.progress import Slice
from triggers.services.dry_run import MOST, Tried, try_on_events, try_on_payload

DEFAULT_LAST = 20


class PayloadInput(Input):
    """What a sender would post: ``json``, or ``text`` for what is not JSON (a raw mail), with its headers."""

    connection_id = IdField()
    json = serializers.JSONField(required=False)
    text = serializers.CharField(required=False, max_length=256 * 1024, trim_whitespace=False)
    headers = serializers.DictField(child=LineField(max_length=1000), required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one body."""
        if ("json" in attrs) == ("text" in attrs):
            raise ValidationError({"json": ["Give either json or text."]})
        return attrs


class TryInput(Input):
    """What to try it on: chosen ``events``, a ``payload``, or else the ``last`` that it would have been asked about.

    The draft is tried; with ``revision`` that revision.
    """

    events = serializers.ListField(child=IdField(), required=False, max_length=MOST)
    last = WholeField(min_value=1, max_value=MOST, required=False)
    payload = PayloadInput(required=False)
    revision = WholeField(min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At most one of the three."""
        if len({"events", "last", "payload"} & attrs.keys()) > 1:
            raise ValidationError({"events": ["Give one of events, last and payload."]})
        return attrs


class TriedSerializer(serializers.Serializer[Any]):
    """One answer. ``event`` is null for one that came of a payload."""

    event = serializers.IntegerField(source="event.pk", allow_null=True)
    type = serializers.CharField(source="event.type")
    subject = serializers.CharField(source="event.subject")
    time = serializers.DateTimeField(source="event.time")
    outcome = serializers.ChoiceField(choices=Outcome.choices, help_text="fired: it would fire.")
    summary = serializers.CharField()
    suppressed_by = serializers.ChoiceField(choices=Suppression.choices, allow_blank=True)
    until = serializers.DateTimeField(allow_null=True)
    detail = serializers.CharField()
    because = serializers.DictField(help_text="The reason tree: each condition, what it expected, what it found.")
    would_arm = serializers.ListField(
        child=serializers.DateTimeField(),
        help_text="It would arm watches until then, unless one of the item runs already. A dry run arms none, and "
        "judges each event by itself: what came of the silence, a back-test tells.",
    )
    would_disarm = serializers.BooleanField(help_text="It would disarm the item's watches.")


class TriedAnswer(serializers.Serializer[Any]):
    """What would have been answered, in the order of the events, and how often."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text="How many events by outcome.")
    results = TriedSerializer(many=True)


class BacktestInput(Input):
    """The window, by when events were decided, and the ``cursor`` of the answer before (none: a new run).

    The draft is tried; with ``revision`` that revision. A next slice takes the same window and revision.
    """

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    cursor = LineField(required=False, default="", allow_blank=True, max_length=400_000)
    revision = WholeField(min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A window that has a length."""
        if attrs["since"] >= attrs["until"]:
            raise ValidationError({"until": ["It must be after since."]})
        return attrs


class FoundSerializer(serializers.Serializer[Any]):
    """One event that fires here or there, or a silence that it began."""

    event = serializers.IntegerField()
    mark = serializers.ChoiceField(choices=["gained", "lost", "same"])
    over_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When the time was up that this event began, where that fires; null: it fires itself.",
    )


class QueueingSerializer(serializers.Serializer[Any]):
    """What would have waited under the present limits; seconds."""

    starts = serializers.IntegerField(help_text="So many were simulated, the newest.")
    durations = serializers.IntegerField(help_text="Recorded runs that say how long one works; 0: not simulated.")
    is_own = serializers.BooleanField(help_text="These are runs of this trigger; false: of all triggers.")
    waited = serializers.IntegerField(help_text="Waited for longer than a second.")
    never = serializers.IntegerField(help_text="Would not have started: no capacity, or it expired.")
    old = serializers.IntegerField(help_text="Of the starts, so many would have gone with a backlog.")
    left_out = serializers.IntegerField(help_text="Its overlap or its full queue would have asked for no run.")
    joined = serializers.IntegerField(help_text="One that waited would have taken the event in.")
    displaced = serializers.IntegerField(help_text="Would have given way to a later one while it waited.")
    replaced = serializers.IntegerField(help_text="Would have been cancelled at work by a later one.")
    median_s = serializers.FloatField()
    longest_s = serializers.FloatField()


class BacktestAnswer(serializers.Serializer[Any]):
    """All that the run has found so far. With a ``cursor`` it goes on; without it is over, and ``queue`` is there."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    cursor = serializers.CharField(allow_blank=True)
    compared_with = serializers.IntegerField(allow_null=True, help_text="The published revision; null: none.")
    seen = serializers.IntegerField(source="progress.seen")
    percent = serializers.IntegerField(source="progress.percent", help_text="How far it is.")
    is_cut = serializers.BooleanField(source="progress.is_cut", help_text="The window holds more than is tried.")
    fired = serializers.IntegerField(source="progress.fired", help_text="It would have fired: gained and same.")
    gained = serializers.IntegerField(source="progress.gained", help_text="It fires, the published does not.")
    lost = serializers.IntegerField(source="progress.lost", help_text="The published fires, it does not.")
    same = serializers.IntegerField(source="progress.same")
    suppressed = serializers.IntegerField(source="progress.suppressed")
    storms = serializers.IntegerField(
        source="progress.storms",
        help_text="How often its storm brake would have paused it; as if somebody had resumed it at once.",
    )
    storm_at = serializers.SerializerMethodField(help_text="When that was first.")
    undecided = serializers.IntegerField(source="progress.undecided", help_text="It could not tell.")
    silences = serializers.IntegerField(
        source="progress.silences", help_text="Of those that fire, so many because the time of a watch was up."
    )
    taken_in = serializers.IntegerField(
        source="progress.taken_in",
        help_text="Of those that fire, so many would have joined a run that waits: debounce, batch, cooldown.",
    )
    unwatched = serializers.IntegerField(
        source="progress.unwatched", help_text="Events that would have armed one watch more than a trigger may have."
    )
    still_running = serializers.IntegerField(
        source="progress.still_running", help_text="Watches that had not come to their end with the window."
    )
    earlier = serializers.IntegerField(
        source="progress.earlier", help_text="Events before the window that were looked at for what they armed."
    )
    is_earlier_cut = serializers.BooleanField(
        source="progress.is_earlier_cut", help_text="More came in the time that it waits for than were looked at."
    )
    unknown = serializers.IntegerField(source="progress.unknown", help_text="The item's state is no longer kept.")
    found = serializers.SerializerMethodField(help_text="The newest of them, newest first.")
    queue = QueueingSerializer(allow_null=True)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_storm_at(self, one: Slice) -> Any:
        return one.progress.storm_at or None

    @extend_schema_field(FoundSerializer(many=True))
    def get_found(self, one: Slice) -> Any:
        return [
            {"event": event_id, "mark": mark, "over_at": over_at or None}
            for event_id, mark, over_at in one.newest_first
        ]


class TryingActions(ReadingViewSet):
    """The part of a trigger's address that only asks."""

    @extend_schema(request=TryInput, responses=TriedAnswer)
    @action(detail=True, methods=["post"], pagination_class=None)
    def test(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What the draft would answer, by the function that decides; nothing happens, nothing is stored."""
        row = self.get_object()
        wanted = self.body(TryInput)
        document = self._document(row, wanted["revision"])
        asked: dict[str, Any] = {"trigger": row, "document": document, "owner": self.user, "now": self.now}
        if "payload" in wanted:
            found = self._on_payload(wanted["payload"], asked)
        else:
            found = try_on_events(**asked, events=self._events(row, document, wanted))
        counts = Counter(one.outcome for one in found)
        return Response(TriedAnswer({"counts": counts, "results": found}).data)

    @extend_schema(request=BacktestInput, responses=BacktestAnswer)
    @action(detail=True, methods=["post"], pagination_class=None)
    def backtest(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What the draft would have answered to stored history, a slice at a time; nothing happens, nothing is stored.

        A slice is about a second of work, of one child process of the server; 429 with `Retry-After` while it works on
        another one of yours, or on those of too many others. Stop by not asking for the next.

        Always slices, for small windows too: one shape of answer, and no request that takes longer than another. A
        window of up to some thousand stored events is over with its first answer.
        """
        row = self.get_object()
        wanted = self.body(BacktestInput)
        document = self._document(row, wanted.pop("revision"))
        found = aside.backtest(trigger=row, document=document, by=self.user, now=self.now, **wanted)
        return Response(BacktestAnswer(found).data)

    def _document(self, row: Trigger, number: int | None) -> dict[str, Any]:
        if number is None:
            return dict(row.draft)
        revision = revisions_visible_to(user=self.user, trigger=row).filter(number=number).first()
        if revision is None:
            raise NotFound(f"This trigger has no revision {number}.")
        return dict(revision.document)

    def _events(self, row: Trigger, document: dict[str, Any], wanted: dict[str, Any]) -> list[Event]:
        seen = events_visible_to(user=self.user)
        if "events" not in wanted:
            last = wanted.get("last", DEFAULT_LAST)
            heard = seen.filter(events_heard_by(document), meant_for(row.pk), purged_at=None)
            return list(heard.order_by("-id")[:last])
        found = seen.in_bulk(wanted["events"])
        missing = [str(pk) for pk in wanted["events"] if pk not in found]
        if missing:
            raise ValidationError({"events": [f"There are no such events for you: {', '.join(missing[:10])}."]})
        return [found[pk] for pk in wanted["events"]]

    def _on_payload(self, payload: dict[str, Any], asked: dict[str, Any]) -> list[Tried]:
        mine = visible(Connection.objects.all(), user=self.user, operation=Operation.VIEW)
        connection = self.seen(mine, payload["connection_id"], "payload.connection_id")
        text = payload["text"] if "text" in payload else json.dumps(payload["json"])
        return try_on_payload(**asked, connection=connection, body=text.encode(), headers=payload["headers"])
