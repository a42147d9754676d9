"""The trail of an execution: six legs from the change outside to the proof, each with state and duration."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from triggers.enums import Attention, ExecutionStatus, Origin, StepName, StepStatus
from triggers.models import Event, Execution, ExecutionStep

LEGS = ("Noticed", "Decided", "Waited", "Prepared", "Agent at work", "Proven")


class LegState(StrEnum):
    """Where one leg stands: done, under way, waiting its turn, waiting for a person, broken off, still to come."""

    DONE = "done"
    LIVE = "live"
    WAIT = "wait"
    PERSON = "person"
    FAILED = "failed"
    TODO = "todo"


class Leg(TypedDict):
    """One leg; ``ms`` is None where it has not begun; ``note`` says what broke it off."""

    name: str
    state: LegState
    ms: float | None
    note: str


@dataclass(frozen=True)
class _Span:
    began: datetime | None
    ended: datetime | None

    def ms(self, now: datetime) -> float | None:
        if self.began is None:
            return None
        return max(0.0, ((self.ended or now) - self.began).total_seconds() * 1000)


_OF_STEP = {
    StepStatus.PENDING: LegState.TODO,
    StepStatus.RUNNING: LegState.LIVE,
    StepStatus.DONE: LegState.DONE,
    StepStatus.FAILED: LegState.FAILED,
    StepStatus.SKIPPED: LegState.TODO,
}
_PREPARING = (StepName.CLONE, StepName.CONTEXT, StepName.DEPLOY, StepName.DELIVER_UPDATE)
_ASKED_AT = {
    Attention.REVIEW: "Prepared",
    Attention.QUESTION: "Agent at work",
    Attention.APPROVAL: "Agent at work",
    Attention.UNSATISFIED: "Proven",
}


def began_at(*, origin: str, time: datetime, accepted_at: datetime) -> datetime:
    """When what an event tells of began to ask for an answer: as it changed outside, or, of a replay, when it was asked
    again.
    """
    return accepted_at if origin == Origin.REPLAY else min(time, accepted_at)


def asked_since(event: Event) -> datetime:
    """``began_at`` of an event."""
    return began_at(origin=event.origin, time=event.time, accepted_at=event.accepted_at)


def trail_of(execution: Execution, *, now: datetime) -> list[Leg]:
    """The six legs in order. Reads the execution's event and steps (prefetch them for lists)."""
    steps = {StepName(step.name): step for step in execution.steps.all()}
    event = execution.event
    noticed = _Span(asked_since(event), event.accepted_at)
    decided = _Span(event.accepted_at, event.decided_at)
    waited = _Span(execution.queued_at, execution.started_at or execution.ended_at)
    work = steps.get(StepName.WORK)
    legs = [
        _leg("Noticed", LegState.DONE, noticed.ms(now)),
        _leg("Decided", LegState.DONE, decided.ms(now)),
        _leg("Waited", _waited(execution), waited.ms(now)),
        _prepared(steps, now),
        _of_step("Agent at work", work, now),
        _of_step("Proven", steps.get(StepName.VERIFY), now, since=work.ended_at if work else None),
    ]
    asked_at = _ASKED_AT.get(Attention(execution.attention)) if execution.attention else None
    return [_leg(leg["name"], LegState.PERSON, leg["ms"]) if leg["name"] == asked_at else leg for leg in legs]


def _leg(name: str, state: LegState, ms: float | None, note: str = "") -> Leg:
    return {"name": name, "state": state, "ms": ms, "note": note}


def _waited(execution: Execution) -> LegState:
    if execution.status == ExecutionStatus.QUEUED:
        return LegState.WAIT
    return LegState.DONE if execution.started_at else LegState.FAILED


def _prepared(steps: Mapping[StepName, ExecutionStep], now: datetime) -> Leg:
    found = [steps[name] for name in _PREPARING if name in steps]
    states = {_OF_STEP[StepStatus(step.status)] for step in found} or {LegState.TODO}
    for state in (LegState.FAILED, LegState.LIVE):
        if state in states:
            break
    else:
        state = states.pop() if len(states) == 1 else LegState.LIVE
    began = min((step.started_at for step in found if step.started_at), default=None)
    ended = max((step.ended_at for step in found if step.ended_at), default=None)
    note = next((step.error for step in found if step.error), "")
    return _leg("Prepared", state, _Span(began, None if state == LegState.LIVE else ended).ms(now), note)


def _of_step(name: str, step: ExecutionStep | None, now: datetime, *, since: datetime | None = None) -> Leg:
    """A step keeps the time of its first beginning; where the agent was sent back it counts ``since`` it was done."""
    if step is None or step.status == StepStatus.PENDING:
        return _leg(name, LegState.TODO, None)
    began = max(step.started_at, since) if step.started_at and since else step.started_at
    return _leg(name, _OF_STEP[StepStatus(step.status)], _Span(began, step.ended_at).ms(now), step.error)
