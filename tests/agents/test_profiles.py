"""Profiles and programs: what may be saved, and in which words it is refused."""

from datetime import datetime
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import AuditEntry
from agents.enums import MessageKind
from agents.models import AgentProfile, RuntimeCommand
from agents.runtimes import Message
from agents.selectors import agents_visible_to, commands_visible_to, messages_of
from agents.selectors.agents import profiles_visible_to
from agents.selectors.records import records_visible_to
from agents.services import commands, conversation, profiles
from agents.services.values import BadValues
from dct_site.kernel.edits import EditConflict
from tests.factories.accounts import make_user
from tests.factories.agents import make_agent, make_command, make_profile

pytestmark = pytest.mark.django_db
BY = Actor.system("anna")


def test_a_profile_is_created_and_audited(now: datetime) -> None:
    command = make_command("true")
    profile = profiles.create(name="Reader", owner=make_user(), by=BY, now=now, runtime="command", command=command)
    assert AgentProfile.objects.get() == profile
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after["command"]) == ("profile.created", command.name)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"runtime": "no-such"}, "runtime"),
        ({"runtime": "command"}, "command"),
        ({"time_limit_s": 0}, "time_limit_s"),
        ({"max_rounds": True}, "max_rounds"),
        ({"permissions": []}, "permissions"),
        ({"no_such": 1}, "no_such"),
    ],
)
def test_a_profile_that_cannot_run_is_refused(values: dict[str, Any], field: str, now: datetime) -> None:
    with pytest.raises(BadValues) as refused:
        profiles.create(**{"name": "Reader", "owner": make_user(), "by": BY, "now": now, **values})
    assert field in refused.value.problems
    assert not AgentProfile.objects.exists()


def test_only_the_command_runtime_has_a_program(now: datetime) -> None:
    with pytest.raises(BadValues, match="Only the command runtime"):
        profiles.create(name="Reader", owner=make_user(), by=BY, now=now, command=make_command("true"))


def test_a_profile_is_changed_once_per_version(now: datetime) -> None:
    profile = make_profile()
    profiles.update(profile=profile, by=BY, now=now, version=1, name="Writer")
    assert AgentProfile.objects.get().name == "Writer"
    with pytest.raises(EditConflict):
        profiles.update(profile=profile, by=BY, now=now, version=1, name="Late")
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ({"name": "Reader"}, {"name": "Writer"})


def test_an_archived_profile_is_not_offered(now: datetime) -> None:
    profile = make_profile()
    assert list(profiles_visible_to(user=profile.owner)) == [profile]
    profiles.archive(profile=profile, by=BY, now=now)
    assert list(profiles_visible_to(user=profile.owner)) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"argv": []}, "argv"),
        ({"argv": "rm -rf /"}, "argv"),
        ({"argv": [" "]}, "argv"),
        ({"argv": ["a", "b\0"]}, "argv"),
        ({"argv": [1]}, "argv"),
        ({"environment": {"A=B": "c"}}, "environment"),
        ({"environment": {"A": 1}}, "environment"),
        ({"environment": []}, "environment"),
        ({"environment": {"MY_API_KEY": "x"}}, "environment"),
        ({"registered": 1}, "registered"),
    ],
)
def test_a_program_that_cannot_run_is_refused(values: dict[str, Any], field: str, now: datetime) -> None:
    given = {"name": "aider", "argv": ["aider"], "by": BY, "registered_by": make_user(), "now": now, **values}
    with pytest.raises(BadValues) as refused:
        commands.register(**given)
    assert field in refused.value.problems
    assert not RuntimeCommand.objects.exists()


def test_a_program_is_registered_changed_and_its_name_is_its_own(now: datetime) -> None:
    command = commands.register(name="aider", argv=["aider"], by=BY, registered_by=make_user(), now=now)
    commands.update(command=command, by=BY, now=now, is_enabled=False)
    assert not RuntimeCommand.objects.get().is_enabled
    with pytest.raises(BadValues, match="Another program has this name"):
        commands.register(name="aider", argv=["aider"], by=BY, registered_by=make_user(), now=now)
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "command.registered",
        "command.updated",
    ]


def test_a_person_sees_own_agents_and_their_conversations_only(now: datetime) -> None:
    agent = make_agent()
    conversation.append(agent, [Message(MessageKind.TEXT, "one"), Message(MessageKind.TEXT, "two")], now=now)
    owner, stranger = agent.workspace.owner, make_user(role=Role.CEO)
    assert list(agents_visible_to(user=owner)) == [agent]
    assert [message.text for message in messages_of(agent, user=owner, after=1)] == ["two"]
    assert list(agents_visible_to(user=stranger)) == []
    assert messages_of(agent, user=stranger) == []
    assert list(records_visible_to(user=stranger)) == []
    assert list(commands_visible_to(user=stranger)) == []
