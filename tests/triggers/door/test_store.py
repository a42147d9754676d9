"""The door's own connections: first among writers, last among writers, and back after an error."""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction

from triggers.door.store import Broken, PostgresStore, Refused, SqliteStore, Store, store
from triggers.services.intake_sql import Statements

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.two_ways]


@pytest.fixture
def own() -> Iterator[Store]:
    made = store()
    yield made
    made.close()


def test_it_works_on_the_database_that_django_is_configured_with(own: Store) -> None:
    assert isinstance(own, PostgresStore if connection.vendor == "postgresql" else SqliteStore)
    with own.writing() as sql:
        sql.execute("UPDATE triggers_generation SET value = 77", ())
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM triggers_generation")
        assert cursor.fetchone() == (77,)


def test_an_error_rolls_back_and_the_next_use_works(own: Store) -> None:
    before = own.reading().look((), 0).generation

    def spoil() -> None:
        with own.writing() as sql:
            sql.execute("UPDATE triggers_generation SET value = 99", ())
            sql.execute("SELECT nonsense", ())

    with pytest.raises(Refused):
        spoil()
    assert own.reading().look((), 0).generation == before
    with own.writing_behind() as sql:
        assert sql.look((), 0).generation == before


def test_after_close_it_connects_again(own: Store) -> None:
    before = own.reading().look((), 0).generation
    own.close()
    own.close()
    assert own.reading().look((), 0).generation == before


@pytest.mark.postgres
def test_a_session_that_died_while_it_was_kept_is_made_again_and_nobody_notices(own: Store) -> None:
    for use in (_by_writing, _by_reading):
        _end_session_of(own)
        assert use(own) > 0


@pytest.mark.postgres
def test_a_session_that_dies_in_a_transaction_is_an_error_for_nothing_is_stored_twice(own: Store) -> None:
    def die() -> None:
        with own.writing() as sql:
            _end_session_of(own, sql)
            sql.look((), 0)

    with pytest.raises(Broken):
        die()
    assert _by_writing(own) > 0


def _by_writing(own: Store) -> int:
    with own.writing() as sql:
        return sql.look((), 0).generation


def _by_reading(own: Store) -> int:
    return own.reading().look((), 0).generation


def _end_session_of(own: Store, sql: Statements | None = None) -> None:
    ((pid,),) = (sql or own.reading()).execute("SELECT pg_backend_pid()", ())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def test_a_database_that_is_gone_is_an_error_and_not_a_new_empty_file(tmp_path: object) -> None:
    gone = SqliteStore(f"{tmp_path}/gone.sqlite3")
    with pytest.raises(sqlite3.OperationalError), gone.writing():
        pass
    nowhere = SqliteStore(f"{tmp_path}/no/such/directory/db")
    with pytest.raises(sqlite3.OperationalError), nowhere.writing():
        pass
    gone.close()
    nowhere.close()


def test_what_is_written_behind_gives_up_rather_than_wait() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer at a time")
    path = str(connection.settings_dict["NAME"])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    behind = SqliteStore(path)
    with pytest.raises(sqlite3.OperationalError, match="locked"), behind.writing_behind():
        pass
    other.execute("ROLLBACK")
    other.close()
    with behind.writing_behind() as sql:
        assert sql.look((), 0).generation > 0
    behind.close()


def test_the_door_waits_for_a_transaction_under_way_and_then_goes_first() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer at a time")
    path = str(connection.settings_dict["NAME"])
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    order: list[str] = []

    def door() -> None:
        own = SqliteStore(path)
        with own.writing():
            order.append("door")
        own.close()

    def work() -> None:
        with transaction.atomic():
            order.append("work")
        connection.close()

    threads = [threading.Thread(target=door)]
    threads[0].start()
    while not _is_shut(path):
        pass
    threads.append(threading.Thread(target=work))
    threads[1].start()
    other.execute("ROLLBACK")
    other.close()
    for thread in threads:
        thread.join()
    assert order == ["door", "work"]


def _is_shut(path: str) -> bool:
    with Path(f"{path}.turn").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
