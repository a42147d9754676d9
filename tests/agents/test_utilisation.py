"""How the slots were used: runs spread over the parts that they touch."""

from datetime import datetime, timedelta

import pytest

from agents.enums import RunStatus
from agents.models import AgentRun
from agents.selectors import utilisation as module
from agents.selectors.utilisation import PART, PARTS, Part, Utilisation, utilisation
from tests.factories.agents import NOON, make_agent, set_limits
from triggers.views.utilisation import bars_of

pytestmark = pytest.mark.django_db
M = timedelta(minutes=1)
SINCE = NOON - PARTS * PART


def run(began: datetime, over: datetime | None) -> None:
    AgentRun.objects.create(
        agent=make_agent(),
        epoch=1,
        status=RunStatus.RUNNING if over is None else RunStatus.ENDED,
        owner="test",
        lease_until=NOON,
        started_at=began,
        ended_at=over,
    )


def used() -> dict[int, float | None]:
    """{part: slots}, of those that were used, or are not known."""
    return {number: part.used for number, part in enumerate(utilisation(now=NOON).parts) if part.used != 0}


def test_a_run_counts_in_each_part_for_as_long_as_it_lived() -> None:
    run(SINCE + 5 * M, SINCE + 25 * M)
    run(SINCE + 20 * M, SINCE + 21 * M)
    assert used() == {0: 0.5, 1: 1.0, 2: pytest.approx(0.6)}


def test_what_began_before_and_what_lives_count_within_the_window_only() -> None:
    run(SINCE - 60 * M, SINCE + 5 * M)
    run(SINCE - 60 * M, SINCE)
    run(NOON - 5 * M, None)
    run(NOON - 10 * M, NOON + 60 * M)
    assert used() == {0: 0.5, PARTS - 1: 1.5}


def test_where_there_were_more_runs_than_are_read_the_rest_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    run(SINCE, SINCE + 10 * M)
    run(NOON - 20 * M, NOON - 10 * M)
    found = used()
    assert found[PARTS - 1 - 1] is None
    assert PARTS - 1 not in found


def test_the_bars_stand_against_the_limit_and_say_what_they_show() -> None:
    set_limits(max_agents=4)
    run(NOON - 10 * M, NOON - 5 * M)
    shown = bars_of(utilisation(now=NOON))
    assert shown["bars"][-1] == {"x": 350, "y": 52.5, "width": 8, "height": 7.5}
    assert shown["words"] == "Less than 1% of 4 in use on average, at most 0.5 at 11:50 UTC."
    assert shown["limit_y"] == 0
    over = bars_of(Utilisation(0, [Part(NOON, 2.0)]))
    assert (over["limit_y"], over["bars"][0]["height"]) == (60, 60)
    assert bars_of(Utilisation(4, []))["words"] == "No agent was at work in the last 6 hours."
