"""What an execution's workspace is told: the event, the item before and after, its history and the words that came."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Q

from triggers.enums import FiringRole
from triggers.models import Event, Execution, Firing
from workspaces.enums import ContextKind, ContextRefreshMode, TrustTier
from workspaces.models import ContextItem, ItemState, TemplateContext, Workspace
from workspaces.services.context import ContextEntry, as_json
from workspaces.services.item_texts import as_data, as_markdown, history_of
from workspaces.services.untrusted import clean, clean_data, fenced

EVENT, MERGED, BATCH, ITEM, ITEM_PAGE, PREVIOUS, HISTORY, MESSAGE = (
    "event.json",
    "merged.json",
    "batch.json",
    "item.json",
    "item.md",
    "previous.json",
    "history.json",
    "message.md",
)


def title_values(execution: Execution, item: ContextItem | None) -> dict[str, Any]:
    """What a title pattern may name: plain data only."""
    return {
        "item": _item_values(item, execution.event),
        "event": _event_data(execution.event),
        "trigger": {"id": execution.trigger_id, "name": execution.trigger.name},
        "execution": {"id": execution.pk},
        "date": execution.event.accepted_at.date(),
    }


def _item_values(item: ContextItem | None, event: Event) -> dict[str, Any]:
    if item is None:
        return {"title": event.facts.get("title") or None}
    return {
        "key": item.external_key,
        "title": item.title or item.external_key,
        "kind": str(item.kind),
        "url": item.url,
        "state": item.state,
    }


def entries_for(execution: Execution, workspace: Workspace) -> list[ContextEntry]:
    """The files of ``context/`` as the workspace's refresh mode asks for; later entries win over earlier ones.

    Of the events that a run is about, the newest of its item leads: it works by that one, and by the item's state then.
    """
    events, event = _events_and_lead(execution)
    tier = TrustTier(event.trust_tier)
    found: dict[str, ContextEntry] = {}
    mode = ContextRefreshMode(workspace.context_refresh_mode)
    if mode != ContextRefreshMode.NONE:
        for entry in (*_of_event(event, tier), *_of_others(execution, events, event, tier)):
            found[entry.path] = entry
    for row in _template_rows(workspace, mode):
        for entry in _of_row(row, event, tier):
            found[entry.path] = entry
    return list(found.values())


def news_path(execution_id: int) -> str:
    """Where below ``context/`` the news of an execution lies, in the workspace of the agent that is told."""
    return f"news/{execution_id}"


def news_for(execution: Execution) -> list[ContextEntry]:
    """The same files about what happened, at its ``news_path``, for an agent that is at work on an earlier event."""
    events, event = _events_and_lead(execution)
    tier = TrustTier(event.trust_tier)
    entries = (*_of_event(event, tier), *_of_others(execution, events, event, tier))
    return [replace(entry, path=f"{news_path(execution.pk)}/{entry.path}") for entry in entries]


def _events_and_lead(execution: Execution) -> tuple[list[Event], Event]:
    events = _events_of(execution)
    return events, next(one for one in reversed(events) if one.item_id == execution.event.item_id)


def _of_event(event: Event, tier: TrustTier) -> Iterator[ContextEntry]:
    yield ContextEntry(EVENT, ContextKind.EVENT, as_json(clean_data(_event_data(event))), trust_tier=tier)
    text = str(event.facts.get("text") or "")
    if text:
        head = f"# Message\n\n{fenced(_message_head(event))}\n{fenced(text)}"
        yield ContextEntry(MESSAGE, ContextKind.MESSAGE, head.encode(), trust_tier=tier)
    if event.item is None:
        return
    item, version = event.item, event.item_version or 0
    state, changes = _state_at(item, version)
    data = as_json(as_data(item, state=state, version=version))
    yield ContextEntry(ITEM, ContextKind.ITEM, data, item, version, tier)
    page = as_markdown(item, state=state, changes=event.changes or changes)
    yield ContextEntry(ITEM_PAGE, ContextKind.ITEM, page.encode(), item, version, tier)
    before = as_json(as_data(item, state=event.before, version=max(0, version - 1)))
    yield ContextEntry(PREVIOUS, ContextKind.PREVIOUS, before, item, max(0, version - 1), tier)
    history = as_json(history_of(item, until=version))
    yield ContextEntry(HISTORY, ContextKind.HISTORY, history, item, version, tier)


def _events_of(execution: Execution) -> list[Event]:
    """The event that began it and those that it took in while it waited, oldest first; all of one trust."""
    if execution.event_count == 1:
        return [execution.event]
    joined = Event.objects.filter(firings__execution=execution).exclude(pk=execution.event_id).select_related("item")
    return sorted([execution.event, *joined], key=lambda event: event.pk)


def _of_others(execution: Execution, events: Sequence[Event], lead: Event, tier: TrustTier) -> Iterator[ContextEntry]:
    """All events of a batch, or those beside the one that a run works by; oldest first."""
    if len(events) == 1:
        return
    is_batch = Firing.objects.filter(execution=execution, role=FiringRole.BATCHED).exists()
    told = [clean_data(_event_data(event)) for event in events if is_batch or event.pk != lead.pk]
    yield ContextEntry(BATCH if is_batch else MERGED, ContextKind.EVENT, as_json(told), trust_tier=tier)


def _message_head(event: Event) -> str:
    lines = {"from": event.actor, "subject": event.facts.get("title"), "time": event.time.isoformat()}
    return "\n".join(f"{name}: {' '.join(str(value or '–').split())}" for name, value in lines.items())


def _event_data(event: Event) -> dict[str, Any]:
    return {
        "id": event.pk,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "actor": event.actor,
        "time": event.time.isoformat(),
        "origin": str(event.origin),
        "trust": str(event.trust_tier),
        "facts": event.facts,
        "changes": event.changes,
        "data": event.data,
    }


def _state_at(item: ContextItem, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state that the event was judged against; the item's own where that version has no row (any more)."""
    row = ItemState.objects.filter(item=item, version=version).first()
    return (row.state, row.changes) if row else (item.state, {})


def _template_rows(workspace: Workspace, mode: ContextRefreshMode) -> Iterator[TemplateContext]:
    """The template's own context files; an item's only where the mode asks for that item."""
    if workspace.template is None:
        return
    rows = workspace.template.context.select_related("item")
    if mode == ContextRefreshMode.CHANGED_ITEMS:
        rows = rows.filter(Q(item=None) | Q(item__changed_at__gt=workspace.template.updated_at))
    elif mode == ContextRefreshMode.TRIGGERING_ITEM:
        rows = rows.filter(Q(item=None) | Q(item=workspace.item))
    yield from rows


def _of_row(row: TemplateContext, event: Event, tier: TrustTier) -> Iterator[ContextEntry]:
    """The entry of one row. A row without an item speaks of the item that changed, where there is one."""
    kind = ContextKind(row.kind)
    item = row.item or event.item
    if kind == ContextKind.TEXT:
        yield ContextEntry(row.path, kind, row.text.encode(), row.item, None, TrustTier.ALLOWED)
    elif kind == ContextKind.EVENT:
        yield ContextEntry(row.path, kind, as_json(clean_data(_event_data(event))), None, None, tier)
    elif kind == ContextKind.MESSAGE:
        text = clean(str(event.facts.get("text") or ""))
        yield ContextEntry(row.path, kind, fenced(text).encode(), None, None, tier)
    elif item is not None:
        yield _of_item(row.path, kind, item, event)


def _of_item(path: str, kind: ContextKind, item: ContextItem, event: Event) -> ContextEntry:
    is_triggering = item.pk == event.item_id
    version = event.item_version or 0 if is_triggering else item.state_version
    state, changes = _state_at(item, version)
    if kind == ContextKind.HISTORY:
        content = as_json(history_of(item, until=version))
    elif kind == ContextKind.PREVIOUS:
        before = ItemState.objects.filter(item=item, version__lt=version).order_by("-version").first()
        state = event.before if is_triggering else before.state if before else {}
        version = max(0, version - 1)
        content = as_json(as_data(item, state=state, version=version))
    elif path.endswith(".md"):
        content = as_markdown(item, state=state, changes=changes).encode()
    else:
        content = as_json(as_data(item, state=state, version=version))
    # Who reported an item's state last is in its history; the file is trusted no further than the least of them.
    return ContextEntry(path, kind, content, item, version, _tier_of(item, version, event))


def _tier_of(item: ContextItem, version: int, event: Event) -> TrustTier:
    if item.pk == event.item_id:
        return TrustTier(event.trust_tier)
    row = ItemState.objects.filter(item=item, version=version).first()
    return TrustTier(row.trust_tier) if row else TrustTier.OPEN
