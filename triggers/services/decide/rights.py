"""Whether a trigger's owner may still do, at this moment, what the trigger would do in their name."""

from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import may
from triggers.services.matching import Candidate
from workspaces.models import ContextItem


class Rights:
    """Answers for one batch, each asked once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int | None], str] = {}

    def problem(self, one: Candidate, connection: Connection, item: ContextItem | None) -> str:
        """Why the owner's rights do not suffice, as a clause; empty where they do.

        Role and object rights only: triggers go on firing while *trigger_management* is switched off.
        """
        item_id = item.pk if item is not None else None
        key = (one.id, connection.pk, item_id)
        if key not in self._known:
            self._known[key] = _problem(one, connection, item if item_id is not None else None)
        return self._known[key]


def _problem(one: Candidate, connection: Connection, item: ContextItem | None) -> str:
    owner = one.owner
    if not owner.is_active:
        return f"its owner, {owner.get_username()}, is no longer active"
    if not may(owner, Operation.FIRE, one.trigger, with_toggle=False):
        return f"its owner, {owner.get_username()}, may no longer fire triggers"
    if not may(owner, Operation.EDIT_WORKSPACES, with_toggle=False):
        return f"its owner, {owner.get_username()}, may no longer make workspaces"
    watched = item if item is not None else connection
    if not may(owner, Operation.VIEW, watched):
        return f"its owner, {owner.get_username()}, may no longer see {watched}"
    return ""
