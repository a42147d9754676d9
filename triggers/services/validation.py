"""All that must be true of a document before it may decide: its shape, and that what it names is its owner's to use."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accounts.models import Connection, User
from accounts.permissions import visible
from agents.models import AgentProfile
from triggers.conditions.schema import Problem
from triggers.documents import shape_problems
from workspaces.models import ContextItem, WorkspaceTemplate


class InvalidDocument(Exception):
    """The document may not be kept or published; ``problems`` lists all: path, code, message."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = list(problems)


def document_problems(*, document: Any, owner: User) -> list[Problem]:
    """Everything that keeps the document from being published in the name of ``owner``."""
    problems = shape_problems(document)
    if problems:
        return problems
    return [*_listener_problems(document, owner), *_workspace_problems(document, owner)]


def _listener_problems(document: Mapping[str, Any], owner: User) -> Iterator[Problem]:
    """What is listened to must be visible to the owner; one outside account is heard through one connection."""
    tenants: dict[tuple[str, str], int] = {}
    for at, part in enumerate(document["listeners"]):
        connection, path, word = _heard(part, owner)
        if connection is None:
            words = f"listeners[{at}].{path}: there is no such {word}, or the owner may not see it."
            yield Problem(f"listeners[{at}].{path}", "not_found", words)
            continue
        # Two connections to one account report each change twice, and deduplication ends at the connection.
        tenant = (connection.source, connection.tenant)
        if connection.tenant and tenants.setdefault(tenant, connection.pk) != connection.pk:
            words = f"listeners[{at}] hears {connection.tenant} through a second connection; use one connection only."
            yield Problem(f"listeners[{at}]", "two_connections", words)


def _heard(part: Mapping[str, Any], owner: User) -> tuple[Connection | None, str, str]:
    if part.get("context_item_id") is not None:
        items = visible(ContextItem.objects.select_related("connection"), user=owner)
        item = items.filter(pk=part["context_item_id"]).first()
        return (item.connection if item is not None else None), "context_item_id", "card"
    connections = visible(Connection.objects.all(), user=owner)
    return connections.filter(pk=part["connection_id"]).first(), "connection_id", "connection"


def _workspace_problems(document: Mapping[str, Any], owner: User) -> Iterator[Problem]:
    template_id = (document.get("workspace") or {}).get("template_id")
    templates = visible(WorkspaceTemplate.objects.filter(is_archived=False), user=owner)
    if template_id is not None and not templates.filter(pk=template_id).exists():
        words = "workspace.template_id: there is no such template, or the owner may not use it."
        yield Problem("workspace.template_id", "not_found", words)
    profiles = visible(AgentProfile.objects.filter(is_archived=False), user=owner)
    if not profiles.filter(pk=document["agent"]["profile_id"]).exists():
        words = "agent.profile_id: there is no such agent profile, or the owner may not use it."
        yield Problem("agent.profile_id", "not_found", words)
