"""Budgets at each door: the editor, the API and the admin refuse the same in the same words, and show the same."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.enums import Role
from agents.models import Reservation, Spending
from agents.services import admission
from dct_site.kernel.clock import utcnow
from tests.factories.accounts import make_user
from tests.factories.agents import make_start, set_limits
from tests.factories.executions import make_execution
from tests.factories.triggers import make_trigger
from triggers.documents import shape_problems
from triggers.models import Trigger

pytestmark = pytest.mark.django_db
WRONG: list[dict[str, Any]] = [
    {"budget_money": "much"},
    {"budget_money": 0.001},
    {"budget_money": 1.1234567},
    {"budget_tokens": 0},
    {"budget_runs": "2.5"},
    {"budget_tokens": 10, "max_tokens_per_run": 11},
    {"budget_money": 1.5, "max_money_per_run": 1.51},
    {"budget_window": "year"},
]


@pytest.fixture
def world(client: Client) -> tuple[Client, Trigger]:
    owner = make_user(role=Role.DEVELOPER, is_staff=True)
    client.force_login(owner)
    return client, make_trigger(owner=owner)


@pytest.mark.parametrize("limits", WRONG, ids=[str(one) for one in WRONG])
def test_every_door_refuses_a_wrong_budget_in_the_same_words(
    world: tuple[Client, Trigger], limits: dict[str, Any]
) -> None:
    client, trigger = world
    draft = {**trigger.draft, "limits": limits}
    (problem,) = shape_problems(draft)
    assert problem.path.startswith("limits.")
    sent = client.patch(
        f"/api/v1/triggers/{trigger.pk}/", data=json.dumps({"limits": limits}), content_type="application/json"
    )
    assert (sent.status_code, [error["message"] for error in sent.json()["errors"]]) == (400, [problem.message])
    address = reverse("admin:triggers_trigger_change", args=[trigger.pk])
    told = client.post(address, {"draft": json.dumps(draft), "seen_version": trigger.version})
    assert problem.message in str(told.context["adminform"].form.errors["draft"])
    typed = {f"limits-{name}": str(value) for name, value in limits.items()}
    answer = client.post(reverse("trigger-draft", args=[trigger.pk]), {**posted(trigger), **typed})
    assert problem.message in [one["message"] for one in answer.context["draft"]["problems"]]


def posted(trigger: Trigger) -> dict[str, Any]:
    (part,) = trigger.draft["listeners"]
    return {
        "version": trigger.version,
        "conditions": json.dumps(trigger.draft["conditions"]),
        "general-name": trigger.draft["name"],
        "general-priority": 5,
        "general-listeners": [f"connection:{part['connection_id']}"],
        "workspace-deploy": "auto",
        "agent-profile_id": trigger.draft["agent"]["profile_id"],
        "deliverables-TOTAL_FORMS": 0,
    }


def test_the_editor_keeps_amounts_as_they_are(world: tuple[Client, Trigger]) -> None:
    client, trigger = world
    typed = {
        "limits-budget_window": "month",
        "limits-budget_runs": "40",
        "limits-budget_tokens": "1000000",
        "limits-budget_money": " 25.50 ",
        "limits-max_tokens_per_run": "",
        "limits-max_money_per_run": "2.00",
    }
    client.post(reverse("trigger-draft", args=[trigger.pk]), {**posted(trigger), **typed})
    trigger.refresh_from_db()
    assert trigger.draft["limits"] == {
        "budget_window": "month",
        "budget_runs": 40,
        "budget_tokens": 1_000_000,
        "budget_money": 25.5,
        "max_money_per_run": 2,
    }
    page = client.get(reverse("trigger", args=[trigger.pk])).content.decode()
    assert 'name="limits-budget_money" value="25.5"' in page


def test_the_page_and_the_api_show_how_the_budget_stands(world: tuple[Client, Trigger]) -> None:
    client, trigger = world
    page, api = reverse("trigger", args=[trigger.pk]), f"/api/v1/triggers/{trigger.pk}/budget/"
    assert "Budget today" not in client.get(page).content.decode()
    assert set(client.get(api).json().values()) == {None}
    trigger = make_trigger(owner=trigger.owner, limits={"budget_runs": 5, "budget_money": 20, "max_money_per_run": 2.5})
    page, api = reverse("trigger", args=[trigger.pk]), f"/api/v1/triggers/{trigger.pk}/budget/"
    key, today = f"trigger:{trigger.pk}", utcnow().date()
    Spending.objects.create(key=key, day=today, runs=4, money=3_250_000)
    start = make_start(1, concurrency_key=key)
    Reservation.objects.create(start=start, key=key, day=today, runs=1, money=2_500_000, taken_at=utcnow())
    shown = client.get(page).content.decode()
    assert "Budget today" in shown
    assert "4 of 5 used, 1 held by runs at work" in shown
    assert "3.25 of 20.00 used, 2.50 held by runs at work; a run may use 2.50" in shown
    told = client.get(api).json()
    assert (told["window"], told["tokens"]["most"]) == ("day", None)
    assert told["runs"] == {"most": 5, "per_run": None, "used": 4, "held": 1, "left": 0}
    assert told["money"] == {"most": 20, "per_run": 2.5, "used": 3.25, "held": 2.5, "left": 14.25}


def test_the_budget_of_a_trigger_that_one_may_not_see_is_not_shown(client: Client) -> None:
    trigger = make_trigger(owner=make_user(role=Role.CEO), limits={"budget_runs": 5})
    client.force_login(make_user(role=Role.CEO))
    assert client.get(f"/api/v1/triggers/{trigger.pk}/budget/").status_code == 404


def test_a_run_that_waits_for_its_budget_says_so_in_the_queue_and_on_its_page(world: tuple[Client, Trigger]) -> None:
    client, other = world
    set_limits()
    trigger = make_trigger(owner=other.owner, limits={"budget_runs": 1})
    now = utcnow()
    Spending.objects.create(key=f"trigger:{trigger.pk}", day=now.date(), runs=1)
    execution = make_execution(trigger=trigger, now=now)
    admission.admit(now=now)
    (waiting,) = client.get("/api/v1/status/").json()["queue"]
    told = "its trigger&#x27;s budget of 1 run for today has none left"
    assert waiting["reason"].startswith(told.replace("&#x27;", "'"))
    assert told in client.get(reverse("execution", args=[execution.pk])).content.decode()
