"""A migration that old code could not live beside, or that locks a table for long, is refused unless it says why."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from dct_site.command.safe_migrations import BASELINE, LIFTED, problems_of
from dct_site.kernel.migration_marks import AddIndexBesideWork, ContractStep, DropKeyIndex, Mark, ShortLock

WHY = "No release since 1.4 reads or writes it; it was replaced by another."
REMOVED: dict[str, list[str]] = {
    "DROP_COLUMN": ['ALTER TABLE "t" DROP COLUMN "c" CASCADE;'],
    "DROP_TABLE": ['DROP TABLE "t" CASCADE;'],
    "RENAME_COLUMN": ['ALTER TABLE "t" RENAME COLUMN "c" TO "d";'],
    "RENAME_TABLE": ['ALTER TABLE "t" RENAME TO "u";'],
    "ALTER_COLUMN": ['ALTER TABLE "t" ALTER COLUMN "c" TYPE bigint USING "c"::bigint;'],
    "NOT_NULL": [
        'ALTER TABLE "t" ADD COLUMN "c" integer DEFAULT 0 NOT NULL;',
        'ALTER TABLE "t" ALTER COLUMN "c" DROP DEFAULT;',
    ],
}
LOCKED: dict[str, list[str]] = {
    "CREATE_INDEX": ['CREATE INDEX "i" ON "t" ("c");'],
    "DROP_INDEX": ['DROP INDEX IF EXISTS "i";'],
    "ADD_UNIQUE": ['ALTER TABLE "t" ADD CONSTRAINT "u" UNIQUE ("c");'],
    "ADD_CONSTRAINT": ['ALTER TABLE "t" ADD CONSTRAINT "k" CHECK ("c" > 0);'],
}
FINE: dict[str, list[str]] = {
    "a table": ['CREATE TABLE "t" ("id" bigint NOT NULL);', 'CREATE INDEX "i" ON "t" ("id");'],
    "a constraint of a new table": [
        'CREATE TABLE "t" ("id" bigint);',
        'ALTER TABLE "t" ADD CONSTRAINT "k" CHECK ("id" > 0);',
    ],
    "a nullable column": ['ALTER TABLE "t" ADD COLUMN "c" integer NULL;'],
    "a default that stays in the database": ['ALTER TABLE "t" ADD COLUMN "c" varchar(9) DEFAULT \'\' NOT NULL;'],
    "an index beside work": ['CREATE INDEX CONCURRENTLY "i" ON "t" ("c");'],
}


def codes(statements: Sequence[str], *operations: Operation) -> set[str]:
    return {problem.partition(":")[0] for problem in problems_of(statements, operations)}


@pytest.mark.parametrize(("code", "statements"), REMOVED.items(), ids=REMOVED)
def test_what_old_code_still_uses_goes_by_a_contract_step_alone(code: str, statements: list[str]) -> None:
    assert code in codes(statements)
    assert code in codes(statements, ShortLock(WHY))
    assert codes(statements, ContractStep(WHY)) == set()


@pytest.mark.parametrize(("code", "statements"), LOCKED.items(), ids=LOCKED)
def test_a_lock_is_taken_with_a_reason_alone(code: str, statements: list[str]) -> None:
    assert code in codes(statements)
    assert codes(statements, ShortLock(WHY)) == set()
    if code not in LIFTED[ContractStep]:
        assert code in codes(statements, ContractStep(WHY))


@pytest.mark.parametrize("statements", FINE.values(), ids=FINE)
def test_what_expands_passes(statements: list[str]) -> None:
    assert codes(statements) == set()


@pytest.mark.parametrize("mark", [ContractStep, ShortLock])
def test_a_mark_says_why_and_does_nothing(mark: type[Mark]) -> None:
    with pytest.raises(ValueError, match="why it may be done"):
        mark("because")
    one, state = mark(WHY), ProjectState()
    one.state_forwards("triggers", state)
    one.database_forwards("triggers", None, state, state)
    one.database_backwards("triggers", None, state, state)
    assert one.describe() == f"{mark.__name__}: {WHY}"
    assert state.models == {}
    assert one.deconstruct() == (mark.__name__, (WHY,), {})


def test_only_migrations_from_before_the_first_release_are_let_off() -> None:
    assert len(BASELINE) == 9


@pytest.mark.two_ways
@pytest.mark.django_db(transaction=True)
def test_an_index_is_built_beside_work_where_the_database_can() -> None:
    class Migration(migrations.Migration):
        atomic = False
        operations = [
            migrations.CreateModel(
                "Thing", [("id", models.BigAutoField(primary_key=True)), ("at", models.IntegerField())]
            ),
            AddIndexBesideWork("thing", models.Index(fields=["at"], name="thing_at")),
        ]

    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        Migration("beside", "triggers").apply(ProjectState(), editor, collect_sql=True)
    (made,) = [text for text in map(str, editor.collected_sql) if "thing_at" in text and "INDEX" in text]
    assert ("CONCURRENTLY" in made) is (connection.vendor == "postgresql")


@pytest.mark.two_ways
@pytest.mark.django_db(transaction=True)
def test_a_key_loses_its_own_index_alone_and_gets_it_back() -> None:
    key = models.ForeignKey("triggers.Thing", models.CASCADE, null=True)
    bare = models.ForeignKey("triggers.Thing", models.CASCADE, null=True, db_index=False)
    drop = DropKeyIndex("thing", "parent", bare)
    without = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [("id", models.BigAutoField(primary_key=True)), ("parent", key)]
    create = migrations.CreateModel("Thing", fields)
    made = without.clone()
    create.state_forwards("triggers", made)
    done = made.clone()
    drop.state_forwards("triggers", done)
    with connection.schema_editor() as editor:
        create.database_forwards("triggers", editor, without, made)
    before = indexes_of("triggers_thing")
    try:
        with connection.schema_editor() as editor:
            drop.database_forwards("triggers", editor, made, done)
        assert indexes_of("triggers_thing") == set()
        with connection.schema_editor() as editor:
            drop.database_backwards("triggers", editor, done, made)
        assert indexes_of("triggers_thing") == before != set()
    finally:
        with connection.schema_editor() as editor:
            create.database_backwards("triggers", editor, made, without)


def indexes_of(table: str) -> set[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return {name for name, one in found.items() if one["index"] and not one["unique"]}


@pytest.mark.two_ways
@pytest.mark.django_db
def test_a_key_without_an_index_of_its_own_begins_another() -> None:
    keys = [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.many_to_one and not getattr(field, "db_index", True)
    ]
    assert len(keys) >= 12
    editor: Any = connection.SchemaEditorClass(connection)
    for model, field in keys:
        whole = [
            one.fields[0].removeprefix("-")
            for one in (*model._meta.indexes, *model._meta.constraints)
            if isinstance(one, models.Index | models.UniqueConstraint) and one.fields and one.condition is None
        ]
        assert field.name in whole, f"{field} is looked up, or deleted by, without an index"
        own = editor._create_index_name(model._meta.db_table, [field.column])
        assert own not in indexes_of(model._meta.db_table)
