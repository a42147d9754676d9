"""Secrets of programs: written, given to runs and to nobody else, masked in what is kept of them."""

import json
import logging
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import override_settings

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import AuditEntry
from accounts.services.rotation import rotate_secrets, sealed_fields
from agents.enums import AgentStatus
from agents.masking import MASK, masking
from agents.models import AgentMessage, CommandSecret, RuntimeCommand
from agents.runtimes import CannotRun
from agents.services import briefing, commands, runs
from agents.services.command_secrets import names_of, opened
from agents.services.values import BadValues
from dct_site.kernel.crypto import key_id
from tests.agents.supervising import admitted_agent, is_in, run_until, said
from tests.factories.accounts import make_user
from tests.factories.agents import make_command, make_profile, set_limits
from tests.factories.workspaces import make_workspace
from workspaces.enums import TrustTier

CANARY = "canary/7f3a+91=x"
ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED)


def registered(now: datetime, **values: Any) -> RuntimeCommand:
    developer = make_user(role=Role.DEVELOPER)
    given = {"name": "Coder", "argv": ["true"], **values}
    return commands.register(by=Actor.cli(), registered_by=developer, now=now, **given)


# Kept


@pytest.mark.django_db
def test_a_secret_is_written_replaced_and_taken_away_by_its_name(now: datetime) -> None:
    command = registered(now, secrets={"API_KEY": CANARY, "OTHER": "second"})
    assert (names_of(command), opened(command)) == (["API_KEY", "OTHER"], {"API_KEY": CANARY, "OTHER": "second"})
    commands.update(command=command, by=Actor.cli(), now=now, secrets={"API_KEY": "new", "OTHER": None})
    assert opened(RuntimeCommand.objects.get()) == {"API_KEY": "new"}
    commands.update(command=command, by=Actor.cli(), now=now, description="Says nothing of them.")
    assert opened(RuntimeCommand.objects.get()) == {"API_KEY": "new"}
    told = [(entry.action, entry.after.get("hidden_variables")) for entry in AuditEntry.objects.order_by("id")]
    assert told == [
        ("command.registered", ["API_KEY", "OTHER"]),
        ("command.updated", ["API_KEY", "OTHER"]),
        ("command.updated", None),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM agents_commandsecret")
        assert CANARY not in str(cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ({"1ST": "x"}, "letters, digits and _"),
        ({"A B": "x"}, "letters, digits and _"),
        ({"": "x"}, "letters, digits and _"),
        ({"A" * 101: "x"}, "letters, digits and _"),
        ({"PATH": "x"}, "PATH is not free"),
        ({"dct_workspace": "x"}, "dct_workspace is not free"),
        ({"LD_PRELOAD": "x"}, "LD_PRELOAD is not free"),
        ({"MODE": "x"}, "MODE is a variable already"),
        ({"API_KEY": ""}, "1 to 20,000"),
        ({"API_KEY": "a\0b"}, "1 to 20,000"),
        ({"API_KEY": "x" * 20_001}, "1 to 20,000"),
        ({"API_KEY": 7}, "1 to 20,000"),
        ({f"S{number}": "x" for number in range(21)}, "At most 20"),
        (["API_KEY"], "object of names"),
    ],
)
def test_what_is_no_secret_is_refused_before_anything_is_written(now: datetime, secrets: Any, words: str) -> None:
    with pytest.raises(BadValues) as caught:
        registered(now, environment={"MODE": "fast"}, secrets=secrets)
    assert words in caught.value.problems["secrets"]
    assert CANARY not in str(caught.value)
    assert not RuntimeCommand.objects.exists()


@pytest.mark.django_db
def test_a_key_that_is_gone_is_told_in_words(now: datetime) -> None:
    with override_settings(DCT_ENCRYPTION_KEYS=Fernet.generate_key().decode()):
        command = registered(now, secrets={"API_KEY": CANARY})
    with pytest.raises(CannotRun, match="The secret API_KEY of “Coder” cannot be read"):
        opened(RuntimeCommand.objects.get(pk=command.pk))


@pytest.mark.django_db
def test_the_keys_of_every_column_that_is_encrypted_are_replaced(now: datetime) -> None:
    assert [(model.__name__, field) for model, field in sealed_fields()] == [
        ("Secret", "value"),
        ("CommandSecret", "value"),
        ("ModelProvider", "key"),
        ("Erasure", "person"),
    ]
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    with override_settings(DCT_ENCRYPTION_KEYS=old):
        command = registered(now, secrets={"API_KEY": CANARY})
    with override_settings(DCT_ENCRYPTION_KEYS=new):
        assert rotate_secrets(by=Actor.cli(), now=now).lost == ["Coder"]
    with override_settings(DCT_ENCRYPTION_KEYS=f"{new},{old}"):
        assert rotate_secrets(by=Actor.cli(), now=now).count == 1
    with override_settings(DCT_ENCRYPTION_KEYS=new):
        assert opened(RuntimeCommand.objects.get(pk=command.pk)) == {"API_KEY": CANARY}
        assert CommandSecret.objects.get().__dict__["value"].token.split(".")[1] == key_id(new)


# Given


TELLS = """
import base64, json, os, sys, urllib.parse
key = os.environ.get("API_KEY", "none")
print(key)
print(json.dumps({"type": "text", "text": "the key is " + key}))
print(json.dumps({"type": "tool_call", "name": "env", "input": {"API_KEY": key}}))
print(base64.b64encode(key.encode()).decode(), key.encode().hex(), urllib.parse.quote(key, safe=""), file=sys.stderr)
print(json.dumps({"type": "text", "text": str(len(key)) + " in argv" * (key in "".join(sys.argv))}))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("handler")
def test_a_run_finds_its_secret_and_nothing_that_is_kept_has_it(
    now: datetime, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    set_limits()
    caplog.set_level(logging.DEBUG)
    command = make_command(str(Path(sys.executable).resolve()), "-S", "-I", "-c", TELLS)
    commands.update(command=command, by=Actor.cli(), now=now, secrets={"API_KEY": CANARY})
    agent = admitted_agent(make_profile(command=command), workspace=make_workspace(trust_tier=TrustTier.VERIFIED))
    run_until(is_in(agent, *ENDED))
    assert str(len(CANARY)) in said(agent)
    kept = json.dumps([[row.text, row.data] for row in AgentMessage.objects.all()], ensure_ascii=False)
    logged = caplog.text + "".join(capfd.readouterr())
    for form in (CANARY, CANARY.encode().hex(), "Y2FuYXJ5LzdmM2ErOTE9e", "canary%2F7f3a"):
        assert form not in kept + logged
    assert kept.count(MASK) == 6


@pytest.mark.django_db
@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize(
    ("tier", "given"), [(TrustTier.VERIFIED, {"API_KEY": CANARY}), (TrustTier.OPEN, {})], ids=["verified", "open"]
)
def test_a_run_for_an_event_of_the_open_door_gets_none(now: datetime, tier: TrustTier, given: dict[str, str]) -> None:
    """Untrusted text and a secret never come together (T1)."""
    set_limits()
    command = registered(now, secrets={"API_KEY": CANARY})
    agent = admitted_agent(make_profile(command=command), workspace=make_workspace(trust_tier=tier))
    claim = runs.claim(agent.pk, owner="test", now=now, lease=timedelta(seconds=30))
    assert claim is not None
    brief = briefing.brief(claim.run_id, now=now)
    assert brief.assignment.secrets == given
    assert CANARY not in repr(brief) + repr(brief.runtime.prepare(brief.assignment))


# Masked


@pytest.mark.parametrize(
    "form",
    [
        'pass"word\n2nd line',
        'pass\\"word\\n2nd line',
        "2nd line",
        "pass%22word%0A2nd%20line",
        b'pass"word\n2nd line'.hex(),
        "cGFzcyJ3b3JkCjJuZCBsaW5l",
    ],
)
def test_a_secret_is_masked_in_each_form(form: str) -> None:
    assert masking(['pass"word\n2nd line'])(f"a {form} b") == f"a {MASK} b"


def test_the_longer_of_two_is_masked_first_and_a_word_is_no_secret() -> None:
    mask = masking(["secret-long", "secret-long-er", "on"])
    assert mask("secret-long-er and secret-long, on and on") == f"{MASK} and {MASK}, on and on"
    assert masking([])("as it is") == "as it is"
