"""Limits, profiles, programs and agents in the admin: changed through their services."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import AuditEntry
from agents.models import Agent, AgentIntent, AgentProfile, Limits, RecordRule, RuntimeCommand
from agents.services.record_rules import change_rule
from tests.agents.records.rows import put_away
from tests.factories.accounts import make_user
from tests.factories.agents import NOON, make_agent, make_command, make_profile, set_limits

pytestmark = pytest.mark.django_db
PROFILE = {
    "name": "Reader",
    "runtime": "digest",
    "permissions": "{}",
    "time_limit_s": 900,
    "output_limit_bytes": 10_000,
    "max_attempts": 3,
    "max_rounds": 3,
}


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role=role, is_staff=True))
    return client


def act(client: Client, model: str, action: str, *rows: Any) -> str:
    client.get("/admin/")
    response = client.post(f"/admin/agents/{model}/", {"action": action, "_selected_action": [row.pk for row in rows]})
    return " ".join(str(one) for one in get_messages(response.wsgi_request))


def limits_form(**over: Any) -> dict[str, Any]:
    kept = {"reserved_percent": 0, "reserved_from_priority": 8, "backlog_after_s": 300, "backlog_percent": 50}
    kept["ageing_s"] = 300
    return {"max_agents": 4, "max_workspaces": 20, **kept, **over}


def test_limits_are_changed_by_developers_only() -> None:
    set_limits()
    address = "/admin/agents/limits/1/change/"
    assert signed_in(Role.SUPPORT).post(address, limits_form(max_agents=9)).status_code == 403
    assert signed_in(Role.DEVELOPER).post(address, limits_form(max_agents=9)).status_code == 302
    assert Limits.objects.get().max_agents == 9
    assert AuditEntry.objects.filter(action="limits.updated", after={"max_agents": 9}).exists()


def test_a_limit_out_of_bounds_is_refused_at_its_field() -> None:
    set_limits()
    response = signed_in(Role.DEVELOPER).post("/admin/agents/limits/1/change/", limits_form(reserved_percent=101))
    assert response.context["adminform"].form.errors["reserved_percent"]
    assert Limits.objects.get().reserved_percent == 0


def test_every_start_is_paused_and_resumed() -> None:
    client, limits = signed_in(Role.DEVELOPER), set_limits()
    assert act(client, "limits", "pause_every_start", limits) == "1 paused."
    assert Limits.objects.get().is_paused
    assert act(client, "limits", "resume_starts", limits) == "1 resumed."


def test_a_profile_is_made_changed_and_archived() -> None:
    client = signed_in(Role.CEO)
    client.post("/admin/agents/agentprofile/add/", PROFILE)
    profile = AgentProfile.objects.get()
    client.post(f"/admin/agents/agentprofile/{profile.pk}/change/", {**PROFILE, "name": "Writer"})
    assert act(client, "agentprofile", "archive", profile) == "1 archived."
    profile.refresh_from_db()
    assert (profile.name, profile.is_archived) == ("Writer", True)


def test_a_profile_without_its_program_is_refused_in_the_words_of_the_service() -> None:
    body = signed_in(Role.DEVELOPER).post("/admin/agents/agentprofile/add/", {**PROFILE, "runtime": "command"})
    assert "Choose a program." in body.content.decode()
    assert not AgentProfile.objects.exists()


def test_a_profile_of_somebody_else_is_out_of_reach() -> None:
    address = f"/admin/agents/agentprofile/{make_profile().pk}/change/"
    assert signed_in(Role.CEO).post(address, {**PROFILE, "name": "Mine now"}).status_code == 404
    assert AgentProfile.objects.get().name == "Reader"


def test_programs_are_registered_by_developers_only() -> None:
    form = {"name": "Tool", "argv": '["true"]', "transcript": "lines", "environment": "{}", "is_enabled": "on"}
    assert signed_in(Role.SUPPORT).post("/admin/agents/runtimecommand/add/", form).status_code == 403
    assert signed_in(Role.DEVELOPER).post("/admin/agents/runtimecommand/add/", form).status_code == 302
    assert RuntimeCommand.objects.get().argv == ["true"]


def test_a_registration_may_begin_from_a_program_that_is_ready() -> None:
    client = signed_in(Role.DEVELOPER)
    assert "?ready=0" in client.get("/admin/agents/runtimecommand/").content.decode()
    page = client.get("/admin/agents/runtimecommand/add/?ready=0").content.decode()
    assert "stream-json" in page
    assert '<option value="claude_code" selected>' in page
    for wrong in ("99", "x", ""):
        assert client.get(f"/admin/agents/runtimecommand/add/?ready={wrong}").status_code == 200
    assert "?ready=" not in signed_in(Role.SUPPORT).get("/admin/agents/runtimecommand/").content.decode()


def test_a_programs_secret_is_written_in_the_admin_and_never_drawn_again() -> None:
    client, address = signed_in(Role.DEVELOPER), "/admin/agents/runtimecommand/"
    form = {"name": "Tool", "argv": '["true"]', "transcript": "lines", "environment": "{}", "is_enabled": "on"}
    nameless = client.post(f"{address}add/", {**form, "secret": "canary-7f3a"})
    assert "Name the variable in which runs find it." in nameless.content.decode()
    assert "canary" not in nameless.content.decode()
    client.post(f"{address}add/", {**form, "secret_name": "API_KEY", "secret": "canary-7f3a"})
    command = RuntimeCommand.objects.get()
    assert [secret.value for secret in command.secrets.all()] == ["canary-7f3a"]
    page = client.get(f"{address}{command.pk}/change/").content.decode()
    assert "API_KEY" in page
    assert "canary" not in page
    seen = {**form, "seen_version": command.version}
    assert client.post(f"{address}{command.pk}/change/", {**seen, "description": "More."}).status_code == 302
    assert command.secrets.count() == 1
    command.refresh_from_db()
    client.post(f"{address}{command.pk}/change/", {**seen, "seen_version": command.version, "secret_name": "API_KEY"})
    assert not command.secrets.exists()


def test_a_secret_in_a_programs_variables_is_refused() -> None:
    form = {"name": "Tool", "argv": '["true"]', "transcript": "lines", "environment": '{"API_KEY": "x"}'}
    response = signed_in(Role.DEVELOPER).post("/admin/agents/runtimecommand/add/", form)
    assert "looks like a secret" in response.content.decode()


def test_a_program_is_disabled() -> None:
    command = make_command("true")
    assert act(signed_in(Role.DEVELOPER), "runtimecommand", "disable", command) == "1 disabled."


def test_an_agent_is_asked_to_stop_once() -> None:
    client, agent = signed_in(Role.SUPPORT), make_agent()
    assert act(client, "agent", "stop", agent) == "1 asked to stop."
    assert act(client, "agent", "stop", agent) == "1 ended or asked to stop already."
    assert AgentIntent.objects.get().reason.startswith("Stopped by ")


def test_a_replaced_agent_is_pinned_unpinned_and_restored() -> None:
    set_limits()
    record, developer = put_away("one"), signed_in(Role.DEVELOPER)
    assert act(developer, "obsoleteagentrecord", "pin", record) == "1 pinned."
    assert act(developer, "obsoleteagentrecord", "pin", record) == "1 pinned already or no longer kept."
    assert act(developer, "obsoleteagentrecord", "unpin", record) == "1 unpinned."
    assert act(developer, "obsoleteagentrecord", "restore", record) == "1 restored."
    restored = Agent.objects.get(restored_from=record)
    refused = f"1 not: Agent {restored.pk} is at work in its workspace; stop that first."
    assert act(developer, "obsoleteagentrecord", "restore", record) == refused


def test_how_long_records_are_kept_is_changed_by_developers_only() -> None:
    row = change_rule(scope=None, by=Actor.system(), now=NOON, max_days=30)
    address = f"/admin/agents/recordrule/{row.pk}/change/"
    assert signed_in(Role.SUPPORT).post(address, {"max_days": 9}).status_code == 403
    assert signed_in(Role.DEVELOPER).post(address, {"max_days": 9}).status_code == 302
    assert RecordRule.objects.get().max_days == 9
    wrong = signed_in(Role.DEVELOPER).post(address, {"max_days": 0})
    assert wrong.context["adminform"].form.errors["max_days"]
