"""Every rule of health, in the order in which it is looked at."""

from collections.abc import Sequence

from agents.budget import NEAR as NEAR_BUDGET
from triggers.enums import ListenerStatus
from triggers.selectors.health import listening, processes, work
from triggers.selectors.health.look import WAITS_LONG
from triggers.selectors.health.rules import ERROR, WARNING, Rule

_START = "Start it again; `./dct doctor` says what is missing."
_NO_LIFE = f"gave no sign of life for {processes.SILENT_AFTER_S:.0f} s"
_BY_ITSELF = "The next try is made by itself; poll now to try at once."

LOCKED_SECRETS = Rule(
    "wrong_key", (ERROR,), "a stored secret is under a key that is not in `DCT_ENCRYPTION_KEYS`",
    "Put the key back into DCT_ENCRYPTION_KEYS and start again, or enter these secrets anew.", "connections",
    processes.locked_secrets,
)  # fmt: skip

RULES: Sequence[Rule] = (
    Rule(
        "engine_silent", (ERROR,), f"the engine {_NO_LIFE} (one machine)", _START, "status",
        processes.silent("engine"),
    ),
    Rule(
        "agents_silent", (ERROR,), f"every process that runs agents {_NO_LIFE} (many machines)", _START, "status",
        processes.silent("agents"),
    ),
    Rule(
        "tick_silent", (ERROR,), f"the clock {_NO_LIFE} (many machines)", _START, "status", processes.silent("tick"),
    ),
    Rule(
        "clock_stands", (ERROR,),
        f"the engine lives, and its clock has not ticked for {processes.SILENT_AFTER_S:.0f} s (one machine)",
        "Look into the engine's log for why its clock fails.", "status", processes.clock_stands,
    ),
    LOCKED_SECRETS,
    Rule(
        "credential_expired", (ERROR,), "the other side refuses a connection's credential",
        "Replace the credential on the connection.", "connections",
        listening.standing(ListenerStatus.CREDENTIAL_EXPIRED, ERROR),
    ),
    Rule(
        "breaker_open", (ERROR,), "five polls in a row failed; it is tried later and later, up to 15 minutes",
        _BY_ITSELF, "connections", listening.standing(ListenerStatus.BREAKER_OPEN, ERROR),
    ),
    Rule(
        "listener_degraded", (WARNING,), "two polls in a row failed, or 3 of the last 5 took over 10 s", _BY_ITSELF,
        "connections", listening.standing(ListenerStatus.DEGRADED, WARNING),
    ),
    Rule(
        "listener_silent", (WARNING,),
        "nothing was heard of a connection for an hour and three times its longest pause so far; told of connections "
        "that have been heard of for a week",
        "Look on the other side whether it still sends: a webhook may be switched off, a rule may move mail away.",
        "connections", listening.standing(ListenerStatus.SILENT, WARNING),
    ),
    Rule(
        "unpolled", (WARNING,),
        f"a poll has been due for {listening.UNPOLLED_AFTER.seconds // 60} minutes and nobody makes it",
        "Look whether the engine runs, and whether other polls take long.", "connections", listening.unpolled,
    ),
    Rule(
        "door_busy", (WARNING,),
        f"a webhook takes {listening.NEAR:.0%} of the deliveries a minute that it may",
        "Raise its limit on the connection, or ask the sender for less: what is beyond is answered 429.",
        "connections", listening.busy_doors,
    ),
    Rule(
        "overload", (WARNING, ERROR),
        "DCT stands on a rung of the overload ladder; an error where the door is closed",
        "It goes down by itself when what it names eases; see how many wait, the disk and the database.", "status",
        work.overload,
    ),
    Rule("paused", (WARNING,), "somebody paused everything", "Resume under Limits.", "limits", work.paused),
    Rule(
        "limit_zero", (WARNING,), "the limit of agents, or of workspaces, is 0", "Raise it under Limits.", "limits",
        work.no_slots,
    ),
    Rule(
        "slots_full", (WARNING,), "all slots of a pool are held, and fresh work waits for longer than a minute",
        "Raise the limit if the machine can do more, or look at what holds the slots.", "limits", work.full_pools,
    ),
    Rule(
        "long_wait", (WARNING,), f"fresh work waits for longer than {WAITS_LONG.seconds // 60} minutes",
        "Raise the limits, or look at what holds the slots.", "limits", work.long_waits,
    ),
    Rule(
        "backlog", (WARNING,), "work of old events waits after an outage",
        "Raise the backlog's share or the agents to be through sooner, or cancel what is over.", "limits",
        work.old_work,
    ),
    Rule(
        "queue_near_bound", (WARNING,), f"{work.NEAR:.0%} of a trigger's `max_queued` wait",
        "Raise its bound or what may run at once; beyond it its `queue_policy` decides.", "executions",
        work.full_queues,
    ),
    Rule(
        "too_large", (WARNING,), "something needs more slots at once than the limits allow",
        "Raise the limit, or cancel it.", "limits", work.too_large,
    ),
    Rule(
        "budget_near", (WARNING,), f"{NEAR_BUDGET:.0%} of a trigger's budget is used up",
        "Raise it in the trigger's limits, or let its runs wait until it begins anew.", "triggers", work.budgets,
    ),
    Rule(
        "failures", (WARNING, ERROR),
        f"executions failed or timed out in the last hour; an error where they are {work.MANY_FAILED} or more, and "
        "half of what ended",
        "Open one and read the reason of its last step.", "executions", work.failures,
    ),
    Rule(
        "poison", (WARNING,), "deliveries could not be decided in the last hour",
        "Open one to see the error; the others go on.", "deliveries", work.poison,
    ),
    Rule(
        "data_directory", (ERROR,), "the data directory cannot be read", "Look at its disk.", "status",
        processes.unreadable_directory,
    ),
    Rule(
        "disk", (WARNING, ERROR),
        "less than 10% of the disk is free; below 5% no new workspaces are made, below 2% webhooks are turned away "
        "(error)",
        "Free some space.", "status", processes.full_disk,
    ),
)  # fmt: skip
