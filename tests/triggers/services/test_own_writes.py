"""An agent that writes where it listens does not answer itself: the loop ends after one (threat T9)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actor import Actor
from dct_site.simulators.github import body_of
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger
from tests.factories.workspaces import make_connection
from tests.triggers.door.client import github, make_hook
from tests.triggers.views.people import visitor
from triggers.enums import Outcome, Suppression
from triggers.models import Decision, Execution, WebhookEndpoint
from triggers.services.connections import change_connection
from triggers.services.decide.pending import decide_pending
from triggers.services.intake import Incoming, accept
from triggers.services.own_writes import MOST, InvalidConfig, own_actors_of

pytestmark = pytest.mark.django_db
NO_NAMES: list[Any] = ["dct-bot", 5, None, {"a": 1}, [5], [""], [" "], [None], ["ok", []], ["x"] * (MOST + 1)]


def comment_by(login: str, connection_id: int, number: int) -> None:
    """A comment as GitHub reports it."""
    body = json.loads(body_of("issue_comment", number=7, now=datetime(2026, 11, 20, 11, number, tzinfo=UTC)))
    body["sender"]["login"] = body["comment"]["user"]["login"] = login
    body["comment"]["id"] = number
    raw = json.dumps(body).encode()
    headers = {name.lower(): value for name, value in github(raw, event="issue_comment").items()}
    accept(
        [
            Incoming(
                connection_id=connection_id,
                source="github",
                body=raw,
                headers=headers,
                received_at=after(number),
                trust_tier="verified",
                delivery_key=f"d-{number}",
            )
        ]
    )


def test_a_comment_is_answered_once_for_the_answer_is_dcts_own() -> None:
    hook = make_hook(config={"own_actors": ["Ferry-Bot"]})
    make_trigger(connection=hook.connection, owner=hook.connection.owner, limits={"stale_after_s": None})
    comment_by("mona-dev", hook.connection.pk, 1)
    answered = 0
    for number in range(2, 12):
        decide_pending(now=after(number))
        if Execution.objects.count() == answered:
            break
        # Its agent says something to it, which is reported like any other comment.
        answered = Execution.objects.count()
        comment_by("ferry-bot", hook.connection.pk, number)
    assert answered == 1
    told = Decision.objects.latest("pk")
    assert (told.outcome, told.suppressed_by) == (Outcome.SUPPRESSED, Suppression.OWN_WRITE)


@pytest.mark.parametrize("value", NO_NAMES, ids=range(len(NO_NAMES)))
def test_names_that_would_guard_nothing_are_refused_by_the_services(value: Any) -> None:
    connection = make_connection()
    with pytest.raises(InvalidConfig, match="own accounts"):
        change_connection(connection=connection, by=Actor.system(), now=NOON, config={"own_actors": value})
    with pytest.raises(InvalidConfig):
        make_hook(config={"own_actors": value})


def test_the_api_says_where_the_names_are_wrong() -> None:
    client, hook = Client(), make_hook()
    client.force_login(make_user(is_superuser=True))
    address = f"/api/v1/connections/{hook.connection.pk}/"
    answer = client.patch(address, {"config": {"own_actors": "bot"}}, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "config.own_actors")
    answer = client.patch(address, {"config": {"own_actors": ["bot"]}}, content_type="application/json")
    assert (answer.status_code, answer.json()["config"]) == (200, {"own_actors": ["bot"]})


@pytest.mark.parametrize("value", NO_NAMES[:-1], ids=range(len(NO_NAMES) - 1))
def test_what_was_stored_before_it_was_looked_at_stops_no_decision(value: Any) -> None:
    assert all(name.strip() for name in own_actors_of({"own_actors": value}))
    connection = make_jira(config={"own_actors": value})
    make_trigger(connection=connection)
    make_delivery(connection)
    assert decide_pending(now=NOON) == 1
    assert Decision.objects.get().outcome == Outcome.FIRED


def test_they_are_entered_on_the_page_and_taken_away_there() -> None:
    developer = visitor()
    page = reverse("connection-new", args=["github"])
    developer.post(page, {"name": "Harbor", "tenant": "", "allowed_actors": "", "own_actors": "ferry-bot\r\n\r\nkim"})
    connection = WebhookEndpoint.objects.get().connection
    assert connection.config == {"own_actors": ["ferry-bot", "kim"]}
    change_connection(connection=connection, by=Actor.cli(), now=NOON, config={**connection.config, "kept": 1})
    edit = reverse("connection", args=[connection.pk])
    assert b"ferry-bot\nkim" in developer.get(edit).content
    sent = {"name": "Harbor", "is_enabled": "on", "version": connection.version, "allowed_actors": "", "own_actors": ""}
    developer.post(edit, sent)
    connection.refresh_from_db()
    assert connection.config == {"kept": 1}
