"""Celery's tasks do what the engine's threads do: a message is a wake-up, the rows are the truth."""

from datetime import datetime

import pytest

from accounts.services.heartbeat import seconds_since
from dct_site import tasks
from dct_site.celery import app, now
from dct_site.engine.tick import SWEPT
from dct_site.engine.work import WORK
from dct_site.kernel.wake import NullWake, Topic
from dct_site.wakeups import send


def test_a_task_works_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [5, 3, 0, 9]
    monkeypatch.setitem(WORK, Topic.DECIDE, lambda _: left.pop(0))
    assert tasks.work("decide") == 8
    assert left == [9]


def test_a_task_of_a_topic_with_endless_work_makes_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[datetime] = []

    def endless(at: datetime) -> int:
        times.append(at)
        return 2

    monkeypatch.setitem(WORK, Topic.DECIDE, endless)
    assert tasks.work("decide") == 2 * tasks.ROUNDS
    assert len(times) == tasks.ROUNDS
    assert times == sorted(times)


def test_a_message_of_another_version_about_a_topic_that_is_not_known_is_an_error() -> None:
    with pytest.raises(ValueError, match="portfolios"):
        tasks.work("portfolios")


@pytest.mark.django_db
def test_the_ticks_task_pokes_every_topic_and_says_that_the_clock_runs(pokes: NullWake) -> None:
    tasks.tick()
    assert set(pokes.pokes) >= set(SWEPT)
    assert (seconds_since("tick", now=now()) or 0) < 60


@pytest.mark.parametrize("topic", WORK)
def test_what_is_sent_for_a_topic_is_a_task_that_workers_know(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: sent.append((name, args)))
    send(topic)
    assert sent == [("dct.work", [topic.value])]
    app.loader.import_default_modules()
    assert app.tasks["dct.work"].run is tasks.work.run
