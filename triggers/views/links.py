"""Where the things of this room are shown, and the numbers people call them by (EX-12, EV-12, DL-12, WS-12)."""

from typing import Any

from django.urls import reverse

from accounts.models import Connection
from triggers.models import Delivery, Execution, Trigger
from workspaces.models import ContextItem, Workspace


def execution_number(execution_id: int) -> str:
    return f"EX-{execution_id}"


def event_number(event_id: int) -> str:
    return f"EV-{event_id}"


def delivery_number(delivery_id: int) -> str:
    return f"DL-{delivery_id}"


def workspace_number(workspace_id: int) -> str:
    return f"WS-{workspace_id}"


def execution_title(execution: Execution) -> str:
    """The workspace's title; before there is one, what the event is about."""
    if execution.workspace is not None and execution.workspace.title:
        return execution.workspace.title
    event = execution.event
    about = item_label(event.item) if event.item is not None else event.subject or event.type
    return f"{execution.trigger.name}: {about}"


def item_label(item: ContextItem) -> str:
    return item.title or item.external_key


def link_to_execution(execution_id: int) -> dict[str, str]:
    return {"number": execution_number(execution_id), "url": reverse("execution", args=[execution_id])}


def link_to_event(event_id: int) -> dict[str, str]:
    return {"number": event_number(event_id), "url": reverse("event", args=[event_id])}


def link_to_delivery(delivery: Delivery) -> dict[str, str]:
    return {"number": delivery_number(delivery.pk), "url": reverse("delivery", args=[delivery.pk])}


def link_to_trigger(trigger: Trigger) -> dict[str, Any]:
    return {"name": trigger.name, "url": reverse("trigger", args=[trigger.pk])}


def link_to_workspace(workspace: Workspace) -> dict[str, str]:
    return {"number": workspace_number(workspace.pk), "url": reverse("workspace", args=[workspace.pk])}


def link_to_connection(connection: Connection) -> dict[str, str]:
    """All that it brings."""
    return {
        "label": f"everything of {connection.name}",
        "url": f"{reverse('events')}?connection={connection.pk}",
    }


def link_to_item(item: ContextItem) -> dict[str, str]:
    """An item's page is the list of its events."""
    return {"label": item_label(item), "url": f"{reverse('events')}?item={item.pk}"}
