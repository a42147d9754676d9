"""Model providers: registered by Developers, keys written and told to nobody, named by profiles."""

import json
from datetime import datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client, override_settings

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import AuditEntry
from agents.enums import RuntimeKind
from agents.models import AgentProfile, ModelProvider
from agents.runtimes import Assignment, CannotRun, runtimes
from agents.services import model_providers, profiles
from agents.services.values import BadValues
from dct_site.kernel.edits import EditConflict
from tests.agents.llm.asking import CANARY
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile, make_provider

pytestmark = pytest.mark.django_db
JSON = "application/json"
API = "/api/v1/model-providers/"
ADMIN = "/admin/agents/modelprovider/"


def registered(now: datetime, **values: Any) -> ModelProvider:
    given = {"name": "anthropic", "key": CANARY, **values}
    return model_providers.register(by=Actor.cli(), registered_by=make_user(role=Role.DEVELOPER), now=now, **given)


def signed_in(role: Role, **over: Any) -> Client:
    client = Client()
    client.force_login(make_user(role=role, **over))
    return client


# Kept


def test_a_key_is_written_replaced_taken_away_and_never_in_the_clear(now: datetime) -> None:
    provider = registered(now, base_url="https://models.example/v1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM agents_modelprovider")
        assert CANARY not in str(cursor.fetchall())
    assert model_providers.access_of("anthropic:some:model").key == CANARY
    model_providers.update(provider=provider, by=Actor.cli(), now=now, key="another")
    assert model_providers.access_of("anthropic:x").key == "another"
    model_providers.update(provider=provider, by=Actor.cli(), now=now, description="Says nothing of it.")
    assert model_providers.access_of("anthropic:x").key == "another"
    model_providers.update(provider=provider, by=Actor.cli(), now=now, key="")
    assert not model_providers.has_key(ModelProvider.objects.get())
    told = [(entry.action, entry.after.get("hidden_value_written")) for entry in AuditEntry.objects.order_by("id")]
    assert told == [
        ("model_provider.registered", True),
        ("model_provider.updated", True),
        ("model_provider.updated", None),
        ("model_provider.updated", False),
    ]
    assert CANARY not in json.dumps([[entry.before, entry.after] for entry in AuditEntry.objects.all()])


def test_what_a_run_is_given_is_out_of_sight(now: datetime) -> None:
    registered(now)
    access = model_providers.access_of("anthropic:claude:x")
    assert (access.provider, access.api, access.base_url, access.model) == ("anthropic", "anthropic", "", "claude:x")
    assert CANARY not in repr(access)


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": "Anthropic"}, "name", "small letters"),
        ({"name": "a:b"}, "name", "small letters"),
        ({"name": ""}, "name", "small letters"),
        ({"api": "gopher"}, "api", "There is no such API"),
        ({"key": ""}, "key", "asks for a key"),
        ({"key": "a\nb"}, "key", "one line"),
        ({"key": "schlüssel"}, "key", "one line"),
        ({"key": "x" * 1_001}, "key", "one line"),
        ({"base_url": "ftp://models.example"}, "base_url", "https://host/path"),
        ({"base_url": "https://"}, "base_url", "https://host/path"),
        ({"base_url": "https://a b"}, "base_url", "https://host/path"),
        ({"base_url": "https://[x"}, "base_url", "https://host/path"),
        ({"base_url": "https://a:99999"}, "base_url", "https://host/path"),
        ({"base_url": "https://a\\b"}, "base_url", "https://host/path"),
        ({"base_url": "https://me:secret@models.example"}, "base_url", "neither a user name"),
        ({"base_url": "https://models.example?key=1"}, "base_url", "neither a user name"),
        ({"base_url": "http://models.example"}, "base_url", "not sent in the clear"),
        ({"base_url": "http://10.0.0.1:11434/v1"}, "base_url", "not sent in the clear"),
        ({"description": "x" * 10_001}, "description", "At most"),
        ({"headers": {}}, "headers", "There is no such field."),
    ],
)
def test_what_is_no_provider_is_refused_at_its_field(
    now: datetime, values: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(BadValues) as caught:
        registered(now, **values)
    assert words in caught.value.problems[field]
    assert not ModelProvider.objects.exists()


@pytest.mark.parametrize("url", ["http://localhost:11434/v1", "http://127.0.0.1:8000", "http://[::1]:1"])
def test_a_key_goes_in_the_clear_to_this_machine_only(now: datetime, url: str) -> None:
    assert registered(now, base_url=url).base_url == url


def test_a_server_without_a_key_may_be_anywhere(now: datetime) -> None:
    registered(now, name="ollama", api="openai_chat", base_url="http://10.0.0.1:11434/v1", key="")
    assert model_providers.access_of("ollama:qwen3:8b").model == "qwen3:8b"
    with pytest.raises(BadValues, match="Another provider has this name"):
        registered(now, name="ollama")


def test_a_key_does_not_go_to_another_address_by_itself(now: datetime) -> None:
    provider = registered(now)
    changes: list[dict[str, Any]] = [{"base_url": "https://elsewhere.example"}, {"api": "openai"}]
    for change in changes:
        with pytest.raises(BadValues) as caught:
            model_providers.update(provider=ModelProvider.objects.get(), by=Actor.cli(), now=now, **change)
        assert "needs the key again" in caught.value.problems["key"]
    model_providers.update(provider=provider, by=Actor.cli(), now=now, base_url="https://elsewhere.example", key="new")
    assert model_providers.access_of("anthropic:x").base_url == "https://elsewhere.example"
    with pytest.raises(EditConflict):
        model_providers.update(provider=provider, by=Actor.cli(), now=now, version=1, description="late")


# Named


def test_a_profile_names_a_provider_that_is_there_and_a_model(now: datetime) -> None:
    owner = make_user()

    def make(model: str, **over: Any) -> AgentProfile:
        values = {"name": "Writer", "runtime": RuntimeKind.LLM, "model": model, **over}
        return profiles.create(owner=owner, by=Actor.cli(), now=now, **values)

    for model in ("", "anthropic", "gpt-5", ":x", "anthropic:x"):
        with pytest.raises(BadValues) as caught:
            make(model)
        assert "a Developer can register one" in caught.value.problems["model"]
    registered(now)
    registered(now, name="off", is_enabled=False)
    for model, words in (
        ("mistral:x", "there are anthropic."),
        ("anthropic:", "Name the model after the colon"),
        ("anthropic: x", "Name the model after the colon"),
        ("off:x", "The provider “off” is switched off."),
    ):
        with pytest.raises(BadValues) as caught:
            make(model)
        assert words in caught.value.problems["model"]
    with pytest.raises(BadValues) as caught:
        make("anthropic:x", permissions={"tools": ["run_command"]})
    assert "a list of some of" in caught.value.problems["permissions"]
    with pytest.raises(BadValues) as caught:
        make("anthropic:x", permissions=[])
    assert caught.value.problems["permissions"] == "Permissions must be an object."
    assert make("anthropic:x", permissions={"max_requests": 5}).pk


def test_a_provider_or_a_key_that_is_gone_is_told_in_words(now: datetime) -> None:
    with pytest.raises(CannotRun, match="The profile's model “gone:x” cannot be asked"):
        model_providers.access_of("gone:x")
    with override_settings(DCT_ENCRYPTION_KEYS=Fernet.generate_key().decode()):
        registered(now)
    with pytest.raises(CannotRun, match="The key of “anthropic” cannot be read"):
        model_providers.access_of("anthropic:x")


def test_a_run_without_a_model_is_refused(tmp_path: Any) -> None:
    with pytest.raises(CannotRun, match="names no model"):
        runtimes.get("llm").prepare(Assignment(1, 1, tmp_path))


# At every door


def test_developers_register_and_change_providers_over_the_api(now: datetime) -> None:
    client = signed_in(Role.DEVELOPER)
    body = {"name": "ollama", "api": "openai_chat", "base_url": "https://models.example/v1", "key": CANARY}
    made = client.post(API, data=body, content_type=JSON)
    assert made.status_code == 201, made.content
    assert made.json()["has_key"] is True
    path = f"{API}{made.json()['id']}/"
    assert client.patch(path, data={"is_enabled": False}, content_type=JSON).json()["is_enabled"] is False
    refused = client.patch(path, data={"name": "other"}, content_type=JSON)
    assert refused.status_code == 400
    moved = client.patch(path, data={"base_url": "https://elsewhere.example"}, content_type=JSON)
    assert [one["path"] for one in moved.json()["errors"]] == ["key"]
    assert client.patch(path, data={"key": ""}, content_type=JSON).json()["has_key"] is False
    again = client.post(API, data=body, content_type=JSON)
    assert again.status_code == 400
    answers = [made, client.get(API), client.get(path), refused, moved, again]
    assert all(CANARY not in answer.content.decode() for answer in answers)


@pytest.mark.parametrize("role", [Role.CEO, Role.SUPPORT])
def test_others_see_providers_and_register_none(role: Role) -> None:
    provider = make_provider(key=CANARY, name="anthropic")
    client = signed_in(role, is_staff=True)
    assert client.get(API).json()["results"][0]["name"] == "anthropic"
    assert client.post(API, data={"name": "mine", "key": "k"}, content_type=JSON).status_code == 403
    assert client.patch(f"{API}{provider.pk}/", data={"key": "k"}, content_type=JSON).status_code == 403
    assert client.post(f"{ADMIN}{provider.pk}/change/", data={"new_key": "k"}).status_code == 403
    assert client.get(f"{ADMIN}add/").status_code == 403
    assert model_providers.access_of("anthropic:x").key == CANARY


def test_developers_write_a_key_in_the_admin_that_is_never_drawn_again() -> None:
    client = signed_in(Role.DEVELOPER, is_staff=True)
    values = {"name": "ollama", "api": "openai_chat", "base_url": "https://models.example/v1", "is_enabled": "on"}
    added = client.post(f"{ADMIN}add/", data={**values, "description": "", "new_key": CANARY})
    assert added.status_code == 302, added.content
    provider = ModelProvider.objects.get()
    assert model_providers.access_of("ollama:x").key == CANARY
    page = client.get(f"{ADMIN}{provider.pk}/change/").content.decode()
    assert CANARY not in page
    moved = client.post(
        f"{ADMIN}{provider.pk}/change/",
        data={**values, "base_url": "https://elsewhere.example", "description": "", "new_key": ""},
    )
    assert "needs the key again" in moved.content.decode()
    client.post(ADMIN, data={"action": "take_the_key_away", "_selected_action": [provider.pk]})
    assert not model_providers.has_key(ModelProvider.objects.get())


def test_the_page_of_a_profile_says_whom_a_model_may_be_asked_of() -> None:
    client = signed_in(Role.DEVELOPER)
    assert "a Developer registers them in the admin" in client.get("/profiles/new/").content.decode()
    make_provider(key=CANARY, name="anthropic")
    page = client.get("/profiles/new/").content.decode()
    assert "Providers: anthropic." in page
    assert "Model (asked by DCT, works by file tools)" in page
    profile = make_profile(runtime="llm", model="anthropic:x", owner=make_user())
    assert "Providers: anthropic." in client.get(f"/profiles/{profile.pk}/").content.decode()
