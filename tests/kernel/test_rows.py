"""Rows that are written the quick way are the rows that the ORM would have written."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from accounts.models import Connection, JournalEntry, User
from agents.models import StartRequest
from dct_site.kernel import journal, moves, rows
from dct_site.kernel.rows import writing
from tests.factories.agents import make_start
from tests.factories.triggers import NOON
from tests.factories.workspaces import make_connection, make_item
from triggers.enums import Outcome
from triggers.models import Event, SeenChange
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db


def an_event(**over: Any) -> Event:
    values: dict[str, Any] = {
        "external_id": "e",
        "source": "github",
        "type": "push",
        "time": NOON,
        "accepted_at": NOON,
        "decided_at": NOON,
        "generation": 1,
        **over,
    }
    return Event(**values)


def test_a_row_is_what_the_orm_would_have_written() -> None:
    item = make_item(connection=make_connection())
    values: dict[str, Any] = {
        "connection": item.connection,
        "item": item,
        "subject": "ein Stück \N{GHOST} 'quoted' %s %%",
        "time": datetime(2026, 11, 20, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=-3))),
        "facts": {"text": "Ä\u2028", "list": [1, 2.5, None, True], "deep": {"a": []}},
        "data": [],
        "is_late": True,
        "delivery_id": None,
        "item_version": 2**40,
        "type": Outcome.FIRED,
    }
    slow = an_event(**values)
    slow.save()
    (quick,) = rows.insert([an_event(**values)])
    assert quick.pk == Event.objects.latest("pk").pk
    stored, expected = (model_to_dict(Event.objects.get(pk=one.pk), exclude=["id"]) for one in (quick, slow))
    assert stored == expected
    assert not quick._state.adding


def test_rows_get_their_keys_in_order_whatever_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_VALUES", 10)
    made = rows.insert(SeenChange(connection_id=1, change_key=str(at), seen_at=NOON) for at in range(7))
    assert {row.pk: row.change_key for row in SeenChange.objects.all()} == {row.pk: row.change_key for row in made}
    assert [row.change_key for row in sorted(made, key=lambda row: int(row.pk))] == [str(at) for at in range(7)]


def test_nothing_is_nothing() -> None:
    assert rows.insert([]) == []
    rows.update([], ["title"])


def test_what_the_database_fills_in_is_left_to_it() -> None:
    (entry,) = rows.insert([JournalEntry(kind="x", object_id=1, to="made", at=NOON)])
    assert JournalEntry.objects.get(pk=entry.pk).xid >= 0


def test_what_the_row_says_is_written_where_the_database_has_a_default_too() -> None:
    (start,) = rows.insert([StartRequest(kind="test", subject_id=1, queued_at=NOON, backlog_turn=7)])
    assert StartRequest.objects.get(pk=start.pk).backlog_turn == 7


def test_a_unique_key_is_kept() -> None:
    rows.insert([SeenChange(connection_id=1, change_key="a", seen_at=NOON)])
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert([SeenChange(connection_id=1, change_key="a", seen_at=NOON)])


def test_an_update_writes_the_named_fields_of_each_row() -> None:
    connection = make_connection()
    first, second, other = (make_item(connection=connection) for _ in range(3))
    before = ContextItem.objects.get(pk=other.pk)
    for number, item in enumerate((first, second)):
        item.title, item.state, item.changed_at = f"now {number}", {"n": number}, datetime(2026, 1, 1, tzinfo=UTC)
        item.kind = "not written"
    rows.update([first, second], ["title", "state", "changed_at"])
    kept = list(ContextItem.objects.filter(pk__in=[first.pk, second.pk]).order_by("pk"))
    assert [(row.title, row.state) for row in kept] == [("now 0", {"n": 0}), ("now 1", {"n": 1})]
    assert {row.kind for row in kept} == {before.kind}
    assert model_to_dict(ContextItem.objects.get(pk=other.pk)) == model_to_dict(before)


def test_a_swap_writes_what_the_orm_would_have_written() -> None:
    connection, other = make_connection(), make_connection()
    slow, quick = make_item(connection=connection), make_item(connection=connection)
    values = {"title": "Ä %s", "state": {"n": [1]}, "changed_at": datetime(2026, 1, 1, tzinfo=UTC), "connection": other}
    ContextItem.objects.filter(pk=slow.pk).update(**values)
    assert rows.swap(quick, values, where={"title": quick.title, "connection": connection})
    leave = ["id", "external_key"]
    stored, expected = (model_to_dict(ContextItem.objects.get(pk=one.pk), exclude=leave) for one in (quick, slow))
    assert stored == expected
    assert stored["connection"] == other.pk


def test_a_swap_changes_nothing_where_one_condition_does_not_hold() -> None:
    item = make_item(connection=make_connection())
    before = model_to_dict(ContextItem.objects.get(pk=item.pk))
    assert not rows.swap(item, {"title": "new"}, where={"title": item.title, "kind": "another"})
    assert model_to_dict(ContextItem.objects.get(pk=item.pk)) == before


def test_rows_are_read_as_the_orm_reads_them() -> None:
    item = make_item(connection=make_connection())
    known = [
        an_event(connection=item.connection, item=item, facts={"text": "Ä", "deep": [1, None]}, is_late=True),
        an_event(connection=item.connection, external_id="f", item_version=2**40),
        item.connection,
        item,
    ]
    for one in known[:2]:
        one.save()
    for one in known:
        (quick,) = rows.found(type(one), "id = %s", [one.pk])
        slow = type(one)._default_manager.get(pk=one.pk)
        assert {name: held for name, held in vars(quick).items() if name != "_state"} == {
            name: held for name, held in vars(slow).items() if name != "_state"
        }
        assert (quick._state.adding, quick._state.db) == (False, "default")


def test_what_no_row_holds_for_finds_none() -> None:
    assert rows.found(Event, "external_id IN (%s, %s) ORDER BY id", ["a", "%s"]) == []


def test_an_object_is_made_as_its_model_makes_it() -> None:
    values = {"connection_id": 4, "external_id": "e", "time": NOON, "facts": {"title": "t"}}
    quick, other, slow = rows.made(Event, **values), rows.made(Event, **values), Event(**values)
    assert {name: held for name, held in vars(quick).items() if name != "_state"} == {
        name: held for name, held in vars(slow).items() if name != "_state"
    }
    assert quick._state.adding
    assert quick.data == {}
    assert quick.data is not other.data


def test_an_object_is_not_made_of_what_is_no_field() -> None:
    with pytest.raises(TypeError, match="Event has no field titel"):
        rows.made(Event, titel="x")


def test_tuples_are_written_as_objects_are() -> None:
    connection = make_connection()
    names = (
        "connection_id",
        "external_id",
        "source",
        "type",
        "time",
        "facts",
        "accepted_at",
        "decided_at",
        "generation",
    )
    values = [(connection.pk, key, "github", "push", NOON, {"text": "Ä\u2028\x7f"}, NOON, NOON, 1) for key in "ab"]
    keys = rows.append(Event, names, values)
    expected = rows.insert([Event(**dict(zip(names, row, strict=True))) for row in values])
    for key, other in zip(keys, expected, strict=True):
        stored, wanted = (model_to_dict(Event.objects.get(pk=pk), exclude=["id"]) for pk in (key, other.pk))
        assert stored == wanted
    assert [Event.objects.get(pk=key).external_id for key in keys] == ["a", "b"]
    assert rows.append(Event, names, []) == []


def test_a_default_that_is_made_anew_must_be_named() -> None:
    names = ("username", "password", "is_superuser", "first_name", "last_name", "email", "is_staff", "is_active")
    with pytest.raises(ValueError, match="date_joined"):
        rows.append(User, names, [])


@pytest.mark.parametrize(
    "value", [{"text": "Ä \u2028"}, {"n": 2**70}, {"deep": [[[{}]]], "t": ("x", None)}, "plain", 1.5, {1: True}]
)
def test_json_comes_back_as_the_orm_would_have_it(value: Any) -> None:
    quick, slow = (an_event(connection=make_connection(), external_id=name, data=value) for name in "ab")
    rows.insert([quick])
    slow.save()
    (read,) = rows.found(Event, "id = %s", [quick.pk])
    assert read.data == Event.objects.get(pk=slow.pk).data == Event.objects.get(pk=quick.pk).data
    if connection.vendor == "sqlite":
        with connection.cursor() as asked:
            asked.execute("SELECT data FROM triggers_event WHERE id = %s", [quick.pk])
            assert asked.fetchone()[0].isascii()


def test_statements_share_a_cursor_inside_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    made, plain = [], connection.make_cursor

    def counted(given: Any) -> Any:
        made.append(given)
        return plain(given)

    monkeypatch.setattr(connection, "make_cursor", counted)
    with rows.one_cursor():
        for _ in range(3):
            assert rows.found(Event, "id = 0", ()) == []
        with rows.one_cursor():
            assert rows.found(Event, "id = 0", ()) == []
    assert len(made) == 1
    assert rows.found(Event, "id = 0", ()) == []
    assert len(made) == 2


def test_a_statement_keeps_its_signs() -> None:
    make_connection(name="100 %")
    assert [one.name for one in rows.found(Connection, "name LIKE '100 %%' AND source = %s", ["github"])] == ["100 %"]
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.found(Connection, "name = %s", [])


def test_lines_of_the_journal_are_written_together_or_not_at_all() -> None:
    def line(number: int) -> journal.Line:
        return journal.Line("x", number, "", "made", "", "system", NOON)

    with CaptureQueriesContext(connection) as asked, journal.written_together():
        journal.write(line(1))
        journal.write(line(2), line(3))
    assert len(asked) == 1
    with suppress(RuntimeError), journal.written_together():
        journal.write(line(4))
        raise RuntimeError
    journal.write(line(5))
    assert list(JournalEntry.objects.order_by("id").values_list("object_id", flat=True)) == [1, 2, 3, 5]


class TestManyMoves:
    """Rows that move together."""

    def test_who_moved_meanwhile_is_left_out(self) -> None:
        first, second = make_start(1), make_start(2)
        StartRequest.objects.filter(pk=second.pk).update(status="cancelled")
        moved = moves.move_many([first, second], "parked", now=NOON, parked_for="thing:1", journal_reason="why")
        assert moved == [first]
        assert (first.status, first.parked_for, second.status) == ("parked", "thing:1", "waiting")
        assert list(StartRequest.objects.order_by("pk").values_list("status", "parked_for")) == [
            ("parked", "thing:1"),
            ("cancelled", ""),
        ]
        told = JournalEntry.objects.filter(kind="start", to="parked").values_list("object_id", "came_from", "reason")
        assert list(told) == [(first.pk, "waiting", "why")]

    def test_none_of_them_moves_where_one_may_not(self) -> None:
        first, second = make_start(1), make_start(2)
        second.status = "done"
        with pytest.raises(moves.IllegalMove):
            moves.move_many([first, second], "parked", now=NOON)
        assert not StartRequest.objects.filter(status="parked").exists()

    def test_nobody_moves_for_nothing(self) -> None:
        assert moves.move_many(list[StartRequest](), "parked", now=NOON) == []
