"""What follows for an execution from how its agent stands: one pure function, listed in full by its test."""

from dataclasses import dataclass
from enum import StrEnum

from agents.enums import AGENT_MOVES, AgentStatus, IntentStatus, WaitsFor
from triggers.enums import Attention, ExecutionStatus


class Next(StrEnum):
    """What is to be done with an execution now."""

    NOTHING = "nothing"
    VERIFY = "verify"
    SUCCEED = "succeed"
    GO_ON = "go_on"
    ASK = "ask"
    REPORT_UNSATISFIED = "report_unsatisfied"
    FAIL = "fail"
    CANCEL = "cancel"
    TIME_OUT = "time_out"
    NOTE_TOLD = "note_told"
    FALL_BACK = "fall_back"


@dataclass(frozen=True)
class Standing:
    """An execution at work and its latest agent.

    ``agent`` is None where the workspace has none (any more), ``waits_for`` what it waits for when it waits;
    ``says_done``: it claims to be done and the gate looks;
    ``is_proven``: every required deliverable is satisfied or waived; ``is_overdue``: its deadline has passed.
    """

    status: ExecutionStatus
    attention: Attention | None
    agent: AgentStatus | None
    waits_for: WaitsFor | None
    says_done: bool
    is_proven: bool
    is_overdue: bool


@dataclass(frozen=True)
class UpdateStanding:
    """An execution that was given to an agent at work, that agent, and what it is told for it.

    ``news`` is done when the agent was told at the begin of a turn; ``is_noted``: the execution's steps say so.
    """

    status: ExecutionStatus
    agent: AgentStatus
    news: IntentStatus
    is_noted: bool
    is_overdue: bool


_WORKING = frozenset({AgentStatus.PENDING, AgentStatus.STARTING, AgentStatus.RUNNING})


def next_of(standing: Standing) -> Next:
    """The one next thing. An agent's end counts before the deadline: work that was finished in time is not thrown away.

    Success rests on the deliverables, never on the agent's word: a completed agent with a failing required deliverable
    is a person's business (promise 32).
    """
    if standing.status not in {ExecutionStatus.RUNNING, ExecutionStatus.VERIFYING, ExecutionStatus.NEEDS_ATTENTION}:
        return Next.TIME_OUT if _may_time_out(standing) else Next.NOTHING
    if standing.attention in {Attention.REVIEW, Attention.APPROVAL}:
        return Next.TIME_OUT if standing.is_overdue else Next.NOTHING
    ended = _after_the_end(standing)
    if ended is not Next.NOTHING:
        return ended
    if standing.is_overdue:
        return Next.TIME_OUT
    return _at_work(standing)


def next_of_update(standing: UpdateStanding) -> Next:
    """It succeeds when the agent was told and the gate held again after that; an agent that ends otherwise leaves it to
    a fresh one. An end counts before the deadline.
    """
    if standing.status != ExecutionStatus.RUNNING:
        return Next.NOTHING
    if standing.agent == AgentStatus.COMPLETED and standing.news == IntentStatus.DONE:
        return Next.SUCCEED
    if standing.agent in AGENT_MOVES.terminal or standing.news == IntentStatus.DROPPED:
        return Next.FALL_BACK
    if standing.is_overdue:
        return Next.TIME_OUT
    return Next.NOTE_TOLD if standing.news == IntentStatus.DONE and not standing.is_noted else Next.NOTHING


def _may_time_out(standing: Standing) -> bool:
    return standing.status == ExecutionStatus.STARTING and standing.is_overdue


def _after_the_end(standing: Standing) -> Next:
    if standing.agent == AgentStatus.COMPLETED:
        if standing.is_proven:
            return Next.SUCCEED
        return Next.NOTHING if standing.attention == Attention.UNSATISFIED else Next.REPORT_UNSATISFIED
    if standing.agent in {AgentStatus.FAILED, None}:
        return Next.FAIL
    if standing.agent == AgentStatus.STOPPED:
        return Next.CANCEL
    return Next.NOTHING


def _at_work(standing: Standing) -> Next:
    if standing.agent == AgentStatus.WAITING:
        if standing.status == ExecutionStatus.NEEDS_ATTENTION:
            return Next.NOTHING
        return Next.ASK if standing.waits_for == WaitsFor.QUESTION else Next.REPORT_UNSATISFIED
    if standing.status == ExecutionStatus.RUNNING:
        return Next.VERIFY if standing.says_done else Next.NOTHING
    if standing.status == ExecutionStatus.VERIFYING:
        return Next.NOTHING if standing.says_done else Next.GO_ON
    return Next.GO_ON if standing.agent in _WORKING else Next.NOTHING
