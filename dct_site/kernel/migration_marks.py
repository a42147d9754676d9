"""Operations for migrations that old code lives beside: an index built without keeping writers waiting, and marks that
say why a step that would break old code, or lock a table, may be taken. `./dct check` refuses such steps without one.
"""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

SHORTEST_REASON = 20


class Mark(Operation):
    """Does nothing; ``reason`` is a sentence for whoever upgrades."""

    reduces_to_sql = False
    reversible = True
    elidable = True

    def __init__(self, reason: str) -> None:
        """Raises ValueError for what is hardly a reason."""
        if len(reason.strip()) < SHORTEST_REASON:
            raise ValueError(f"{type(self).__name__} needs a sentence that says why it may be done.")
        self.reason = reason

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing changes."""

    def database_forwards(self, *_: Any, **__: Any) -> None:
        """Nothing is done."""

    def database_backwards(self, *_: Any, **__: Any) -> None:
        """Nothing is undone."""

    def describe(self) -> str:
        return f"{type(self).__name__}: {self.reason}"


class ContractStep(Mark):
    """Takes away or narrows what the release before does not use any more; say which release stopped using it."""


class ShortLock(Mark):
    """Locks a table for a moment only: it is small, or nobody writes to it; say which and why."""


class AddIndexBesideWork(migrations.AddIndex):
    """Adds an index while others write (PostgreSQL: CONCURRENTLY). Its migration says ``atomic = False``."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.add_index(model, self.index, concurrently=True)  # type: ignore[call-arg]


class DropKeyIndex(migrations.AlterField):
    """Takes away the index that Django gives a foreign key, where another index begins with the same column.

    The index alone goes: an AlterField would write the whole table anew on SQLite.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,  # noqa: ARG002 - Django's signature
    ) -> None:
        for statement in self._made_by(app_label, schema_editor, from_state):
            schema_editor.execute(f"DROP INDEX IF EXISTS {statement.parts['name']}")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,  # noqa: ARG002 - Django's signature
        to_state: Any,
    ) -> None:
        for statement in self._made_by(app_label, schema_editor, to_state):
            schema_editor.execute(statement)

    def _made_by(self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, state: Any) -> list[Statement]:
        """What makes the index, in a state that has it."""
        model = state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return []
        made: list[Statement] = schema_editor._field_indexes_sql(model, model._meta.get_field(self.name))  # type: ignore[attr-defined]
        return made
