"""The list of triggers: what each waits for, how it stands, how its last run went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse

from accounts.models import User
from accounts.operations import Operation
from accounts.views.filtering import Choice, Filters, searched
from accounts.views.lists import ListPage
from triggers.conditions.describe import describe
from triggers.conditions.schema import validate
from triggers.enums import TriggerStatus
from triggers.models import Trigger
from triggers.selectors.triggers import triggers_visible_to
from triggers.views.shown import Rights, last_runs, shown_trigger

STATUS = Choice("status", "Status", "Any status", [(one.value, one.label) for one in TriggerStatus])
FILTERS = Filters("Filter triggers", choices=(STATUS,), search="Search names")


class TriggersPage(ListPage[Trigger]):
    """Every trigger that the person may see, newest first."""

    operation = Operation.VIEW
    page = "triggers"
    template_name = "triggers/triggers.html"
    name: ClassVar[str] = "triggers"
    noun = "triggers"

    def rows(self) -> QuerySet[Trigger]:
        rows = triggers_visible_to(user=self.user)
        if status := STATUS.chosen(self.request):
            rows = rows.filter(status=status)
        return rows.filter(name__icontains=text) if (text := searched(self.request)) else rows

    def filters(self) -> Filters:
        return FILTERS

    def context(self, **kwargs: Any) -> dict[str, Any]:
        may_create = self.may(Operation.MANAGE_TRIGGERS)
        return {**super().context(**kwargs), "new_url": reverse("trigger-new") if may_create else ""}

    def shown(self, rows: Sequence[Trigger]) -> list[dict[str, Any]]:
        return shown_rows(rows, self.user, self.now)


def shown_rows(triggers: Sequence[Trigger], user: User, now: datetime) -> list[dict[str, Any]]:
    """For ``triggers/_row.html``."""
    ids = [trigger.pk for trigger in triggers]
    rights, last = Rights.of(user, ids), last_runs(ids, now=now)
    return [
        {
            **shown_trigger(trigger, rights, last),
            "row_url": f"{reverse('trigger', args=[trigger.pk])}?part=row",
            "owner": trigger.owner.get_username(),
            "words": _waits_for(trigger),
            "is_changed": trigger.published is not None and trigger.published.document != trigger.draft,
            "pause_reason": trigger.pause_reason,
        }
        for trigger in triggers
    ]


def _waits_for(trigger: Trigger) -> str:
    """The conditions in words: the published ones, or those of the draft where nothing is published."""
    document = trigger.published.document if trigger.published is not None else trigger.draft
    conditions = document.get("conditions")
    return "its conditions are not finished" if validate(conditions) else describe(conditions)
