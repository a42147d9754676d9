"""The admin's side bar: Watch, Work, Run and Log, only what the person may open."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# group → (model, icon of the theme's font)
PLACES: dict[str, tuple[tuple[str, str], ...]] = {
    "Watch": (
        ("workspaces.ContextItem", "collections_bookmark"),
        ("accounts.Connection", "cable"),
        ("triggers.WebhookEndpoint", "webhook"),
        ("triggers.ContextListener", "hearing"),
        ("triggers.Schedule", "schedule"),
        ("triggers.Delivery", "inbox"),
        ("triggers.Event", "bolt"),
    ),
    "Work": (
        ("triggers.Trigger", "flash_on"),
        ("triggers.Decision", "rule"),
        ("triggers.Execution", "play_circle"),
        ("workspaces.Workspace", "folder"),
        ("workspaces.WorkspaceTemplate", "inventory_2"),
        ("deliverables.Deliverable", "task_alt"),
        ("agents.Agent", "smart_toy"),
        ("agents.AgentProfile", "groups"),
        ("agents.RuntimeCommand", "terminal"),
        ("agents.ModelProvider", "neurology"),
    ),
    "Run": (
        ("agents.Limits", "speed"),
        ("agents.StartRequest", "hourglass_top"),
        ("agents.SlotHolder", "event_seat"),
        ("agents.RecordRule", "auto_delete"),
        ("accounts.FeatureToggle", "toggle_on"),
        ("accounts.User", "person"),
        ("accounts.OperationGrant", "key"),
        ("accounts.ApiToken", "token"),
        ("axes.AccessAttempt", "lock_clock"),
        ("accounts.Heartbeat", "monitor_heart"),
    ),
    "Log": (
        ("accounts.AuditEntry", "verified_user"),
        ("accounts.JournalEntry", "timeline"),
        ("agents.AgentRun", "memory"),
        ("agents.AgentMessage", "chat"),
        ("agents.ObsoleteAgentRecord", "archive"),
        ("agents.ConversationPart", "inventory_2"),
    ),
}


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The theme's navigation: groups with the pages that the person may open; empty groups are left out."""
    found = []
    for title, places in PLACES.items():
        items = [item for label, icon in places if (item := _item(request, label, icon)) is not None]
        if items:
            found.append({"title": title, "separator": True, "items": items})
    return found


def _item(request: HttpRequest, label: str, icon: str) -> dict[str, Any] | None:
    model = apps.get_model(label)
    if not admin.site.is_registered(model) or not admin.site.get_model_admin(model).has_module_permission(request):
        return None
    opts = model._meta
    link = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    name = str(opts.verbose_name_plural)
    return {"title": name[:1].upper() + name[1:], "icon": icon, "link": link}
