"""The trigger editor: one for the page and the modal."""

from itertools import zip_longest
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import AuditEntry, Connection
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.base import PageView
from accounts.views.filtering import wanted_id
from triggers.conditions.schema import catalogue
from triggers.enums import TriggerStatus, Window
from triggers.models import Event, Trigger, TriggerRevision
from triggers.selectors.decisions import decisions_visible_to
from triggers.selectors.events import events_visible_to
from triggers.selectors.executions import executions_visible_to
from triggers.selectors.triggers import revisions_visible_to, triggers_visible_to
from triggers.selectors.watches import armed_of_trigger
from triggers.services.explain import because_of
from triggers.views.budget import shown_budget
from triggers.views.draft_state import differences_in_words, draft_state, samples_of, shown_samples
from triggers.views.editor_forms import forms_of, listener_key
from triggers.views.links import (
    execution_number,
    execution_title,
    link_to_connection,
    link_to_event,
    link_to_item,
)
from triggers.views.shown import FIRE_LINES, Rights, act_urls
from triggers.views.trigger_list import shown_rows
from triggers.views.trigger_metrics import shown_metrics
from workspaces.selectors.library import items_visible_to

RUNS, REVISIONS, ANSWERS, HAPPENINGS, WATCHES = 5, 20, 10, 10, 10
Shown = dict[str, Any]


class TriggerPage(PageView):
    """A trigger, to look at or to edit. ``?part=modal`` is the modal's content, ``?part=row`` a row of the list."""

    operation = Operation.VIEW
    page = "triggers"
    template_name = "triggers/trigger.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        trigger = self.find(triggers_visible_to(user=self.user), pk=kwargs["pk"])
        part = request.GET.get("part")
        if part == "row":
            row = shown_rows([trigger], self.user, self.now)[0]
            return self.draw({"trigger": row}, template="triggers/_row.html")
        if part not in (None, "modal"):
            raise Http404
        template = "triggers/trigger_modal.html" if part == "modal" else ""
        return self.draw({**self._editor(trigger), "is_page": not part}, template=template)

    def _editor(self, trigger: Trigger) -> Shown:
        samples = samples_of(trigger, user=self.user)
        sample = chosen_sample(samples, wanted_id(self.request, "sample"))
        rights = Rights.of(self.user, [trigger.pk])
        may_raise = self.may(Operation.SET_HIGH_PRIORITY)
        forms = forms_of(trigger.draft, user=self.user, may_raise=may_raise)
        return {
            **vars(forms),
            "list_url": reverse("triggers"),
            "trigger": self._shown(trigger, rights),
            "conditions": trigger.draft.get("conditions"),
            "catalogue": catalogue(),
            "samples": shown_samples(samples, sample),
            "draft": draft_state(trigger, user=self.user, sample=sample),
            "history": self._history(trigger, rights),
        }

    def _shown(self, trigger: Trigger, rights: Rights) -> Shown:
        may_manage, may_publish = trigger.pk in rights.manage, trigger.pk in rights.publish
        is_changed = trigger.published is not None and trigger.published.document != trigger.draft
        acts = act_urls(trigger, rights)
        return {
            "id": trigger.pk,
            "name": trigger.name,
            "url": reverse("trigger", args=[trigger.pk]),
            "status": trigger.status,
            "pause_reason": trigger.pause_reason,
            "on": self._on(trigger),
            "published": _published_words(trigger),
            "next_revision": _next_number(trigger),
            "draft_url": _url("trigger-draft", trigger, may_manage),
            "publish_url": _url("trigger-publish", trigger, may_publish),
            "try_url": _url("trigger-try", trigger, may_publish),
            "shadow_url": _url("trigger-shadow", trigger, may_publish),
            "discard_url": _url("trigger-discard", trigger, may_manage and is_changed),
            "activate_url": _url("trigger-activate", trigger, may_publish and trigger.status == TriggerStatus.SHADOW),
            "disable_url": _url("trigger-disable", trigger, may_manage and trigger.status not in _OUT),
            "delete_url": _url("trigger-delete", trigger, may_manage),
            **{name: f"{url}?from=editor" if url and name != "fire_url" else url for name, url in acts.items()},
            "fire_lines": FIRE_LINES,
            "publish_lines": self._publish_lines(trigger),
        }

    def _publish_lines(self, trigger: Trigger) -> list[str]:
        lines = ["It decides every event from then on.", "What was decided before stays as it is."]
        if trigger.owner_id != self.user.pk:
            lines.append(f"It becomes yours: it runs with your rights, no longer with those of {trigger.owner}.")
        return lines

    def _on(self, trigger: Trigger) -> list[dict[str, str]]:
        """What is listened to: by what decides, or by the draft where nothing does yet."""
        document: Any = trigger.published.document if trigger.published is not None else trigger.draft
        parts = document.get("listeners")
        keys = [listener_key(part) for part in (parts if isinstance(parts, list) else ()) if isinstance(part, dict)]
        items = items_visible_to(user=self.user).filter(pk__in=_numbers(keys, "item"))[:RUNS]
        connections = visible(Connection.objects.all(), user=self.user).filter(pk__in=_numbers(keys, "connection"))
        return [*map(link_to_item, items), *map(link_to_connection, connections[:RUNS])]

    def _history(self, trigger: Trigger, rights: Rights) -> Shown:
        may_publish = trigger.pk in rights.publish
        revisions = list(revisions_visible_to(user=self.user, trigger=trigger).order_by("-number")[: REVISIONS + 1])
        runs = executions_visible_to(user=self.user).filter(trigger=trigger).order_by("-id")[:RUNS]
        watches = armed_of_trigger(user=self.user, trigger=trigger)
        told = visible(AuditEntry.objects.all(), user=self.user, operation=Operation.READ_AUDIT)
        happened = told.filter(kind="trigger", object_id=trigger.pk, action__in=_HAPPENED).order_by("-id")
        return {
            "executions_url": f"{reverse('executions')}?trigger={trigger.pk}",
            "budget": shown_budget(trigger, now=self.now),
            "metrics": shown_metrics(trigger, window=Window.DAY, now=self.now),
            "revisions": [
                _revision(row, older, trigger, may_publish)
                for row, older in zip_longest(revisions[:REVISIONS], revisions[1:])
            ],
            "answers": self._answers(trigger),
            "executions": [
                {
                    "url": reverse("execution", args=[run.pk]),
                    "title": execution_title(run),
                    "number": execution_number(run.pk),
                    "status": run.status,
                    "at": run.ended_at or run.queued_at,
                }
                for run in runs
            ],
            "watches": [
                {"item": link_to_item(row.item), "event": link_to_event(row.armed_by_id), "due_at": row.due_at}
                for row in watches[:WATCHES]
            ],
            "more_watches": max(0, watches.count() - WATCHES),
            "changes": [
                {"words": f"{_HAPPENED[entry.action]} by {entry.actor_label}", "at": entry.at}
                for entry in happened[:HAPPENINGS]
            ],
        }

    def _answers(self, trigger: Trigger) -> list[Shown]:
        """Its last answers but plain "not matched", which are not stored, of events that the person may see."""
        seen = events_visible_to(user=self.user).order_by().values("pk")
        rows = decisions_visible_to(user=self.user).filter(trigger=trigger, event__in=seen).order_by("-id")
        return [
            {
                "status": row.outcome,
                "because": because_of(row),
                "event": link_to_event(row.event_id),
                "url": f"{reverse('event', args=[row.event_id])}?trigger={trigger.pk}",
                "type": row.event.type,
                "at": row.at,
            }
            for row in rows[:ANSWERS]
        ]


def chosen_sample(samples: list[Event], wanted: int | None) -> Event | None:
    """The wanted one of the samples on offer; else the newest; None where there is none."""
    return next((event for event in samples if event.pk == wanted), samples[0] if samples else None)


_OUT = frozenset({TriggerStatus.NEW, TriggerStatus.DISABLED})
_HAPPENED = {
    "trigger.created": "Made",
    "trigger.paused": "Paused",
    "trigger.resumed": "Made active",
    "trigger.shadowed": "Put in shadow",
    "trigger.disabled": "Disabled",
    "trigger.fired": "Fired by hand",
}


def _numbers(keys: list[str], kind: str) -> list[int]:
    found = (key.partition(":") for key in keys)
    return [int(number) for one, _, number in found if one == kind and number.isascii() and number.isdigit()]


def _url(name: str, trigger: Trigger, is_allowed: bool) -> str:
    return reverse(name, args=[trigger.pk]) if is_allowed else ""


def _published_words(trigger: Trigger) -> str:
    if trigger.published is None:
        return "not published yet"
    by = trigger.published.created_by
    return f"revision {trigger.published.number}{f', published by {by}' if by else ''}"


def _next_number(trigger: Trigger) -> int:
    newest = TriggerRevision.objects.filter(trigger=trigger).order_by("-number").first()
    return newest.number + 1 if newest is not None else 1


def _revision(row: TriggerRevision, older: TriggerRevision | None, trigger: Trigger, may_publish: bool) -> Shown:
    is_live = row.pk == trigger.published_id
    back = reverse("trigger-rollback", args=[trigger.pk, row.number]) if may_publish and not is_live else ""
    return {
        "number": row.number,
        "by": row.created_by or "somebody who is gone",
        "at": row.created_at,
        "words": row.note or "Published",
        "is_live": is_live,
        "changes": differences_in_words(older, row) if older is not None else [],
        "against": older.number if older is not None else None,
        "rollback_url": back,
    }
