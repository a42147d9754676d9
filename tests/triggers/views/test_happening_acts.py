"""What people do on the pages of what happens: permission, then the service, then a word about it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from accounts.enums import Role, Toggle
from accounts.models import AuditEntry, FeatureToggle
from agents.enums import AgentStatus, IntentKind, WaitsFor
from agents.models import Agent, AgentIntent, Limits
from deliverables.enums import DeliverableStatus
from deliverables.models import Deliverable
from tests.factories.accounts import make_user
from tests.triggers.views.happening import World, client_of, make_world
from triggers.enums import Attention, ExecutionStatus
from triggers.models import Delivery, Execution
from workspaces.enums import WorkspaceStatus
from workspaces.models import Workspace, WorkspaceTemplate

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


def post(world: World, address: str, **data: Any) -> HttpResponse:
    return client_of(world.ann).post(address, data, **HTMX)  # type: ignore[arg-type, return-value]


def told(response: HttpResponse) -> str:
    """The toast that came with an answer."""
    return str(json.loads(response["HX-Trigger"])["toast"]["text"])


def needing(attention: Attention, **over: Any) -> World:
    """An execution that waits for a person, its agent too."""
    world = make_world(**over)
    Execution.objects.filter(pk=world.execution.pk).update(
        status=ExecutionStatus.NEEDS_ATTENTION, attention=attention, reason="It needs a word."
    )
    waits = WaitsFor.QUESTION if attention == Attention.QUESTION else WaitsFor.UNSATISFIED
    Agent.objects.filter(pk=world.agent.pk).update(status=AgentStatus.WAITING, waits_for=waits)
    return world


def test_cancelling_ends_the_execution_and_says_so() -> None:
    world = make_world()
    response = post(world, f"/executions/{world.execution.pk}/cancel/", reason="not needed")
    assert response.status_code == 204
    assert "is cancelled" in told(response)
    row = Execution.objects.get(pk=world.execution.pk)
    assert (row.status, row.reason) == (ExecutionStatus.CANCELLED, "not needed")
    assert AuditEntry.objects.filter(action="execution.cancelled", actor=world.ann, via="page").exists()


def test_cancelling_twice_is_refused_with_a_sentence() -> None:
    world = make_world()
    post(world, f"/executions/{world.execution.pk}/cancel/")
    response = post(world, f"/executions/{world.execution.pk}/cancel/")
    assert response.status_code == 409
    assert response["Content-Type"] == "application/problem+json"
    assert "is over" in json.loads(response.content)["detail"]


def test_what_goes_on_is_not_asked_again() -> None:
    world = make_world()
    assert post(world, f"/executions/{world.execution.pk}/retry/").status_code == 409


def test_what_ended_is_asked_again_and_stays_as_it_was() -> None:
    world = make_world()
    post(world, f"/executions/{world.execution.pk}/cancel/")
    before = Delivery.objects.count()
    assert "is asked again" in told(post(world, f"/executions/{world.execution.pk}/retry/"))
    assert Delivery.objects.count() == before + 1
    assert Execution.objects.get(pk=world.execution.pk).status == ExecutionStatus.CANCELLED


def test_an_event_is_replayed() -> None:
    world = make_world()
    before = Delivery.objects.count()
    assert "is asked again" in told(post(world, f"/events/{world.event.pk}/replay/"))
    assert Delivery.objects.count() == before + 1


def test_a_deadline_moves_by_an_hour() -> None:
    world = make_world()
    until = timezone.now() + timedelta(hours=3)
    Execution.objects.filter(pk=world.execution.pk).update(deadline_at=until)
    post(world, f"/executions/{world.execution.pk}/extend/")
    assert Execution.objects.get(pk=world.execution.pk).deadline_at == until + timedelta(hours=1)


def test_a_feature_that_is_off_is_refused_to_everyone() -> None:
    world = make_world()
    FeatureToggle.objects.create(key=Toggle.TRIGGER_MANAGEMENT, is_on=False)
    root = make_user(is_superuser=True)
    response = client_of(root).post(f"/executions/{world.execution.pk}/cancel/", **HTMX)  # type: ignore[arg-type]
    assert response.status_code == 403
    assert "switched off" in json.loads(response.content)["detail"]
    page = client_of(root).get(f"/executions/{world.execution.pk}/").content.decode()
    assert f"/executions/{world.execution.pk}/cancel/" not in page


def test_a_draft_is_approved_on_its_review_page() -> None:
    world = make_world(workspace={"deploy": "draft"})
    page = client_of(world.ann).get(f"/workspaces/{world.workspace.pk}/review/").content.decode()
    address = f"/executions/{world.execution.pk}/approve/"
    assert address in page
    response = client_of(world.ann).post(address, {"note": ""})
    assert response["Location"] == f"/executions/{world.execution.pk}/"
    assert Execution.objects.get(pk=world.execution.pk).status == ExecutionStatus.RUNNING
    page = client_of(world.ann).get(f"/workspaces/{world.workspace.pk}/review/").content.decode()
    assert address not in page


def test_a_draft_is_rejected_with_its_note() -> None:
    world = make_world(workspace={"deploy": "draft"})
    client_of(world.ann).post(f"/executions/{world.execution.pk}/reject/", {"note": "wrong template"})
    row = Execution.objects.get(pk=world.execution.pk)
    assert (row.status, row.reason) == (ExecutionStatus.CANCELLED, "wrong template")
    assert Workspace.objects.get(pk=world.workspace.pk).status == WorkspaceStatus.ARCHIVED


def test_a_question_is_answered_from_the_list_of_what_needs_one() -> None:
    world = needing(Attention.QUESTION)
    page = client_of(world.ann).get("/needs-you/").content.decode()
    assert f"/executions/{world.execution.pk}/answer/" in page
    response = post(world, f"/executions/{world.execution.pk}/answer/", text="Use the first one.")
    assert response["HX-Refresh"] == "true"
    wish = AgentIntent.objects.get(agent=world.agent, kind=IntentKind.UPDATE)
    assert wish.payload == {"text": "Use the first one."}
    assert "An answer is on its way." in client_of(world.ann).get("/needs-you/").content.decode()


def test_the_composer_answers_an_agent_that_waits_and_instructs_one_that_works() -> None:
    waiting, working = needing(Attention.UNSATISFIED), make_world()
    for world, action in ((waiting, "execution.answered"), (working, "agent.told")):
        assert post(world, f"/agents/{world.agent.pk}/say/", text="Go on").status_code == 204
        assert AuditEntry.objects.filter(action=action, actor=world.ann).exists()


def test_an_empty_instruction_is_refused() -> None:
    world = make_world()
    response = post(world, f"/agents/{world.agent.pk}/say/", text="  ")
    assert response.status_code == 400
    assert "Write a message" in json.loads(response.content)["detail"]


def test_an_agent_is_asked_to_stop_once() -> None:
    world = make_world()
    assert "is being stopped" in told(post(world, f"/agents/{world.agent.pk}/stop/"))
    assert "already" in told(post(world, f"/agents/{world.agent.pk}/stop/"))
    assert AgentIntent.objects.filter(agent=world.agent, kind=IntentKind.STOP).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_deliverable_is_waived_with_a_reason_only() -> None:
    world = make_world()
    address = f"/deliverables/{world.deliverable.pk}/waive/"
    assert post(world, address, reason=" ").status_code == 400
    assert post(world, address, reason="the customer wrote it").status_code == 204
    row = Deliverable.objects.get(pk=world.deliverable.pk)
    assert (row.status, row.waive_reason) == (DeliverableStatus.WAIVED, "the customer wrote it")
    page = client_of(world.ann).get(f"/executions/{world.execution.pk}/").content.decode()
    assert "the customer wrote it" in page
    assert address not in page


def test_a_workspace_is_renamed_saved_as_a_template_and_put_away() -> None:
    world = make_world()
    base = f"/workspaces/{world.workspace.pk}"
    assert post(world, f"{base}/rename/", title="A better title").status_code == 204
    assert Workspace.objects.get(pk=world.workspace.pk).title == "A better title"
    assert post(world, f"{base}/rename/", title="").status_code == 400
    assert "Saved as the template Kept" in told(post(world, f"{base}/save-as-template/", name="Kept"))
    assert WorkspaceTemplate.objects.get(name="Kept").owner == world.ann
    assert post(world, f"{base}/archive/").status_code == 409
    Workspace.objects.filter(pk=world.workspace.pk).update(status=WorkspaceStatus.COMPLETED)
    assert post(world, f"{base}/archive/").status_code == 204


LIMITS = {
    "max_agents": 3,
    "max_workspaces": 9,
    "reserved_percent": 10,
    "reserved_from_priority": 9,
    "backlog_after_s": 600,
    "backlog_percent": 75,
    "ageing_s": 60,
}


def test_developers_change_the_limits() -> None:
    client = client_of(make_user(role=Role.DEVELOPER))
    version = Limits.objects.get(pk=1).version
    assert client.post("/limits/", {**LIMITS, "version": version, "is_paused": "on"}).status_code == 302
    row = Limits.objects.get(pk=1)
    assert (row.max_agents, row.max_workspaces, row.is_paused) == (3, 9, True)
    assert (row.backlog_after_s, row.backlog_percent, row.ageing_s) == (600, 75, 60)


def test_limits_that_contradict_each_other_are_refused_in_words() -> None:
    client = client_of(make_user(role=Role.DEVELOPER))
    version = Limits.objects.get(pk=1).version
    response = client.post("/limits/", {**LIMITS, "reserved_from_priority": 1, "version": version})
    assert response.status_code == 422
    assert "so nothing is kept" in response.content.decode()


def test_limits_out_of_bounds_keep_what_was_typed() -> None:
    client = client_of(make_user(role=Role.DEVELOPER))
    response = client.post("/limits/", {**LIMITS, "reserved_percent": 101, "version": 1})
    assert response.status_code == 422
    assert 'value="101"' in response.content.decode()
    assert Limits.objects.get(pk=1).reserved_percent != 101


def test_limits_that_somebody_else_changed_are_not_overwritten() -> None:
    client = client_of(make_user(role=Role.DEVELOPER))
    response = client.post("/limits/", {**LIMITS, "version": Limits.objects.get(pk=1).version + 1})
    assert response.status_code == 422
    assert "Somebody else changed this" in response.content.decode()


def test_support_may_not_change_the_limits() -> None:
    assert client_of(make_user(role=Role.SUPPORT)).post("/limits/", {**LIMITS, "version": 1}).status_code == 403
