"""Armed absences, as far as a person may see them, and what an event did to them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import Q, QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from triggers.enums import Origin, WatchStatus
from triggers.models import Event, Trigger, Watch
from triggers.selectors.triggers import triggers_visible_to
from workspaces.models import ContextItem


def watches_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Watch]:
    """Watches inherit from their item and from its connection, newest first."""
    return visible(Watch.objects.select_related("item"), user=user, operation=operation)


def armed_of_trigger(*, user: Person, trigger: Trigger) -> QuerySet[Watch]:
    """What is armed of a trigger, the next that is due first."""
    rows = watches_visible_to(user=user).filter(trigger=trigger, status=WatchStatus.ARMED)
    return rows.order_by("due_at", "pk")


def armed_of_item(*, user: Person, item: ContextItem) -> QuerySet[Watch]:
    """What is armed of an item and of what hangs under it, by triggers that the person may see, the next due first."""
    rows = watches_visible_to(user=user).filter(Q(item=item) | Q(item__parent=item), status=WatchStatus.ARMED)
    seen = triggers_visible_to(user=user).order_by().values("pk")
    return rows.filter(trigger__in=seen).select_related("item", "trigger").order_by("due_at", "pk")


def watches_of_event(event: Event) -> Mapping[int, Sequence[Watch]]:
    """{trigger id: the watches that an event armed, or ended, or in whose name it came}, oldest first."""
    bears_on = Q(armed_by=event) | Q(ended_by=event)
    if event.origin == Origin.TIMER and event.delivery_id is not None:
        bears_on |= Q(delivery_id=event.delivery_id, trigger_id=event.target_trigger_id)
    found: dict[int, list[Watch]] = defaultdict(list)
    for watch in Watch.objects.filter(bears_on).order_by("pk"):
        found[watch.trigger_id].append(watch)
    return found
