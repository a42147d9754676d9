"""The commit behind a 202: batches, a database that is away, and a batch with something in it that cannot be stored."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from dct_site.kernel.wake import Topic
from tests.triggers.door.client import github, make_hook, open_door, post
from triggers.door import writer
from triggers.door.endpoints import Unreadable
from triggers.door.store import Store, store
from triggers.models import Delivery, PendingDelivery
from triggers.services import intake
from triggers.services.intake_sql import PostgresStatements, Row, Statements

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tidy")]

make = sync_to_async(make_hook)


class Away:
    """A store whose database does not answer as long as ``error`` is set."""

    def __init__(self, real: Store, error: Exception) -> None:
        self._real = real
        self.error: Exception | None = error

    def reading(self) -> Statements:
        return self._real.reading()

    def writing(self) -> AbstractContextManager[Statements]:
        if self.error is not None:
            raise self.error
        return self._real.writing()

    def writing_behind(self) -> AbstractContextManager[Statements]:
        return self.writing()

    def close(self) -> None:
        self._real.close()


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("unable to open database file"),
        psycopg.OperationalError("connection refused"),
    ],
)
async def test_without_a_database_it_is_503_with_nothing_half_written_and_goes_on_by_itself(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await make()
    away = Away(store(), error)
    monkeypatch.setattr("triggers.door.app.store", lambda: away)
    async with open_door() as door:
        refused = await post(door, hook.endpoint.path, headers=github(key="k"))
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert await Delivery.objects.acount() == await PendingDelivery.objects.acount() == 0
        away.error = None
        again = await post(door, hook.endpoint.path, headers=github(key="k"))
    assert (again.status, again.value["duplicate"]) == (202, False)


async def test_a_door_that_never_reached_its_database_says_503_not_404(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await make()
    async with open_door() as door:
        monkeypatch.setattr(door.endpoints, "load", _unreadable)
        assert (await post(door, hook.endpoint.path, headers=github())).status == 503
        monkeypatch.undo()
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202


def _unreadable() -> None:
    raise Unreadable


async def test_an_error_in_the_middle_of_a_commit_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await make()

    kind = PostgresStatements if connection.vendor == "postgresql" else Statements
    insert = kind.insert

    def fails(self: Statements, rows: Sequence[Row]) -> None:
        insert(self, rows)
        raise sqlite3.OperationalError("disk I/O error")

    async with open_door() as door:
        with monkeypatch.context() as patched:
            patched.setattr(kind, "insert", fails)
            assert (await post(door, hook.endpoint.path, headers=github(key="k"))).status == 503
        assert await Delivery.objects.acount() == 0
        assert (await post(door, hook.endpoint.path, headers=github(key="k"))).status == 202


async def test_one_that_cannot_be_stored_does_not_take_the_others_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await make()
    kind = PostgresStatements if connection.vendor == "postgresql" else Statements
    insert = kind.insert

    def picky(self: Statements, rows: Sequence[Row]) -> set[int]:
        if any(row.delivery_key == "poison" for row in rows):
            raise sqlite3.IntegrityError("not this one")
        return insert(self, rows)

    monkeypatch.setattr(kind, "insert", picky)
    async with open_door() as door:
        keys = [*(f"k{number}" for number in range(6)), "poison"]
        answers = await asyncio.gather(*(post(door, hook.endpoint.path, headers=github(key=key)) for key in keys))
    assert [answer.status for answer in answers] == [202] * 6 + [400]
    assert await PendingDelivery.objects.acount() == 6


async def test_what_comes_together_is_committed_together_and_wakes_the_decider(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await make()
    poked: list[Topic] = []
    all_wait = threading.Event()
    monkeypatch.setattr(writer, "poke", poked.append)
    monkeypatch.setattr(writer, "crashpoint", lambda _: all_wait.wait(30))  # a commit that takes its time
    numbers, submit = count(1), writer.Writer.submit

    async def counted(self: writer.Writer, *waiting: Any) -> writer.Answer:
        if next(numbers) == 600:
            asyncio.get_running_loop().call_soon(all_wait.set)
        return await submit(self, *waiting)

    monkeypatch.setattr(writer.Writer, "submit", counted)
    async with open_door() as door:
        answers = await asyncio.gather(*(post(door, hook.endpoint.path, headers=github()) for _ in range(600)))
        # Whoever came before the first commit began, 500 of those who came during it, and the rest.
        assert door.writer.batches <= 3
    assert {answer.status for answer in answers} == {202}
    assert set(poked) == {Topic.DECIDE}
    assert await PendingDelivery.objects.acount() == 600


async def test_a_503_is_the_answer_when_the_endpoint_changes_faster_than_it_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hook = await make()
    numbers, look = iter(range(10_000, 20_000)), intake.look
    monkeypatch.setattr(writer, "look", lambda *given: look(*given)._replace(generation=next(numbers)))
    async with open_door() as door:
        assert (await post(door, hook.endpoint.path, headers=github())).status == 503


async def test_an_unforeseen_error_answers_everybody_and_the_writer_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await make()

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    async with open_door() as door:
        with monkeypatch.context() as patched:
            patched.setattr(writer, "store", fails)
            assert (await post(door, hook.endpoint.path, headers=github())).status == 503
        assert (await post(door, hook.endpoint.path, headers=github())).status == 202
