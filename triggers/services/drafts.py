"""A trigger's draft: the document that people edit. Nothing decides by it until it is published."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from accounts.services import audit
from dct_site.kernel import moves
from dct_site.kernel.edits import EditConflict, edit
from triggers.documents import empty_document
from triggers.documents.shape import storable_problems
from triggers.models import Trigger
from triggers.services.validation import InvalidDocument

__all__ = ["EditConflict", "create_trigger", "save_draft"]

UNNAMED = "Unnamed trigger"


def create_trigger(*, owner: User, document: Mapping[str, Any] | None, by: Actor, now: datetime) -> Trigger:
    """A new trigger with a draft, perhaps unfinished. Raises InvalidDocument where it cannot even be kept."""
    draft = _kept(document if document is not None else empty_document())
    with transaction.atomic():
        trigger = Trigger.objects.create(
            owner=owner, draft=draft, created_at=now, updated_at=now, **_columns(draft, UNNAMED, 5)
        )
        moves.born(trigger, now=now, by=by.label)
        audit.record(by=by, action="trigger.created", obj=trigger, now=now, after={"draft": draft})
    return trigger


def save_draft(*, trigger: Trigger, document: Mapping[str, Any], version: int, by: Actor, now: datetime) -> Trigger:
    """Replace the draft that has ``version``. Raises EditConflict where somebody else saved first, InvalidDocument."""
    draft = _kept(document)
    with transaction.atomic():
        before = Trigger.objects.values_list("draft", flat=True).get(pk=trigger.pk)
        fields: dict[str, Any] = {"draft": draft, "updated_at": now}
        if trigger.published_id is None:
            # A published one keeps its name and priority until the draft is published.
            fields |= _columns(draft, trigger.name, trigger.priority)
        edit(trigger, version=version, **fields)
        audit.record(
            by=by, action="trigger.edited", obj=trigger, now=now, before={"draft": before}, after={"draft": draft}
        )
    return trigger


def _kept(document: Mapping[str, Any]) -> dict[str, Any]:
    problems = storable_problems(document)
    if problems:
        raise InvalidDocument(problems)
    return dict(document)


def _columns(draft: Mapping[str, Any], name: str, priority: int) -> dict[str, Any]:
    """Name and priority as far as the draft has usable ones."""
    wanted_name, wanted = draft.get("name"), draft.get("priority")
    usable_name = isinstance(wanted_name, str) and 0 < len(wanted_name) <= 200
    usable = isinstance(wanted, int) and not isinstance(wanted, bool) and 1 <= wanted <= 10
    return {"name": wanted_name if usable_name else name, "priority": wanted if usable else priority}
