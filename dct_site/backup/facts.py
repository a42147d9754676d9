"""Asks a database, at the moment of the backup, what the manifest says of it. One kind of SQL for both."""

from collections.abc import Callable, Iterable
from typing import Any

from dct_site.backup.manifest import Facts

Ask = Callable[[str], Iterable[tuple[Any, ...]]]

COUNTED = {
    "deliveries": "triggers_delivery",
    "undecided deliveries": "triggers_pendingdelivery",
    "events": "triggers_event",
    "triggers": "triggers_trigger",
    "executions": "triggers_execution",
    "workspaces": "workspaces_workspace",
    "templates": "workspaces_workspacetemplate",
    "live agent runs": "agents_agentrun WHERE status IN ('starting', 'running', 'stopping')",
}


def ask_for_facts(ask: Ask) -> Facts:
    """``ask`` runs one query and returns its rows."""
    return Facts(
        migrations=[f"{app}.{name}" for app, name in ask("SELECT app, name FROM django_migrations ORDER BY app, name")],
        # dct1.<key id>.<token>: the id alone.
        keys=sorted(
            {str(key) for (key,) in ask("SELECT DISTINCT substr(value, 6, 8) FROM accounts_secret WHERE value <> ''")}
        ),
        counts={words: next(iter(ask(f"SELECT COUNT(*) FROM {table}")))[0] for words, table in COUNTED.items()},  # noqa: S608
        trees=[
            *(f"templates/{name}" for (name,) in ask("SELECT directory FROM workspaces_workspacetemplate ORDER BY id")),
            *(f"workspaces/{name}" for (name,) in ask("SELECT directory FROM workspaces_workspace ORDER BY id")),
        ],
    )
