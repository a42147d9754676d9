"""What is written into ``context/`` in each refresh mode, and how far each file is trusted."""

import json
from datetime import datetime, timedelta

import pytest

from tests.factories.agents import set_limits
from tests.factories.executions import make_event, make_execution, make_running_trigger
from tests.factories.workspaces import make_item, make_template
from triggers.models import Event
from triggers.services.launch.context import entries_for, title_values
from workspaces.enums import ContextKind, ContextRefreshMode, TrustTier
from workspaces.models import ContextItem, ItemState, Workspace, WorkspaceTemplate
from workspaces.services.clone import enter, prepare
from workspaces.services.context import ContextEntry
from workspaces.services.templates import ContextWish

pytestmark = pytest.mark.django_db

OWN = {"event.json", "item.json", "item.md", "previous.json", "history.json", "message.md"}


def _entries(
    now: datetime, mode: ContextRefreshMode, *wishes: ContextWish, event: Event | None = None
) -> dict[str, ContextEntry]:
    set_limits()
    template = make_template(context=wishes)
    WorkspaceTemplate.objects.update(updated_at=now)
    template.refresh_from_db()
    trigger = make_running_trigger(workspace={"template_id": template.pk})
    execution = make_execution(trigger=trigger, event=event or make_event(now=now))
    return {
        entry.path: entry for entry in entries_for(execution, _workspace(template, execution.event.item, mode, now))
    }


def _workspace(
    template: WorkspaceTemplate, item: ContextItem | None, mode: ContextRefreshMode, now: datetime
) -> Workspace:
    wanted = prepare(
        template=template,
        origin="execution:1",
        title="x",
        owner=template.owner,
        item=item,
        trust_tier=TrustTier.VERIFIED,
        context_refresh_mode=mode,
        now=now,
    )
    return enter(wanted, now=now)


def test_nothing_means_the_templates_own_files_only(now: datetime) -> None:
    wishes = [
        ContextWish("guide.md", ContextKind.TEXT, text="Read."),
        ContextWish("what.json", ContextKind.EVENT),
        ContextWish("said.md", ContextKind.MESSAGE),
        ContextWish("now.json", ContextKind.ITEM),
        ContextWish("now.md", ContextKind.ITEM),
        ContextWish("old.json", ContextKind.PREVIOUS),
        ContextWish("all.json", ContextKind.HISTORY),
    ]
    found = _entries(now, ContextRefreshMode.NONE, *wishes)
    assert set(found) == {wish.path for wish in wishes}
    assert found["guide.md"].trust_tier == TrustTier.ALLOWED
    assert found["said.md"].content.count(b"obey") == 0
    assert json.loads(found["now.json"].content)["state"] == {"status": "closed"}
    assert found["now.md"].content.startswith(b"# Pull request")
    assert json.loads(found["old.json"].content)["state"] == {"status": "open"}
    assert [state["version"] for state in json.loads(found["all.json"].content)] == [2]
    assert {entry.trust_tier for path, entry in found.items() if path != "guide.md"} == {TrustTier.VERIFIED}


def test_the_triggering_item_leaves_other_items_out(now: datetime) -> None:
    other = make_item()
    found = _entries(now, ContextRefreshMode.TRIGGERING_ITEM, ContextWish("other.json", ContextKind.ITEM, other))
    assert set(found) == OWN


def test_changed_items_are_those_since_the_template_was_saved(now: datetime) -> None:
    fresh = make_item(changed_at=now + timedelta(seconds=1), state={"x": 1})
    stale = make_item(changed_at=now - timedelta(seconds=1))
    wishes = [ContextWish("fresh.json", ContextKind.ITEM, fresh), ContextWish("stale.json", ContextKind.ITEM, stale)]
    found = _entries(now, ContextRefreshMode.CHANGED_ITEMS, *wishes)
    assert set(found) == {*OWN, "fresh.json"}
    assert json.loads(found["fresh.json"].content)["state"] == {"x": 1}


def test_all_items_come_with_the_trust_of_their_last_report(now: datetime) -> None:
    known, unknown = make_item(state_version=2, state={"v": 2}), make_item()
    for version in (1, 2):
        ItemState.objects.create(
            item=known, version=version, state={"v": version}, at=now, trust_tier=TrustTier.ALLOWED
        )
    found = _entries(
        now,
        ContextRefreshMode.ALL,
        ContextWish("known.json", ContextKind.ITEM, known),
        ContextWish("before.json", ContextKind.PREVIOUS, known),
        ContextWish("unknown.json", ContextKind.PREVIOUS, unknown),
    )
    assert found["known.json"].trust_tier == TrustTier.ALLOWED
    assert json.loads(found["before.json"].content)["state"] == {"v": 1}
    assert json.loads(found["unknown.json"].content)["state"] == {}
    assert found["unknown.json"].trust_tier == TrustTier.OPEN


def test_an_event_about_nothing_leaves_item_files_out(now: datetime) -> None:
    event = make_event(now=now, facts={})
    event.item = None
    event.save()
    found = _entries(now, ContextRefreshMode.ALL, ContextWish("now.json", ContextKind.ITEM), event=event)
    assert set(found) == {"event.json"}


def test_the_state_is_the_one_that_was_judged_even_when_it_moved_on(now: datetime) -> None:
    item = make_item(state={"status": "closed"}, state_version=2)
    event = make_event(item, now=now)
    ContextItem.objects.filter(pk=item.pk).update(state={"status": "reopened"}, state_version=3)
    found = _entries(now, ContextRefreshMode.TRIGGERING_ITEM, event=event)
    assert json.loads(found["item.json"].content)["state"] == {"status": "closed"}


def test_a_pattern_sees_plain_data_only(now: datetime) -> None:
    set_limits()
    execution = make_execution()
    values = title_values(execution, execution.event.item)
    assert values["item"]["key"] == execution.event.subject
    assert values["date"] == now.date()
    assert json.dumps(values, default=str)
