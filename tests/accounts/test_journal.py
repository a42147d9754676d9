"""The journal has one order, and whoever follows it is told everything, once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, transaction

from dct_site.kernel.journal import Cursor, Line, head, journal_after, write
from tests.factories.triggers import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def line(number: int) -> Line:
    return Line("test", number, "", "made", "", "system", NOON)


def told(cursor: Cursor) -> tuple[list[int], Cursor]:
    rows, cursor = journal_after(cursor)
    return [row.object_id for row in rows], cursor


@contextmanager
def under_way(number: int) -> Iterator[None]:
    """A transaction of another session that has written its line; committed when the block ends."""
    written, may_end = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                write(line(number))
                written.set()
                assert may_end.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(work)
        try:
            assert written.wait(30)
            yield
        finally:
            may_end.set()
            task.result()


def test_what_was_there_before_is_not_told() -> None:
    write(line(1))
    begin = head()
    write(line(2), line(3))
    numbers, cursor = told(begin)
    assert numbers == [2, 3]
    assert told(cursor) == ([], cursor)


def test_a_page_ends_where_it_is_full_and_the_next_goes_on() -> None:
    begin = head()
    write(*(line(number) for number in range(5)))
    rows, cursor = journal_after(begin, limit=2)
    assert [row.object_id for row in rows] == [0, 1]
    assert told(cursor)[0] == [2, 3, 4]


@pytest.mark.postgres
def test_an_older_transaction_that_commits_later_is_not_passed_over() -> None:
    begin = head()
    with under_way(1):
        write(line(2))
        early, cursor = told(begin)
        assert early == []
    assert told(cursor)[0] == [1, 2]


@pytest.mark.postgres
def test_a_transaction_under_way_when_one_begins_to_follow_is_told() -> None:
    with under_way(1):
        begin = head()
    assert told(begin)[0] == [1]


@pytest.mark.postgres
def test_a_long_transaction_in_another_database_of_the_server_holds_nothing_up() -> None:
    params = connection.get_connection_params()
    kept = {name: params[name] for name in ("host", "port", "user", "password") if params.get(name)}
    begin = head()
    with psycopg.connect(**kept, dbname="postgres") as neighbour:
        neighbour.execute("SELECT pg_current_xact_id()")
        write(line(1))
        assert told(begin)[0] == [1]


@pytest.mark.postgres
def test_of_many_writers_every_line_is_told_once() -> None:
    begin = cursor = head()

    def writer(first: int) -> None:
        try:
            for number in range(first, first + 200):
                with transaction.atomic():
                    write(line(number))
        finally:
            connection.close()

    seen: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(writer, 1000 * at) for at in range(4)]
        while True:
            is_over = all(task.done() for task in tasks)
            numbers, cursor = told(cursor)
            seen += numbers
            if is_over and not numbers:
                break
        for task in tasks:
            task.result()
    assert sorted(seen) == sorted(1000 * at + number for at in range(4) for number in range(200))
    assert told(begin)[0] == seen[:500]
