"""Pages about replaced agents: read as one scrolls, compared, pinned, gone on from; and how long they are kept."""

import re

import pytest

from accounts.enums import Role
from agents.enums import AgentStatus
from agents.models import Agent, ObsoleteAgentRecord, RecordRule
from agents.selectors.record_rules import days_of, rule_of
from agents.services.record_rules import purge_records
from tests.agents.records.rows import put_away, say
from tests.factories.agents import NOON, make_agent
from tests.factories.deliverables import deliver
from tests.factories.workspaces import make_template, make_workspace
from tests.triggers.views.people import Visitor, visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def developer() -> Visitor:
    return visitor(Role.DEVELOPER)


@pytest.fixture
def ceo() -> Visitor:
    return visitor(Role.CEO)


def page(who: Visitor, url: str) -> str:
    response = who.get(url)
    assert response.status_code == 200, url
    return str(response.content.decode())


def test_a_long_conversation_is_drawn_as_one_scrolls(developer: Visitor) -> None:
    record = put_away(*[f"line-{n:03} said" for n in range(1, 121)])
    first = page(developer, f"/obsolete-agents/{record.pk}/")
    assert "line-050 said" in first
    assert "line-051 said" not in first
    (following,) = re.findall(r'hx-get="([^"]*part=messages[^"]*)"', first)
    second = page(developer, following.replace("&amp;", "&"))
    assert "<html" not in second
    assert "line-051 said" in second
    assert "line-101 said" not in second
    last = page(developer, f"/obsolete-agents/{record.pk}/?after=100&part=messages")
    assert "line-120 said" in last
    assert "hx-get" not in last
    alone = page(developer, f"/obsolete-agents/{record.pk}/?after=100")
    assert "From the beginning" in alone


def test_what_it_did_to_files_is_shown_and_escaped(developer: Visitor) -> None:
    workspace = make_workspace()
    deliver(workspace, "feedback/digest.md", "<script>alert(1)</script>")
    record = put_away("one", workspace=workspace, reason="<b>why</b>")
    ObsoleteAgentRecord.objects.update(checkpoint={"session": "<i>7"})
    shown = page(developer, f"/obsolete-agents/{record.pk}/")
    assert "feedback/digest.md" in shown
    assert "+&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<b>why</b>" not in shown
    assert "&lt;i&gt;7" in shown


def test_one_is_restored_from_its_page(developer: Visitor) -> None:
    record = put_away("one")
    assert f"/obsolete-agents/{record.pk}/restore/" in page(developer, f"/obsolete-agents/{record.pk}/")
    response = developer.press(f"/obsolete-agents/{record.pk}/restore/")
    agent = Agent.objects.get(restored_from=record)
    assert response.headers["HX-Redirect"] == f"/agents/{agent.pk}/"
    assert f"agent {record.agent_id}" in page(developer, f"/agents/{agent.pk}/")
    again = page(developer, f"/obsolete-agents/{record.pk}/")
    assert f"Agent {agent.pk} is at work in its workspace; stop that first." in again
    assert f"/obsolete-agents/{record.pk}/restore/" not in again
    assert developer.press(f"/obsolete-agents/{record.pk}/restore/").status_code == 409


def test_one_is_pinned_and_unpinned(developer: Visitor) -> None:
    record = put_away("one")
    developer.post(f"/obsolete-agents/{record.pk}/pin/")
    assert f"pinned by {developer.user.username}" in page(developer, f"/obsolete-agents/{record.pk}/")
    assert "pinned" in page(developer, "/obsolete-agents/?state=pinned")
    developer.post(f"/obsolete-agents/{record.pk}/unpin/")
    assert ObsoleteAgentRecord.objects.get().pinned_at is None


def test_two_are_shown_side_by_side_from_where_they_differ(developer: Visitor) -> None:
    workspace = make_workspace()
    record = put_away("same-1", "same-2", "left-only", workspace=workspace)
    other = put_away("same-1", "same-2", "right-only", workspace=workspace)
    own = page(developer, f"/obsolete-agents/{record.pk}/")
    assert f'value="record:{other.pk}"' in own
    shown = page(developer, f"/obsolete-agents/{record.pk}/compare/?with=record:{other.pk}")
    assert "The first 2 messages are the same." in shown
    assert "left-only" in shown
    assert "right-only" in shown
    assert "same-2" not in shown
    ids = re.findall(r' id="([^"]+)"', shown)
    assert len(ids) == len(set(ids))


def test_one_is_compared_with_an_agent_at_work(developer: Visitor) -> None:
    record = put_away("same-1")
    live = make_agent(workspace=record.workspace, profile=record.agent.profile, status=AgentStatus.RUNNING)
    say(live, "same-1", "went on")
    assert f'value="agent:{live.pk}"' in page(developer, f"/obsolete-agents/{record.pk}/")
    shown = page(developer, f"/obsolete-agents/{record.pk}/compare/?with=agent:{live.pk}")
    assert "went on" in shown
    for wrong in ("", "record:", "record:x", "agent:999999", "thing:1"):
        assert developer.get(f"/obsolete-agents/{record.pk}/compare/?with={wrong}").status_code == 404


def test_a_tombstone_says_since_when(developer: Visitor) -> None:
    record = put_away("canary", at=NOON.replace(year=2020))
    purge_records(now=NOON)
    shown = page(developer, f"/obsolete-agents/{record.pk}/")
    assert "No longer kept, since" in shown
    assert "canary" not in shown
    assert developer.press(f"/obsolete-agents/{record.pk}/restore/").status_code == 409
    other = put_away("x", workspace=record.workspace)
    refused = developer.get(f"/obsolete-agents/{other.pk}/compare/?with=record:{record.pk}")
    assert refused.status_code == 302, "it says why on the page that one came from"


def test_a_stranger_finds_none_of_it(ceo: Visitor) -> None:
    record = put_away("canary")
    assert "canary" not in page(ceo, "/obsolete-agents/")
    for url in ("", "compare/?with=record:1", "?part=messages"):
        assert ceo.get(f"/obsolete-agents/{record.pk}/{url}").status_code == 404
    for verb in ("restore", "pin", "unpin"):
        assert ceo.post(f"/obsolete-agents/{record.pk}/{verb}/").status_code == 404
    own = put_away("mine", workspace=make_workspace(owner=ceo.user))
    assert "mine" in page(ceo, f"/obsolete-agents/{own.pk}/")
    assert ceo.get(f"/obsolete-agents/{own.pk}/compare/?with=record:{record.pk}").status_code == 404
    assert f'value="record:{record.pk}"' not in page(ceo, f"/obsolete-agents/{own.pk}/")


def test_developers_see_what_would_go_before_they_save(developer: Visitor) -> None:
    put_away("x", at=NOON.replace(year=2026, month=1))
    url = "/retention/agents/"
    assert "1 kept" in page(developer, url)
    shown = developer.post(url, {"max_days": 30, "version": 1, "preview": "1"})
    assert shown.status_code == 200
    assert "1 of 1 would go at once" in shown.content.decode()
    assert 'value="30"' in shown.content.decode()
    assert not RecordRule.objects.exists()
    assert developer.post(url, {"max_days": 30, "version": 1}).status_code == 302
    assert days_of(rule_of(None)) == 30
    assert developer.post(url, {"max_days": 0, "version": 2}).status_code == 422
    assert developer.post(url, {"max_days": 40, "version": 1}).status_code == 422


def test_a_template_and_a_workspace_have_rules_of_their_own(developer: Visitor) -> None:
    template = make_template({}, name="Kit")
    workspace = make_workspace(template=template)
    assert f"/retention/agents/template/{template.pk}/" in page(developer, "/retention/agents/")
    developer.post(f"/retention/agents/template/{template.pk}/", {"max_days": 20, "version": 1})
    assert "20 now" in page(developer, f"/retention/agents/workspace/{workspace.pk}/")
    developer.post(f"/retention/agents/workspace/{workspace.pk}/", {"max_count": 3, "version": 1})
    assert rule_of(workspace).max_count == 3
    listed = page(developer, "/retention/agents/")
    assert f"/retention/agents/workspace/{workspace.pk}/" in listed
    assert "/retention/agents/" in page(developer, "/retention/")
    assert f"/retention/agents/workspace/{workspace.pk}/" in page(developer, f"/workspaces/{workspace.pk}/")


def test_nobody_else_changes_the_rules(ceo: Visitor) -> None:
    workspace = make_workspace(owner=ceo.user)
    for url in ("/retention/agents/", f"/retention/agents/workspace/{workspace.pk}/"):
        assert ceo.get(url).status_code == 403
        assert ceo.post(url, {"max_days": 1, "version": 1}).status_code == 403
    assert "How long they are kept" not in page(ceo, f"/workspaces/{workspace.pk}/")
