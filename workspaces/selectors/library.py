"""Items of the library that a person may see."""

from django.db.models import QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from workspaces.models import ContextItem, ItemState


def items_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[ContextItem]:
    """Every item within reach, watched or found under a watched one."""
    return visible(ContextItem.objects.select_related("connection", "parent"), user=user, operation=operation)


def cards_visible_to(*, user: Person) -> QuerySet[ContextItem]:
    """The library's cards, last changed first."""
    return items_visible_to(user=user).filter(is_watched=True)


def states_visible_to(*, user: Person, item: ContextItem) -> QuerySet[ItemState]:
    """The history of one item's states, newest first."""
    return visible(ItemState.objects.filter(item=item), user=user)
