"""What is to be done with an agent, given how it stands and what is wished: a pure function over a table."""

from collections.abc import Collection
from enum import StrEnum

from agents.enums import AgentStatus, IntentKind


class Action(StrEnum):
    """One thing to do next."""

    NOTHING = "nothing"
    END = "end"  # it has no process: it is stopped at once
    STOP_RUN = "stop_run"  # its process is asked to end
    WAIT = "wait"  # it ends already, or the wish keeps until its run has ended
    TELL = "tell"  # an update is written to its run
    NOTE = "note"  # an update is kept for its next run
    RESUME = "resume"  # it waits for a person; now it goes on
    RESTORE = "restore"  # it is given what the one was told and said that it goes on for, then waits for a slot
    DROP = "drop"  # the wish has no meaning any more


_BY_STATUS: dict[AgentStatus, dict[IntentKind, Action]] = {
    AgentStatus.PENDING: {
        IntentKind.STOP: Action.END,
        IntentKind.UPDATE: Action.NOTE,
        IntentKind.NEWS: Action.NOTE,
        IntentKind.START: Action.DROP,
        IntentKind.RESTORE: Action.RESTORE,
    },
    AgentStatus.STARTING: {
        IntentKind.STOP: Action.STOP_RUN,
        IntentKind.UPDATE: Action.WAIT,
        IntentKind.NEWS: Action.WAIT,
        IntentKind.START: Action.DROP,
        IntentKind.RESTORE: Action.DROP,
    },
    AgentStatus.RUNNING: {
        IntentKind.STOP: Action.STOP_RUN,
        IntentKind.UPDATE: Action.TELL,
        IntentKind.NEWS: Action.WAIT,
        IntentKind.START: Action.DROP,
        IntentKind.RESTORE: Action.DROP,
    },
    AgentStatus.STOPPING: {
        IntentKind.STOP: Action.WAIT,
        IntentKind.UPDATE: Action.WAIT,
        IntentKind.NEWS: Action.WAIT,
        IntentKind.START: Action.WAIT,
        IntentKind.RESTORE: Action.WAIT,
    },
    AgentStatus.WAITING: {
        IntentKind.STOP: Action.END,
        IntentKind.UPDATE: Action.RESUME,
        IntentKind.NEWS: Action.RESUME,
        IntentKind.START: Action.RESUME,
        IntentKind.RESTORE: Action.DROP,
    },
}

# A stop wins over whatever else is wished. What an agent is told comes after what it is restored with. What a person
# says goes before news from outside, which waits for the next turn: a run that begins with it has read it, and one that
# is told in mid-turn may end without.
PRECEDENCE = (IntentKind.STOP, IntentKind.RESTORE, IntentKind.UPDATE, IntentKind.NEWS, IntentKind.START)


def arbitrate(
    status: AgentStatus, wished: Collection[IntentKind], *, takes_messages: bool = True
) -> tuple[IntentKind | None, Action]:
    """The wish that is settled next and how; (None, NOTHING) where nothing is wished.

    ``takes_messages`` is false for a runtime that cannot be told anything while it works.
    """
    for kind in PRECEDENCE:
        if kind in wished:
            action = _BY_STATUS[status][kind] if status in _BY_STATUS else Action.DROP
            return kind, Action.WAIT if action is Action.TELL and not takes_messages else action
    return None, Action.NOTHING
