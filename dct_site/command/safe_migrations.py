"""Whether old code can work beside each migration: run by `./dct check` under `check_settings`, which has the SQL that
PostgreSQL would get and sends it nowhere.

django-migration-linter judges the statements. What it only warns of (locks) is refused here too, and only a mark with
a reason lets a step pass, where the linter's own would need none.
"""

import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence

import django
from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

from dct_site.kernel.migration_marks import ContractStep, Mark, ShortLock

OURS = ("accounts", "workspaces", "deliverables", "agents", "triggers")
LIFTED: dict[type[Mark], frozenset[str]] = {
    ContractStep: frozenset(
        {"RENAME_TABLE", "RENAME_COLUMN", "DROP_COLUMN", "DROP_TABLE", "NOT_NULL", "ALTER_COLUMN", "ADD_UNIQUE"}
    ),
    ShortLock: frozenset(
        {"CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE", "DROP_INDEX", "REINDEX", "ADD_UNIQUE", "ADD_CONSTRAINT"}
    ),
}
BASELINE = frozenset(
    {
        "agents.0003_backlog_turns", "agents.0004_admission", "agents.0005_turns", "agents.0006_ladder_and_runs",
        "triggers.0003_standing_generation", "triggers.0004_retention", "triggers.0005_what_is_under_way",
        "triggers.0011_policies", "triggers.0013_silence_and_what_ended",
    }
)  # fmt: skip
"""They lock tables for an index, and were written before there was a release to upgrade from: no old code was beside
them. Nothing joins after the first release.
"""
ADVICE = (
    "Expand first (a nullable column, one with db_default, AddIndexBesideWork), contract a release later, and mark the "
    "step with its reason: ContractStep or ShortLock of dct_site.kernel.migration_marks."
)
_CONSTRAINT = re.compile(r"ALTER TABLE (\S+) ADD CONSTRAINT .*(?:CHECK|FOREIGN KEY)")


def problems_of(statements: Sequence[str], operations: Sequence[Operation]) -> list[str]:
    """What is wrong with one migration: its SQL, judged by the marks among its operations."""
    analyser = PostgresqlAnalyser(exclude_migration_tests=None)
    analyser.analyse(list(statements))
    found = {issue.code: issue.message for issue in (*analyser.errors, *analyser.warnings)}
    if _adds_constraint(statements):
        found["ADD_CONSTRAINT"] = "ADDING a constraint looks at every row under a lock"
    lifted = {code for kind, codes in LIFTED.items() for one in operations if isinstance(one, kind) for code in codes}
    return [f"{code}: {message}" for code, message in sorted(found.items()) if code not in lifted]


def _adds_constraint(statements: Sequence[str]) -> bool:
    made = {match.group(1) for text in statements if (match := re.match(r"CREATE TABLE (\S+)", text))}
    added = (_CONSTRAINT.match(text) for text in statements if "NOT VALID" not in text)
    # One on a column that this very migration adds looks at nothing but nulls or the default.
    fresh = {match.group(1) for text in statements if (match := re.match(r"ALTER TABLE (\S+) ADD COLUMN", text))}
    return any(match is not None and match.group(1) not in made | fresh for match in added)


def statements_of_all(apps: Collection[str]) -> Iterator[tuple[Migration, list[str]]]:
    """Each migration of these apps with its SQL, in the order in which they are applied."""
    loader = MigrationLoader(connection, replace_migrations=False)
    state = ProjectState()
    for key in _in_order(loader):
        migration = loader.graph.nodes[key]
        editor: BaseDatabaseSchemaEditor = connection.schema_editor(collect_sql=True)
        with editor:
            state = migration.apply(state, editor, collect_sql=True)
        if migration.app_label in apps:
            begin = ["BEGIN;"] if migration.atomic else []
            yield migration, [*begin, *(text for text in editor.collected_sql or [] if not text.startswith("--"))]


def _in_order(loader: MigrationLoader) -> list[tuple[str, str]]:
    order: dict[tuple[str, str], None] = {}
    for leaf in sorted(loader.graph.leaf_nodes()):
        order |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return list(order)


def main(apps: Collection[str]) -> int:
    """1 and what is wrong where a migration of these apps would break old code or keep it waiting."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.command.check_settings")
    django.setup()
    failed = 0
    for migration, statements in statements_of_all(apps):
        name = f"{migration.app_label}.{migration.name}"
        # An initial migration meets no rows, so it may do what would lock or break a table in use.
        if migration.initial or name in BASELINE:
            continue
        for problem in problems_of(statements, migration.operations):
            print(f"{name}: {problem}")
            failed += 1
    if failed:
        print(ADVICE)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or OURS))
