"""What follows from how an agent stands: every pair of execution and agent, and what must never be."""

import itertools
from collections.abc import Iterator

import pytest

from agents.enums import AgentStatus, IntentStatus, WaitsFor
from triggers.enums import EXECUTION_MOVES, Attention, ExecutionStatus
from triggers.services.settle.rule import Next, Standing, UpdateStanding, next_of, next_of_update

pytestmark = pytest.mark.one_pass

E, A, N = ExecutionStatus, AgentStatus, Next
ASKED = {
    "review": (E.NEEDS_ATTENTION, Attention.REVIEW),
    "approval": (E.NEEDS_ATTENTION, Attention.APPROVAL),
    "question": (E.NEEDS_ATTENTION, Attention.QUESTION),
    "unsatisfied": (E.NEEDS_ATTENTION, Attention.UNSATISFIED),
}

# For each agent, what follows while the execution runs, is verified, waits for an answer, or for deliverables; in time
# and with nothing proven. A tuple is (does not say done, says done).
TABLE: dict[AgentStatus | None, tuple[object, object, object, object]] = {
    None: (N.FAIL, N.FAIL, N.FAIL, N.FAIL),
    A.PENDING: ((N.NOTHING, N.VERIFY), (N.GO_ON, N.NOTHING), N.GO_ON, N.GO_ON),
    A.STARTING: ((N.NOTHING, N.VERIFY), (N.GO_ON, N.NOTHING), N.GO_ON, N.GO_ON),
    A.RUNNING: ((N.NOTHING, N.VERIFY), (N.GO_ON, N.NOTHING), N.GO_ON, N.GO_ON),
    A.STOPPING: ((N.NOTHING, N.VERIFY), (N.GO_ON, N.NOTHING), N.NOTHING, N.NOTHING),
    A.WAITING: (N.REPORT_UNSATISFIED, N.REPORT_UNSATISFIED, N.NOTHING, N.NOTHING),
    A.COMPLETED: (N.REPORT_UNSATISFIED, N.REPORT_UNSATISFIED, N.REPORT_UNSATISFIED, N.NOTHING),
    A.FAILED: (N.FAIL, N.FAIL, N.FAIL, N.FAIL),
    A.STOPPED: (N.CANCEL, N.CANCEL, N.CANCEL, N.CANCEL),
}
COLUMNS = [(E.RUNNING, None), (E.VERIFYING, None), ASKED["question"], ASKED["unsatisfied"]]


def _standing(
    status: ExecutionStatus,
    attention: Attention | None = None,
    agent: AgentStatus | None = A.RUNNING,
    *,
    waits_for: WaitsFor | None = None,
    says_done: bool = False,
    is_proven: bool = False,
    is_overdue: bool = False,
) -> Standing:
    return Standing(status, attention, agent, waits_for, says_done, is_proven, is_overdue)


def _everything() -> Iterator[Standing]:
    places = [(status, None) for status in E if status != E.NEEDS_ATTENTION] + list(ASKED.values())
    for (status, attention), agent in itertools.product(places, [*A, None]):
        for waits_for, done, proven, late in itertools.product([*WaitsFor, None], *[(False, True)] * 3):
            yield Standing(status, attention, agent, waits_for, done, proven, late)


@pytest.mark.parametrize("agent", TABLE)
def test_each_pair_has_its_answer(agent: AgentStatus | None) -> None:
    for (status, attention), expected in zip(COLUMNS, TABLE[agent], strict=True):
        pair = expected if isinstance(expected, tuple) else (expected, expected)
        for says_done in (False, True):
            found = next_of(_standing(status, attention, agent, says_done=says_done))
            assert found is pair[says_done], (status, attention, says_done)


def test_an_agent_with_a_question_is_reported_as_one() -> None:
    for status in (E.RUNNING, E.VERIFYING):
        assert next_of(_standing(status, agent=A.WAITING, waits_for=WaitsFor.QUESTION)) is N.ASK


def test_success_rests_on_the_deliverables_and_on_the_agents_end() -> None:
    for standing in _everything():
        if next_of(standing) is N.SUCCEED:
            assert standing.is_proven
            assert standing.agent == A.COMPLETED


@pytest.mark.parametrize("status", [E.RUNNING, E.VERIFYING])
def test_work_that_was_finished_in_time_is_not_thrown_away(status: ExecutionStatus) -> None:
    assert next_of(_standing(status, agent=A.COMPLETED, is_proven=True, is_overdue=True)) is N.SUCCEED


def test_nothing_at_work_outlives_its_deadline() -> None:
    live = {E.STARTING, E.RUNNING, E.VERIFYING, E.NEEDS_ATTENTION}
    for standing in _everything():
        if standing.is_overdue and standing.status in live and standing.agent != A.COMPLETED:
            assert next_of(standing) in {N.TIME_OUT, N.FAIL, N.CANCEL}, standing


def test_what_ended_or_did_not_begin_is_left_alone() -> None:
    for standing in _everything():
        if standing.status in {*EXECUTION_MOVES.terminal, E.QUEUED}:
            assert next_of(standing) is N.NOTHING


def test_a_launch_is_only_ever_timed_out() -> None:
    for standing in _everything():
        if standing.status == E.STARTING:
            assert next_of(standing) is (N.TIME_OUT if standing.is_overdue else N.NOTHING)


@pytest.mark.parametrize("asked", ["review", "approval"])
def test_what_waits_for_a_review_is_moved_by_nothing_but_its_deadline(asked: str) -> None:
    for agent in [*A, None]:
        assert next_of(_standing(*ASKED[asked], agent)) is N.NOTHING
        assert next_of(_standing(*ASKED[asked], agent, is_overdue=True)) is N.TIME_OUT


# For each agent, what follows for news that is on its way, was told, was taken back; in time, and told but not noted.
NEWS: dict[AgentStatus, tuple[Next, Next, Next]] = {
    **dict.fromkeys((A.PENDING, A.STARTING, A.RUNNING, A.STOPPING, A.WAITING), (N.NOTHING, N.NOTE_TOLD, N.FALL_BACK)),
    A.COMPLETED: (N.FALL_BACK, N.SUCCEED, N.FALL_BACK),
    A.FAILED: (N.FALL_BACK, N.FALL_BACK, N.FALL_BACK),
    A.STOPPED: (N.FALL_BACK, N.FALL_BACK, N.FALL_BACK),
}
NEWS_PAIRS = [
    (agent, news, following)
    for agent, row in NEWS.items()
    for news, following in zip((IntentStatus.PENDING, IntentStatus.DONE, IntentStatus.DROPPED), row, strict=True)
]


def test_the_table_of_news_lists_every_pair() -> None:
    assert {(agent, news) for agent, news, _ in NEWS_PAIRS} == set(itertools.product(AgentStatus, IntentStatus))


@pytest.mark.parametrize(("agent", "news", "following"), NEWS_PAIRS)
def test_what_follows_for_news(agent: AgentStatus, news: IntentStatus, following: Next) -> None:
    def found(*, is_noted: bool = False, is_overdue: bool = False, status: ExecutionStatus = E.RUNNING) -> Next:
        return next_of_update(UpdateStanding(status, agent, news, is_noted, is_overdue))

    assert found() is following
    assert found(is_noted=True) is (N.NOTHING if following is N.NOTE_TOLD else following)
    # An end counts before the deadline: what was finished in time is not thrown away.
    assert found(is_overdue=True) is (N.TIME_OUT if following in (N.NOTHING, N.NOTE_TOLD) else following)
    assert {found(status=other) for other in ExecutionStatus if other != E.RUNNING} == {N.NOTHING}
