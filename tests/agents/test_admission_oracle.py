"""Admission and its sweep against a naive oracle: random arrivals, releases, limits, pauses; eight threads at once."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.enums import Pool, StartStatus
from agents.models import SlotHolder, StartRequest
from agents.services import admission
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import NOON, make_start, set_limits


@dataclass
class Wish:
    subject: int
    priority: int
    agents: int
    workspaces: int
    key: str
    is_resumed: bool
    is_held: bool
    turn: int


@dataclass
class Oracle:
    """Admission as one would explain it: look at everybody in order, start who fits, remember who is waited for."""

    limits: dict[str, int]
    percent: int
    key_limit: int
    share: int = 50
    threshold: int = 8
    waiting: list[Wish] = field(default_factory=list)
    running: dict[int, tuple[Wish, set[str]]] = field(default_factory=dict)

    def admit(self) -> list[int]:
        started: list[int] = []
        waited_for: set[str] = set()
        full: set[str] = set()
        fresh, old = ([wish for wish in self._in_order() if bool(wish.turn) == is_old] for is_old in (False, True))
        while fresh or old:
            wish = (old if self._old_goes_first(fresh, old) else fresh).pop(0)
            if wish.turn:
                full |= self._full_of_backlog(wish)
                if any(getattr(wish, pool) for pool in full):
                    continue
            if wish.is_held or self._key_is_full(wish) or self._is_too_large(wish):
                continue
            lacking = {pool for pool in ("agents", "workspaces") if not self._fits(wish, pool, waited_for)}
            if lacking:
                waited_for |= {"workspaces"} if "workspaces" in lacking else lacking
                continue
            started.append(wish.subject)
            self.running[wish.subject] = (wish, {pool for pool in self.limits if getattr(wish, pool)})
        self.waiting = [wish for wish in self.waiting if wish.subject not in started]
        return started

    def _in_order(self) -> list[Wish]:
        return sorted(
            self.waiting,
            key=lambda wish: (-wish.priority, not wish.is_resumed, wish.turn, self.waiting.index(wish)),
        )

    def _old_goes_first(self, fresh: list[Wish], old: list[Wish]) -> bool:
        if not fresh or not old:
            return bool(old)
        levels = [(one[0].priority, one[0].is_resumed) for one in (old, fresh)]
        return levels[0] > levels[1] if levels[0] != levels[1] else not self._backlog("agents")

    def _backlog(self, pool: str) -> int:
        return sum(getattr(held, pool) for held, pools in self.running.values() if held.turn and pool in pools)

    def _full_of_backlog(self, wish: Wish) -> set[str]:
        return {
            pool
            for pool, limit in self.limits.items()
            if getattr(wish, pool)
            and self._backlog(pool)
            and self._backlog(pool) + getattr(wish, pool) > max(1, limit * self.share // 100)
        }

    def _is_high(self, wish: Wish) -> bool:
        return wish.priority >= self.threshold

    def _reserved(self, pool: str) -> int:
        return max(0, min(self.limits[pool] * self.percent // 100, self.limits[pool] - 1))

    def _is_too_large(self, wish: Wish) -> bool:
        return any(
            limit and getattr(wish, pool) > limit - (0 if self._is_high(wish) else self._reserved(pool))
            for pool, limit in self.limits.items()
        )

    def _fits(self, wish: Wish, pool: str, waited_for: Iterable[str]) -> bool:
        units = getattr(wish, pool)
        if not units:
            return True
        holders = [held for held, pools in self.running.values() if pool in pools]
        used = sum(getattr(held, pool) for held in holders)
        low = sum(getattr(held, pool) for held in holders if not self._is_high(held))
        if pool in waited_for or used + units > self.limits[pool]:
            return False
        return self._is_high(wish) or low + units <= self.limits[pool] - self._reserved(pool)

    def _key_is_full(self, wish: Wish) -> bool:
        return bool(wish.key) and sum(held.key == wish.key for held, _ in self.running.values()) >= self.key_limit


WISHES = st.builds(
    Wish,
    subject=st.just(0),
    priority=st.integers(4, 9),
    agents=st.integers(0, 3),
    workspaces=st.integers(0, 1),
    key=st.sampled_from(["", "", "a", "b"]),
    is_resumed=st.booleans(),
    is_held=st.sampled_from([False, False, False, True]),
    turn=st.sampled_from([0, 0, 1, 2]),
).filter(lambda wish: wish.agents + wish.workspaces > 0)
STEPS = st.lists(
    st.one_of(
        st.lists(WISHES, min_size=1, max_size=5),
        st.tuples(st.sampled_from(["agents", "workspaces"]), st.integers(0, 20)),
        st.tuples(st.just("limit"), st.integers(0, 5)),
    ),
    min_size=2,
    max_size=10,
)


@pytest.mark.django_db
@given(
    steps=STEPS,
    percent=st.sampled_from([0, 25, 50, 100]),
    key_limit=st.integers(1, 2),
    share=st.sampled_from([1, 50, 100]),
)
@settings(max_examples=40)
def test_admission_starts_exactly_whom_the_oracle_would(
    steps: list[object], percent: int, key_limit: int, share: int
) -> None:
    handler = RecordingHandler()
    entries = admission.starts._entries
    entries["test"] = handler
    try:
        SlotHolder.objects.all().delete()
        StartRequest.objects.all().delete()
        _play(steps, handler, Oracle({"agents": 3, "workspaces": 3}, percent, key_limit, share))
    finally:
        del entries["test"]


def _play(steps: list[object], handler: RecordingHandler, oracle: Oracle) -> None:
    number = 0
    for step in steps:
        if isinstance(step, list):
            for wish in step:
                number += 1
                wish = Wish(**{**vars(wish), "subject": number})
                if wish.is_held:
                    handler.held[number] = "held"
                _ask(wish, oracle.key_limit)
                oracle.waiting.append(wish)
        elif isinstance(step, tuple) and step[0] == "limit":
            oracle.limits["agents"] = step[1]
        elif isinstance(step, tuple) and oracle.running:
            subject = sorted(oracle.running)[step[1] % len(oracle.running)]
            _release(oracle, subject, step[0])
        set_limits(
            max_agents=oracle.limits["agents"],
            max_workspaces=3,
            reserved_percent=oracle.percent,
            backlog_percent=oracle.share,
        )
        before = len(handler.started)
        # A freed key lets in as many as may run; where those lack room, the sweep lets in who could go instead.
        for _ in range(100):
            if not (admission.admit(now=NOON) or admission.sweep_parked(now=NOON)):
                break
        else:
            pytest.fail("what is parked is taken out and put back for ever")
        assert handler.started[before:] == _all_of(oracle)


def _ask(wish: Wish, key_limit: int) -> None:
    make_start(
        wish.subject,
        priority=wish.priority,
        agents=wish.agents,
        workspaces=wish.workspaces,
        concurrency_key=wish.key,
        key_limit=key_limit if wish.key else None,
        is_resumed=wish.is_resumed,
        backlog_turn=wish.turn,
    )


def _release(oracle: Oracle, subject: int, pool: str) -> None:
    start = StartRequest.objects.get(subject_id=subject)
    admission.release(start=start, pool=Pool(pool), now=NOON)
    _, pools = oracle.running[subject]
    pools.discard(pool)
    if not pools:
        del oracle.running[subject]


def _all_of(oracle: Oracle) -> list[int]:
    started: list[int] = []
    while more := oracle.admit():
        started += more
    return started


@pytest.mark.django_db(transaction=True)
def test_eight_threads_never_exceed_the_limit_and_start_everybody_once(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=3, max_workspaces=50)
    for subject in range(40):
        make_start(subject, concurrency_key=f"key:{subject % 5}", key_limit=2)
    most, failures = [0], []

    def work() -> None:
        try:
            while StartRequest.objects.exclude(status=StartStatus.DONE).exists():
                admission.admit(now=now, limit=2)
                most.append(SlotHolder.objects.filter(pool=Pool.AGENTS).count())
                _finish_one(now)
        except Exception as failure:  # noqa: BLE001 - shown by the assertion below
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert failures == []
    assert max(most) <= 3
    assert sorted(handler.started) == list(range(40))


def _finish_one(now: datetime) -> None:
    start = StartRequest.objects.filter(status=StartStatus.ADMITTED).order_by("?").first()
    if start is not None:
        for pool in Pool:
            admission.release(start=start, pool=pool, now=now)
    admission.sweep_parked(now=now)
