"""Agents at work are matched by exact equality of four criteria, each of which may be left out; the newest wins."""

from datetime import datetime
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import User
from agents.criteria import criteria_of
from agents.enums import AgentStatus, Criterion
from agents.models import Agent, AgentProfile
from agents.selectors.matching import Match, match
from agents.services import intents
from agents.services.deploy import deploy
from tests.factories.accounts import make_user
from tests.factories.agents import make_command, make_profile
from tests.factories.workspaces import make_item, make_workspace
from workspaces.enums import TrustTier, WorkspaceStatus
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db
ALL = list(Criterion)


@pytest.fixture
def owner() -> User:
    return make_user(role=Role.CEO)


@pytest.fixture
def item() -> ContextItem:
    return make_item()


def _profile(owner: User, **over: Any) -> AgentProfile:
    values = {"model": "m-1", "instructions": "Read.", "permissions": {"tools": ["read"]}, "user_comment": "mine"}
    return make_profile(owner=owner, **{**values, **over})


def _agent(item: ContextItem, owner: User, now: datetime, *, instructions: str = "", **over: Any) -> Agent:
    tier = over.pop("trust_tier", TrustTier.VERIFIED)
    workspace = make_workspace(item=item, owner=owner, trust_tier=tier, status=WorkspaceStatus.ACTIVE)
    profile = _profile(owner, **over)
    return deploy(workspace=workspace, profile=profile, start=None, now=now, instructions=instructions)


def _match(item: ContextItem, owner: User, on: list[Criterion], **over: Any) -> Match:
    tier = over.pop("trust_tier", TrustTier.VERIFIED)
    wanted = criteria_of(_profile(owner, **over))
    return match(item_id=item.pk, owner=owner, wanted=wanted, on=on, trust_tier=tier)


def test_the_newest_of_equal_ones_wins(item: ContextItem, owner: User, now: datetime) -> None:
    older, newer = (_agent(item, owner, now) for _ in range(2))
    found = _match(item, owner, ALL)
    assert found.agent == newer
    assert [(look.agent_id, look.why_not) for look in found.looks] == [(newer.pk, ""), (older.pk, "")]


@pytest.mark.parametrize(
    ("criterion", "over"),
    [
        (Criterion.MODEL, {"model": "m-2"}),
        (Criterion.INSTRUCTIONS, {"instructions": "Read "}),
        (Criterion.PERMISSIONS, {"permissions": {"tools": ["read", "write"]}}),
        (Criterion.USER_COMMENT, {"user_comment": "Mine"}),
    ],
)
def test_each_criterion_keeps_an_agent_from_matching_unless_it_is_left_out(
    item: ContextItem, owner: User, now: datetime, criterion: Criterion, over: dict[str, Any]
) -> None:
    agent = _agent(item, owner, now)
    found = _match(item, owner, ALL, **over)
    assert found.agent is None
    assert [look.why_not for look in found.looks] == [f"other {criterion.label.lower()}"]
    assert _match(item, owner, [one for one in ALL if one != criterion], **over).agent == agent


def test_the_program_and_what_the_trigger_asks_are_instructions_too(
    item: ContextItem, owner: User, now: datetime
) -> None:
    _agent(item, owner, now, instructions="Be short.")
    assert _match(item, owner, ALL).agent is None
    command = make_command("python3")
    assert _match(item, owner, ALL, command=command).agent is None
    assert _match(item, owner, [Criterion.MODEL], command=command).agent is not None


def test_what_an_agent_began_with_counts_not_what_became_of_its_profile(
    item: ContextItem, owner: User, now: datetime
) -> None:
    agent = _agent(item, owner, now)
    AgentProfile.objects.filter(pk=agent.profile_id).update(model="m-2")
    assert _match(item, owner, ALL).agent == agent
    assert _match(item, owner, ALL, model="m-2").agent is None


def test_an_agent_whose_criteria_nobody_kept_matches_only_where_none_is_asked(
    item: ContextItem, owner: User, now: datetime
) -> None:
    agent = _agent(item, owner, now)
    Agent.objects.update(criteria={})
    assert [look.why_not for look in _match(item, owner, ALL).looks] == ["it began before its criteria were kept"]
    assert _match(item, owner, []).agent == agent


@pytest.mark.parametrize("status", list(AgentStatus))
def test_only_those_that_have_not_ended_match(
    item: ContextItem, owner: User, now: datetime, status: AgentStatus
) -> None:
    _agent(item, owner, now)
    Agent.objects.update(status=status)
    live = {AgentStatus.PENDING, AgentStatus.STARTING, AgentStatus.RUNNING, AgentStatus.WAITING}
    assert (_match(item, owner, ALL).agent is not None) is (status in live)


def test_one_that_is_asked_to_stop_does_not_match(item: ContextItem, owner: User, now: datetime) -> None:
    agent = _agent(item, owner, now)
    intents.stop(agent=agent, by=Actor.system(), now=now, reason="")
    assert [look.why_not for look in _match(item, owner, ALL).looks] == ["it is being stopped"]


def test_agents_of_others_and_of_other_items_are_not_even_named(item: ContextItem, owner: User, now: datetime) -> None:
    _agent(item, make_user(role=Role.CEO), now)
    _agent(make_item(), owner, now)
    assert _match(item, owner, ALL) == Match(None, [])


def test_a_person_who_was_locked_out_controls_nothing(item: ContextItem, owner: User, now: datetime) -> None:
    _agent(item, owner, now)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    owner.refresh_from_db()
    assert _match(item, owner, ALL) == Match(None, [])


@pytest.mark.parametrize("of_event", list(TrustTier))
@pytest.mark.parametrize("of_workspace", list(TrustTier))
def test_an_agent_is_never_given_what_is_trusted_less_than_what_it_works_on(
    item: ContextItem, owner: User, now: datetime, of_event: TrustTier, of_workspace: TrustTier
) -> None:
    """Its tier is what let it have secrets and a way out (threat T1)."""
    _agent(item, owner, now, trust_tier=of_workspace)
    found = _match(item, owner, ALL, trust_tier=of_event)
    order = list(TrustTier)
    assert (found.agent is not None) is (order.index(of_event) >= order.index(of_workspace))
