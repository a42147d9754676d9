"""Triggers in the admin: the draft as JSON, judged in the same words as everywhere, and where a trigger stands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act, changes
from accounts.admin.base import RoleAdmin, person
from accounts.admin.columns import status_column
from accounts.admin.forms import ServiceForm
from accounts.operations import Operation
from accounts.permissions import require
from dct_site.kernel.statuswords import Kind
from triggers.admin.snapshots import RevisionInline
from triggers.documents import empty_document, shape_problems
from triggers.documents.priority import is_raised
from triggers.models import Trigger
from triggers.services import drafts, publishing, standing
from triggers.services.fire import fire
from triggers.services.validation import InvalidDocument

_MANAGE, _PUBLISH = Operation.MANAGE_TRIGGERS, Operation.PUBLISH_TRIGGERS


class TriggerForm(ServiceForm):
    """The document; every problem is shown at it, with its path."""

    paths = {"*": "draft", "": "draft"}

    class Meta:
        model = Trigger
        fields = ("draft",)
        help_texts = {"draft": "Nothing decides by the draft until it is published."}


def _publish(row: Trigger, by: Actor, now: datetime) -> bool:
    before = row.published.document if row.published is not None else None
    if is_raised(row.draft.get("priority"), row.priority):
        require(by.user, Operation.SET_HIGH_PRIORITY)
    if before == row.draft and row.status not in ("new", "disabled"):
        return False
    publishing.publish(trigger=row, by=by, now=now, version=row.version)
    return True


def _fire(row: Trigger, by: Actor, now: datetime) -> bool:
    fire(trigger=row, item=None, by=by, now=now)
    return True


@admin.register(Trigger)
class TriggerAdmin(RoleAdmin):
    """What should happen when something changes."""

    adding = changing = deleting = _MANAGE
    form = TriggerForm
    page = "trigger"
    list_display = ("name", "state", "priority", "owner", "published", "executions_made", "last_fired_at")
    list_filter = ("status", "priority")
    list_select_related = ("owner", "published")
    search_fields = ("name__icontains",)
    shown = (
        "name",
        "status",
        "pause_reason",
        "paused_by",
        "paused_at",
        "priority",
        "owner",
        "draft",
        "published",
        "last_fired_at",
        "version",
        "created_at",
        "updated_at",
    )
    fields_to_add = fields_to_change = ("draft",)
    inlines = (RevisionInline,)
    actions = (
        act("Publish the draft", _PUBLISH, _publish, done="published", already="published already"),
        act("Pause", _MANAGE, changes(standing.pause, "trigger"), done="paused"),
        act("Resume", _MANAGE, changes(standing.resume, "trigger"), done="resumed", already="not paused"),
        act("Activate", _PUBLISH, changes(standing.activate, "trigger"), done="activated", already="active already"),
        act("Shadow", _PUBLISH, changes(standing.shadow, "trigger"), done="shadowed", already="shadowed already"),
        act("Disable", _MANAGE, changes(standing.disable, "trigger"), done="disabled"),
        act("Fire once", Operation.FIRE, _fire, done="fired"),
    )
    state = status_column(Kind.TRIGGER)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).filter(deleted_at=None)
        counted: QuerySet[Any] = rows.annotate(execution_count=Count("executions", distinct=True))
        return counted

    @admin.display(description="executions")
    def executions_made(self, row: Any) -> int:
        return int(row.execution_count)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"draft": empty_document()}

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> Trigger:
        draft = _judged(values["draft"])
        _may_raise(request, draft, None)
        return drafts.create_trigger(owner=person(request), document=draft, by=by, now=now)

    def change(
        self, request: HttpRequest, row: Trigger, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> Trigger:
        if "draft" not in values:
            return row
        draft = _judged(values["draft"])
        _may_raise(request, draft, row.draft)
        return drafts.save_draft(trigger=row, document=draft, version=row.version, by=by, now=now)

    def remove(self, row: Trigger, *, by: Actor, now: datetime) -> None:
        standing.delete_trigger(trigger=row, by=by, now=now)


def _judged(draft: Any) -> dict[str, Any]:
    """A whole document, right in shape; an unfinished one is written on the product's page. Raises InvalidDocument."""
    if problems := shape_problems(draft):
        raise InvalidDocument(problems)
    return dict(draft)


def _may_raise(request: HttpRequest, draft: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    if is_raised(draft.get("priority"), (before or {}).get("priority")):
        require(person(request), Operation.SET_HIGH_PRIORITY)
