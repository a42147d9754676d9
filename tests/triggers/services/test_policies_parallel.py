"""Runs that are replaced, joined and put in turn while admission and the ends of other runs go on beside it."""

import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import count

import pytest
from django.db import connection as database
from django.db.models import Count, F

from accounts.actor import Actor
from accounts.models import Connection
from agents.services import admission
from tests.factories.agents import set_limits
from tests.factories.triggers import after, make_delivery, make_jira, make_trigger
from triggers.enums import ExecutionStatus
from triggers.models import Decision, Execution, Firing, PendingDelivery, Trigger
from triggers.selectors.invariants import broken
from triggers.services import executions
from triggers.services.decide.pending import decide_pending

EVENTS = 8
POLICIES = ({"overlap": "cancel_running"}, {"debounce_s": 3}, {"overlap": "queue"})


@pytest.mark.django_db(transaction=True)
def test_whoever_decides_admits_and_ends_at_once_each_event_is_in_one_run_and_turns_are_kept() -> None:
    set_limits(max_agents=50, max_workspaces=50)
    connection = make_jira()
    newest, quiet, turns = (make_trigger(connection=connection, limits=limits) for limits in POLICIES)
    _two_items(connection)
    for number in range(EVENTS):
        make_delivery(connection, {"item": {"key": f"OPS-{number % 2}"}}, now=after(1))

    assert _at_once(turns) == []

    assert set(Decision.objects.values_list("outcome", flat=True)) == {"fired"}
    assert Firing.objects.count() == 3 * (EVENTS + 2)
    assert not Execution.objects.annotate(events=Count("firings")).exclude(events=F("event_count")).exists()
    replaced = Execution.objects.filter(trigger=newest, status=ExecutionStatus.CANCELLED)
    assert (replaced.count(), replaced.filter(replaced_by=None).count()) == (EVENTS, 0)
    waiting = Execution.objects.filter(trigger=quiet, status=ExecutionStatus.QUEUED)
    assert not waiting.exclude(start__not_before=F("not_before")).exists()
    assert _in_the_order_of_their_start(turns)


def _two_items(connection: Connection) -> None:
    """Two deciders that make one item at once get in each other's way, and that is another test."""
    for number in range(2):
        make_delivery(connection, {"item": {"key": f"OPS-{number}"}}, now=after(0))
    decide_pending(now=after(0))


def _at_once(turns: Trigger) -> list[Exception]:
    """Decide by two, admit and end until everything is decided; what went wrong."""
    seconds, failures = count(1), list[Exception]()

    def until_all_is_decided(do: Callable[[datetime], object]) -> None:
        try:
            while PendingDelivery.objects.exists() and not failures:
                do(after(next(seconds)))
        except Exception as failure:  # noqa: BLE001 - shown by the caller
            failures.append(failure)
        finally:
            database.close()

    tasks: list[Callable[[datetime], object]] = [
        *(2 * [lambda now: decide_pending(now=now, limit=3)]),
        lambda now: admission.admit(now=now),
        lambda now: _end_one(turns, now),
    ]
    threads = [threading.Thread(target=until_all_is_decided, args=(do,)) for do in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    return failures


def _end_one(trigger: Trigger, now: datetime) -> None:
    working = Execution.objects.filter(trigger=trigger, status=ExecutionStatus.STARTING).first()
    if working is not None:
        executions.cancel(execution=working, by=Actor.system(), now=now, reason="done")


def _in_the_order_of_their_start(turns: Trigger) -> bool:
    """Let the others begin too; whether those of each item began in order, and never two at once."""
    for second in range(EVENTS):
        now = after(1_000 + second)
        admission.admit(now=now)
        assert not [one for one in broken(now=now) if one.invariant.code == "two_in_turn"]
        for _ in range(2):
            _end_one(turns, now)
    begun: dict[int | None, list[int]] = defaultdict(list)
    for row in Execution.objects.filter(trigger=turns, started_at__isnull=False).order_by("started_at", "pk"):
        begun[row.item_id_at_start].append(row.pk)
    assert sum(map(len, begun.values())) == EVENTS + 2
    return all(ids == sorted(ids) for ids in begun.values())
