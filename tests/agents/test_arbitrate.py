"""Every pair of what an agent is and what is wished about it."""

import pytest

from agents.enums import AgentStatus, IntentKind
from agents.services.arbitrate import Action, arbitrate

pytestmark = pytest.mark.one_pass

S, K, A = AgentStatus, IntentKind, Action
TABLE = {
    (S.PENDING, K.STOP): A.END,
    (S.PENDING, K.UPDATE): A.NOTE,
    (S.PENDING, K.NEWS): A.NOTE,
    (S.PENDING, K.START): A.DROP,
    (S.PENDING, K.RESTORE): A.RESTORE,
    (S.STARTING, K.STOP): A.STOP_RUN,
    (S.STARTING, K.UPDATE): A.WAIT,
    (S.STARTING, K.NEWS): A.WAIT,
    (S.STARTING, K.START): A.DROP,
    (S.STARTING, K.RESTORE): A.DROP,
    (S.RUNNING, K.STOP): A.STOP_RUN,
    (S.RUNNING, K.UPDATE): A.TELL,
    (S.RUNNING, K.NEWS): A.WAIT,
    (S.RUNNING, K.START): A.DROP,
    (S.RUNNING, K.RESTORE): A.DROP,
    (S.STOPPING, K.STOP): A.WAIT,
    (S.STOPPING, K.UPDATE): A.WAIT,
    (S.STOPPING, K.NEWS): A.WAIT,
    (S.STOPPING, K.START): A.WAIT,
    (S.STOPPING, K.RESTORE): A.WAIT,
    (S.WAITING, K.STOP): A.END,
    (S.WAITING, K.UPDATE): A.RESUME,
    (S.WAITING, K.NEWS): A.RESUME,
    (S.WAITING, K.START): A.RESUME,
    (S.WAITING, K.RESTORE): A.DROP,
    **{(ended, kind): A.DROP for ended in (S.COMPLETED, S.FAILED, S.STOPPED) for kind in K},
}


def test_the_table_lists_every_pair() -> None:
    assert set(TABLE) == {(status, kind) for status in AgentStatus for kind in IntentKind}


@pytest.mark.parametrize(("status", "kind"), list(TABLE))
def test_one_wish(status: AgentStatus, kind: IntentKind) -> None:
    assert arbitrate(status, [kind]) == (kind, TABLE[status, kind])


@pytest.mark.parametrize("status", list(AgentStatus))
def test_a_stop_wins_over_every_other_wish(status: AgentStatus) -> None:
    assert arbitrate(status, list(IntentKind)) == (IntentKind.STOP, TABLE[status, IntentKind.STOP])


def test_what_it_is_told_comes_after_what_it_is_restored_with() -> None:
    assert arbitrate(S.PENDING, [K.UPDATE, K.RESTORE]) == (K.RESTORE, A.RESTORE)


def test_a_runtime_that_takes_no_messages_gets_them_with_its_next_run() -> None:
    assert arbitrate(S.RUNNING, [K.UPDATE], takes_messages=False) == (K.UPDATE, A.WAIT)


def test_nothing_wished_is_nothing_to_do() -> None:
    assert arbitrate(S.RUNNING, []) == (None, A.NOTHING)
