"""Triggers and their revisions, as far as a person may see them."""

from django.db.models import OuterRef, QuerySet, Subquery

from accounts.enums import Via
from accounts.models import AuditEntry
from accounts.operations import Operation
from accounts.permissions import Person, visible
from triggers.enums import TriggerStatus
from triggers.models import Trigger, TriggerRevision
from workspaces.models import ContextItem


def triggers_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Trigger]:
    """Every trigger within reach that is not deleted."""
    rows = Trigger.objects.filter(deleted_at=None).select_related("owner", "published")
    return visible(rows, user=user, operation=operation)


def paused_by_dct(*, user: Person) -> QuerySet[Trigger]:
    """The triggers that DCT itself paused (a storm, a right that was lost), until a person resumes them."""
    pauses = AuditEntry.objects.filter(kind="trigger", object_id=OuterRef("pk"), action="trigger.paused")
    rows = triggers_visible_to(user=user).filter(status=TriggerStatus.PAUSED)
    return rows.annotate(paused_via=Subquery(pauses.order_by("-id").values("via")[:1])).filter(paused_via=Via.SYSTEM)


def revisions_visible_to(*, user: Person, trigger: Trigger) -> QuerySet[TriggerRevision]:
    """A trigger's revisions, newest first."""
    return visible(TriggerRevision.objects.filter(trigger=trigger).select_related("created_by"), user=user)


def triggers_of_item(*, user: Person, item: ContextItem) -> QuerySet[Trigger]:
    """The triggers that are asked about an item: those that listen to it, to the one above it, or to its connection."""
    rows = triggers_visible_to(user=user)
    heard = rows.filter(listening__listener__item_id__in=[item.pk, item.parent_id or item.pk])
    everything = rows.filter(listening__listener__item=None, listening__listener__connection_id=item.connection_id)
    return (heard | everything).distinct()
