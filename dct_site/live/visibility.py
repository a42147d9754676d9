"""Which journal entries a person may see: the same rule as at every other door, asked once per kind and batch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Model

from accounts.models import Connection, JournalEntry, User
from accounts.operations import Operation
from accounts.permissions import reach_of, visible
from agents.models import Agent, AgentRun
from deliverables.models import Deliverable
from triggers.models import BulkReplay, ContextListener, Delivery, Erasure, Event, Execution, Trigger, Watch
from workspaces.models import ContextItem, Workspace

MODELS: dict[str, type[Model]] = {
    "execution": Execution,
    "trigger": Trigger,
    "workspace": Workspace,
    "agent": Agent,
    "run": AgentRun,
    "deliverable": Deliverable,
    "listener": ContextListener,
    "delivery": Delivery,
    "event": Event,
    "item": ContextItem,
    "bulk_replay": BulkReplay,
    "watch": Watch,
    "erasure": Erasure,
    "connection": Connection,
}
FOR_ALL = frozenset({("pause", 0), ("overload", 0)})
"""That everything is paused, or that there is too much to do, concerns everybody."""


def visible_entries(entries: Sequence[JournalEntry], *, user: User) -> list[JournalEntry]:
    """Those that the user may look at. A start request is seen with the execution that it is for, a
    connection's pause with the connection.
    """
    if reach_of(user, Operation.VIEW) == "all":
        return list(entries)
    wanted: dict[str, set[int]] = defaultdict(set)
    places = [(entry, *_seen_as(entry)) for entry in entries]
    for _, kind, number in places:
        if kind in MODELS:
            wanted[kind].add(number)
    allowed = {kind: _visible_ids(kind, ids, user) for kind, ids in wanted.items()}
    return [entry for entry, kind, number in places if (kind, number) in FOR_ALL or number in allowed.get(kind, ())]


def conversations(agent_ids: Iterable[int], *, user: User) -> set[int]:
    """The agents among these whose conversation the user may read."""
    rows = visible(Agent.objects.filter(pk__in=list(agent_ids)), user=user, operation=Operation.VIEW_RAW)
    return set(rows.order_by().values_list("pk", flat=True))


def _visible_ids(kind: str, ids: set[int], user: User) -> set[int]:
    rows = visible(MODELS[kind]._default_manager.filter(pk__in=ids), user=user)
    return set(rows.order_by().values_list("pk", flat=True))


def _seen_as(entry: JournalEntry) -> tuple[str, int]:
    if entry.kind == "start" and "execution" in entry.refs:
        return "execution", entry.refs["execution"]
    if entry.kind == "pause" and "connection" in entry.refs:
        return "connection", entry.refs["connection"]
    return entry.kind, entry.object_id
