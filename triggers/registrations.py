"""What the triggers room tells admission (how an execution starts) and the permission rule (whose its rows are)."""

from django.db.models import Q

from accounts import ownership
from accounts.models import Connection, User
from accounts.ownership import Ownership, own_or_granted
from agents.starts import holds, payers, starts
from triggers.models import (
    Attempt,
    BulkReplay,
    ContextListener,
    Decision,
    Delivery,
    Event,
    Execution,
    ExecutionStep,
    Firing,
    Schedule,
    ScheduleSlot,
    SkipCalendar,
    Trigger,
    TriggerRevision,
    TriggerStanding,
    Watch,
    WebhookEndpoint,
)
from triggers.services.execution_start import (
    EXECUTION_START,
    ExecutionStart,
    held_by_connection,
    held_by_trigger,
    payer_of_workspace,
)
from workspaces.models import ContextItem, Workspace

_EXECUTION_START = ExecutionStart()


def register() -> None:
    """Called once, when the apps are ready."""
    starts.register(EXECUTION_START, _EXECUTION_START)
    holds.register("trigger", held_by_trigger)
    holds.register("connection", held_by_connection)
    payers.register("trigger", payer_of_workspace)
    connection = (("connection", Connection),)
    item = (("item", ContextItem), ("item__parent", ContextItem), *connection)
    trigger = (("trigger", Trigger),)
    execution = Ownership(
        owners=("execution__trigger__owner", "execution__workspace__owner"),
        grants=(("execution__trigger", Trigger), ("execution__workspace", Workspace)),
    )
    ownership.register(WebhookEndpoint, Ownership(owners=("connection__owner",), grants=connection))
    ownership.register(ContextListener, Ownership(owners=("connection__owner",), grants=item))
    ownership.register(SkipCalendar, Ownership(owners=("connection__owner",), grants=connection))
    for model, listener in ((Schedule, "listener"), (ScheduleSlot, "schedule__listener")):
        ownership.register(
            model,
            Ownership(
                owners=(f"{listener}__connection__owner",),
                grants=((f"{listener}__item", ContextItem), (f"{listener}__connection", Connection)),
            ),
        )
    ownership.register(
        Watch,
        Ownership(
            owners=("item__connection__owner",),
            grants=(("item", ContextItem), ("item__parent", ContextItem), ("item__connection", Connection)),
        ),
    )
    ownership.register(Event, Ownership(owners=("connection__owner",), grants=item))
    ownership.register(Delivery, Ownership(more=_on_own_connections))
    ownership.register(Trigger, Ownership(owners=("owner",), grants=(("", Trigger),)))
    ownership.register(TriggerRevision, Ownership(owners=("trigger__owner",), grants=trigger))
    ownership.register(TriggerStanding, Ownership(owners=("trigger__owner",), grants=trigger))
    ownership.register(Decision, Ownership(owners=("trigger__owner",), grants=trigger))
    ownership.register(Firing, Ownership(owners=("trigger__owner",), grants=trigger))
    ownership.register(
        Execution,
        Ownership(owners=("trigger__owner", "workspace__owner"), grants=(*trigger, ("workspace", Workspace))),
    )
    ownership.register(BulkReplay, Ownership(owners=("created_by",), grants=trigger))
    ownership.register(ExecutionStep, execution)
    ownership.register(Attempt, execution)


def _on_own_connections(user: User, reading: bool) -> Q:
    connections = Connection.objects.filter(own_or_granted(Connection, user, reading=reading))
    return Q(connection_id__in=connections.order_by().values("pk"))
