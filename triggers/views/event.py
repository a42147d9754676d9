"""The page of one event: every trigger's answer with its reasons, how it arrived, what it says; and asking again."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from accounts.operations import Operation
from accounts.views.base import PageView
from accounts.views.filtering import wanted_id
from triggers.enums import Origin, Outcome, Suppression
from triggers.models import Event, Watch
from triggers.selectors.events import deliveries_visible_to, events_visible_to
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.explain import Explanation, explain, explain_all
from triggers.services.keeping.tombstones import gone_since
from triggers.views.links import (
    event_number,
    item_label,
    link_to_delivery,
    link_to_event,
    link_to_execution,
    link_to_item,
)
from triggers.views.replaying import facts_of
from workspaces.enums import TrustTier

OTHERS = 500
"""Triggers that were not asked and can be chosen to be told why."""


class EventPage(PageView):
    """One event. ``?trigger=`` says whose answer is explained; the first one otherwise."""

    operation = Operation.VIEW
    page = "events"
    template_name = "triggers/event.html"
    parts: ClassVar = {"decisions": "triggers/_decisions.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        event = self.find(events_visible_to(user=self.user), pk=kwargs["pk"])
        seen = triggers_visible_to(user=self.user)
        ids = set(seen.order_by().values_list("pk", flat=True))
        answers = [answer for answer in explain_all(event=event) if answer.trigger.pk in ids]
        current = self._current(event, answers)
        shown = self._event(event)
        return {
            "event": shown,
            "decision": _decision(current, event) if current is not None else None,
            "decisions": [_row(answer, shown["url"], current) for answer in answers],
            "decisions_words": _asked(len(answers), seen.count()),
            "others": [
                {"id": pk, "name": name, "selected": current is not None and current.trigger.pk == pk}
                for pk, name in seen.exclude(pk__in=[answer.trigger.pk for answer in answers])
                .order_by("name", "pk")
                .values_list("pk", "name")[:OTHERS]
            ],
            "arrived": self._arrived(event),
            "data": self._data(event),
            "hits": [f"changes.{path}" for path in event.changes] if current is not None else [],
            "raw_url": self._raw_url(event),
            "gone": gone_since(event.purged_at, "What it said"),
        }

    def _current(self, event: Event, answers: Sequence[Explanation]) -> Explanation | None:
        wanted = wanted_id(self.request, "trigger")
        if wanted is None:
            return answers[0] if answers else None
        found = next((answer for answer in answers if answer.trigger.pk == wanted), None)
        if found is not None:
            return found
        trigger = triggers_visible_to(user=self.user).filter(pk=wanted).first()
        if trigger is None:
            raise Http404
        return explain(event=event, trigger=trigger)

    def _event(self, event: Event) -> dict[str, Any]:
        link = link_to_event(event.pk)
        shown: dict[str, Any] = {
            "id": event.pk,
            **link,
            "list_url": reverse("events"),
            "title": event.facts.get("title") or (item_label(event.item) if event.item else event.type),
            "type": event.type,
            "source": event.source,
            "received_at": event.accepted_at,
            "item": link_to_item(event.item) if event.item is not None else None,
        }
        if event.purged_at is None and self.may(Operation.FIRE, event):
            shown["replay_url"] = reverse("event-replay", args=[event.pk])
        return shown

    def _arrived(self, event: Event) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        delivery = deliveries_visible_to(user=self.user).filter(pk=event.delivery_id or 0).first()
        if delivery is not None:
            link = link_to_delivery(delivery)
            found.append({"name": "Delivery", "words": link["number"], "url": link["url"], "mono": True})
        found += [
            {"name": "Connection", "words": event.connection.name},
            {"name": "Origin", "words": Origin(event.origin).label},
            {"name": "Trust", "words": TrustTier(event.trust_tier).label},
            {"name": "By", "words": event.actor or ("no longer kept" if event.purged_at else "nobody named")},
            {"name": "Happened", "words": _exact(event.time)},
            {"name": "Received", "words": _exact(event.accepted_at)},
            {"name": "Decided", "words": _exact(event.decided_at)},
            {"name": "Sender’s id", "words": event.external_id, "mono": True},
        ]
        if event.replay_of_id:
            url = reverse("event", args=[event.replay_of_id])
            found.append({"name": "Replay of", "words": event_number(event.replay_of_id), "url": url, "mono": True})
        if event.origin == Origin.REPLAY:
            found += facts_of(event.delivery_id)
        if event.is_late:
            found.append({"name": "Late", "words": "The item already showed something newer; its state stayed."})
        return found

    def _data(self, event: Event) -> dict[str, Any]:
        data: dict[str, Any] = {"type": event.type, "subject": event.subject, "changes": event.changes}
        if self.may(Operation.VIEW_RAW, event):
            data |= {"facts": event.facts, "data": event.data}
        return data

    def _raw_url(self, event: Event) -> str:
        if event.delivery_id is None or not self.may(Operation.VIEW_RAW, event):
            return ""
        seen = deliveries_visible_to(user=self.user).filter(pk=event.delivery_id).exists()
        return reverse("delivery", args=[event.delivery_id]) if seen else ""


def _decision(answer: Explanation, event: Event) -> dict[str, Any]:
    trigger = answer.trigger
    strong, question = _SENTENCES.get(answer.outcome, ("was not asked.", "Why was it not asked?"))
    text = answer.summary if answer.outcome != Outcome.SUPPRESSED else _suppressed(answer)
    return {
        "question": question,
        "status": answer.outcome or Outcome.NOT_MATCHED.value,
        "strong": f"{trigger.name} {strong}",
        "text": _capital(text),
        "node": dict(answer.because) or None,
        "revision_words": f"Decided by revision {answer.revision.number}."
        if answer.revision
        else "No revision decided.",
        "suppressed": answer.suppressed_by,
        "trigger_url": reverse("trigger", args=[trigger.pk]),
        "watches": [_watch(watch, event) for watch in answer.watches],
    }


def _watch(watch: Watch, event: Event) -> dict[str, Any]:
    """What an event did to an armed absence, or in whose name it came."""
    if watch.armed_by_id == event.pk:
        words, other = "This event armed a watch", watch.ended_by_id
    elif watch.ended_by_id == event.pk:
        words, other = "This event disarmed the watch", watch.armed_by_id
    else:
        words, other = "Its time was up: the watch", watch.armed_by_id
    return {
        "status": watch.status,
        "words": words,
        "due_at": watch.due_at,
        "other": {**link_to_event(other), "words": "ended by" if watch.armed_by_id == event.pk else "armed by"}
        if other
        else None,
    }


_SENTENCES = {
    Outcome.FIRED.value: ("fired.", "Why did it fire?"),
    Outcome.SHADOWED.value: ("would have fired; it is in shadow mode.", "Why would it have fired?"),
    Outcome.NOT_MATCHED.value: ("did not match.", "Why did it not fire?"),
    Outcome.SUPPRESSED.value: ("matched and was suppressed.", "Why did it not fire?"),
    Outcome.ERROR.value: ("could not decide.", "Why could it not decide?"),
}


def _row(answer: Explanation, url: str, current: Explanation | None) -> dict[str, Any]:
    because = _suppressed(answer) if answer.outcome == Outcome.SUPPRESSED else answer.summary
    return {
        "trigger": answer.trigger.name,
        "url": f"{url}?trigger={answer.trigger.pk}",
        "is_current": current is not None and current.trigger.pk == answer.trigger.pk,
        "status": answer.outcome,
        "because": because,
        "execution": link_to_execution(answer.execution_id) if answer.execution_id else None,
    }


def _suppressed(answer: Explanation) -> str:
    """The reason first, then until when."""
    word = Suppression(answer.suppressed_by).label.lower() if answer.suppressed_by else ""
    told = answer.detail if answer.detail.lower().startswith(word) else f"{word}: {answer.detail}".strip(": ")
    return f"{told}, until {_exact(answer.until)}" if answer.until and str(answer.until.year) not in told else told


def _asked(count: int, total: int) -> str:
    return f"{count} of {total} trigger{'' if total == 1 else 's'} {'was' if count == 1 else 'were'} asked"


def _exact(moment: Any) -> str:
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local:%Z}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
