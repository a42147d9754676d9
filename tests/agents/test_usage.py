"""What agents report of what they use: read from lines, stored under the fence, and minded while they work."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from agents.enums import AgentStatus, MessageKind
from agents.models import Agent, AgentMessage, AgentRun, Reservation
from agents.runtimes import CannotRun, Message
from agents.runtimes.lines import parse_line
from agents.selectors.budgets import used_words
from agents.services import briefing
from agents.services.batches import Batch, store
from agents.views.talk import talk_of
from tests.agents.handlers import RecordingHandler
from tests.agents.running import LEASE, running
from tests.agents.supervising import admitted_agent, is_in, python_profile, run_until, said
from tests.factories.agents import make_profile, set_limits

ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED)


@pytest.fixture(autouse=True)
def _limits(db: None, handler: RecordingHandler) -> None:
    set_limits()


def usage(**said_: Any) -> Message:
    (message,) = parse_line(json.dumps({"type": "usage", **said_}), is_error=False).messages
    return message


def reserve(agent: Agent, *, now: datetime | None = None, tokens: int) -> None:
    at = now or timezone.now()
    assert agent.start_id is not None
    Reservation.objects.create(
        start_id=agent.start_id,
        key="trigger:1",
        day=at.date(),
        runs=1,
        tokens=tokens,
        workspace_id=agent.workspace_id,
        taken_at=at,
    )


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ({"tokens": 5200, "money": 0.31}, {"tokens": 5200, "money": 310_000}),
        ({"tokens": 0}, {"tokens": 0}),
        ({"money": "12.5"}, {"money": 12_500_000}),
        ({"money": 3}, {"money": 3_000_000}),
        ({"money": 0.0000001}, {"money": 1}),
        ({"money": 1e-30}, {"money": 1}),
    ],
)
def test_a_line_of_usage_says_totals_and_money_is_rounded_up(line: dict[str, Any], data: dict[str, int]) -> None:
    message = usage(**line)
    assert (message.kind, dict(message.data)) == (MessageKind.USAGE, data)
    assert message.text.startswith("Used so far: ")


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"tokens": -1},
        {"tokens": True},
        {"tokens": 1.5},
        {"tokens": "12"},
        {"tokens": 10**16},
        {"tokens": 5, "money": "much"},
        {"money": -0.1},
        {"money": True},
        {"money": "NaN"},
        {"money": "Infinity"},
        {"money": "1e1000"},
        {"money": "1" * 41},
        {"money": []},
    ],
)
def test_what_is_no_amount_is_kept_as_output(line: dict[str, Any]) -> None:
    assert usage(**line).kind == MessageKind.OUTPUT


def test_the_greatest_of_what_a_run_says_counts_and_no_other_run_is_touched(now: datetime) -> None:
    run, other = (running(admitted_agent(make_profile()), now) for _ in range(2))
    said_ = Batch([usage(tokens=10), usage(tokens=30, money=1), usage(tokens=20)])
    store({run.pk: said_}, owner="me", now=now, lease=LEASE)
    store({run.pk: Batch([usage(tokens=5)]), other.pk: Batch()}, owner="me", now=now, lease=LEASE)
    assert list(AgentRun.objects.order_by("pk").values_list("tokens", "money")) == [(30, 1_000_000), (None, None)]
    assert store({run.pk: Batch([usage(tokens=99)])}, owner="other", now=now, lease=LEASE) == {run.pk}
    assert AgentRun.objects.get(pk=run.pk).tokens == 30


def test_of_lines_of_usage_that_follow_each_other_the_conversation_shows_the_last(now: datetime) -> None:
    agent = admitted_agent(make_profile(name="Reader"))
    run = running(agent, now)
    store({run.pk: Batch([usage(tokens=10), usage(tokens=1200, money=0.5)])}, owner="me", now=now, lease=LEASE)
    shown = talk_of(agent, list(AgentMessage.objects.order_by("seq")))
    told = shown["streaming"] or shown["messages"][-1]
    assert (told["name"], told["text"]) == ("Reader, usage", "Used so far: 1,200 tokens, 0.50")


def test_who_has_used_up_what_was_reserved_does_not_begin_again(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    reserve(agent, now=now, tokens=10)
    before = running(agent, now)
    AgentRun.objects.filter(pk=before.pk).update(status="ended", tokens=10)
    run = AgentRun.objects.create(
        agent=agent, epoch=9, status="starting", owner="me", lease_until=now + LEASE, started_at=now
    )
    with pytest.raises(CannotRun, match="used all that was reserved"):
        briefing.brief(run.pk, now=now)


REPORTS = 'import time; print(\'{{"type": "usage", "tokens": {tokens}}}\', flush=True); time.sleep({seconds})'


@pytest.mark.django_db(transaction=True)
def test_a_run_that_uses_more_than_was_reserved_is_ended_and_not_tried_again() -> None:
    agent = admitted_agent(python_profile(REPORTS.format(tokens=11, seconds=60), max_attempts=3))
    reserve(agent, tokens=10)
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    told = "It used 11 tokens of 10 that were left for it of its trigger's budget."
    assert (agent.status, agent.attempt, agent.reason) == (AgentStatus.FAILED, 1, told)
    assert (AgentRun.objects.get().tokens, said(agent, MessageKind.USAGE)) == (11, ["Used so far: 11 tokens"])


@pytest.mark.django_db(transaction=True)
def test_a_run_that_keeps_within_what_was_reserved_is_left_alone() -> None:
    agent = admitted_agent(python_profile(REPORTS.format(tokens=10, seconds=0)))
    reserve(agent, tokens=10)
    run_until(is_in(agent, *ENDED))
    run = AgentRun.objects.get()
    agent.refresh_from_db()
    assert (agent.status, run.tokens, run.began_at is not None) == (AgentStatus.COMPLETED, 10, True)


def test_what_all_runs_used_is_told_together(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    assert used_words(agent) == ""
    for epoch, (tokens, money) in enumerate(((1200, 500_000), (34, None)), 7):
        AgentRun.objects.create(
            agent=agent,
            epoch=epoch,
            status="ended",
            owner="me",
            lease_until=now,
            started_at=now,
            tokens=tokens,
            money=money,
        )
    assert used_words(agent) == "1,234 tokens, 0.50"
