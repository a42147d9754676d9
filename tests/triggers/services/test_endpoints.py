"""Webhook connections and their secrets, as the services leave them."""

from datetime import datetime, timedelta

import pytest

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import AuditEntry, Secret
from dct_site.kernel.edits import EditConflict
from tests.triggers.door.client import SECRET, make_hook
from triggers.enums import ListenerType, Verification
from triggers.services import endpoints, generation
from triggers.services.endpoints import InvalidEndpoint
from triggers.services.trust import tier_of
from workspaces.enums import TrustTier

pytestmark = pytest.mark.django_db

BY = Actor.system("tests")


def test_a_webhook_connection_comes_whole(now: datetime) -> None:
    before = generation.current()
    hook = make_hook(Source.GITHUB, secret=None, now=now)
    assert len(hook.secret) >= 32
    assert Secret.objects.get().value == hook.secret
    assert hook.endpoint.verification == Verification.GITHUB
    assert len(hook.endpoint.path) >= 22
    assert (hook.listener.listener_type, hook.listener.item) == (ListenerType.WEBHOOK, None)
    assert generation.current() == before + 1
    assert hook.secret not in repr(hook)
    entry = AuditEntry.objects.get(action="connection.created")
    assert hook.secret not in str(entry.after)


def test_a_generic_webhook_has_a_signature_header_even_if_none_was_named() -> None:
    hook = make_hook(Source.WEBHOOK)
    assert hook.endpoint.verification == Verification.HMAC_SHA256
    assert hook.endpoint.signature_header == endpoints.DEFAULT_SIGNATURE_HEADER


def test_paths_are_never_alike() -> None:
    assert len({make_hook().endpoint.path for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"secret": "short"}, "secret"),
        ({"secret": ""}, "secret"),
        ({"signature_header": "not a header"}, "signature_header"),
        ({"timestamp_header": "X:"}, "timestamp_header"),
        ({"id_header": "X-Id", "id_path": "id"}, "id_path"),
        ({"id_path": "a..b"}, "id_path"),
        ({"verification": "none"}, "verification"),
        ({"allowed_actors": "ana"}, "allowed_actors"),
        ({"allowed_actors": [" "]}, "allowed_actors"),
        ({"max_body_bytes": 0}, "max_body_bytes"),
        ({"rate_per_minute": "many"}, "rate_per_minute"),
    ],
)
def test_what_cannot_work_is_refused_at_its_place(settings: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidEndpoint) as refused:
        make_hook(Source.WEBHOOK, **settings)
    assert path in {problem.path for problem in refused.value.problems}
    assert not Secret.objects.exists()


def test_a_setting_that_there_is_not_is_a_mistake_of_the_caller(now: datetime) -> None:
    with pytest.raises(TypeError, match="colour"):
        make_hook(colour="red")
    with pytest.raises(TypeError, match="colour"):
        endpoints.change_endpoint(endpoint=make_hook().endpoint, by=BY, now=now, colour="red")


def test_rotating_keeps_the_old_secret_for_a_day_and_only_one(now: datetime) -> None:
    hook = make_hook(now=now)
    second = endpoints.rotate_secret(endpoint=hook.endpoint, by=BY, now=now)
    third = endpoints.rotate_secret(endpoint=hook.endpoint, by=BY, now=now, secret="x" * 16)
    kept = {secret.value: secret.expires_at for secret in Secret.objects.all()}
    assert kept == {third: None, second: now + timedelta(hours=24)}
    assert endpoints.revoke_old_secrets(endpoint=hook.endpoint, by=BY, now=now) == 1
    assert [secret.value for secret in Secret.objects.all()] == [third]
    assert SECRET not in str(list(AuditEntry.objects.values()))


def test_a_secret_that_is_too_short_does_not_replace_a_good_one(now: datetime) -> None:
    hook = make_hook()
    with pytest.raises(InvalidEndpoint):
        endpoints.rotate_secret(endpoint=hook.endpoint, by=BY, now=now, secret="short")
    assert Secret.objects.get().value == SECRET


def test_every_change_bumps_the_generation_and_is_audited(now: datetime) -> None:
    hook = make_hook()
    before = generation.current()
    endpoints.disable(endpoint=hook.endpoint, by=BY, now=now)
    endpoints.enable(endpoint=hook.endpoint, by=BY, now=now)
    endpoints.change_endpoint(endpoint=hook.endpoint, by=BY, now=now, rate_per_minute=7)
    endpoints.rotate_secret(endpoint=hook.endpoint, by=BY, now=now)
    endpoints.revoke_old_secrets(endpoint=hook.endpoint, by=BY, now=now)
    assert generation.current() == before + 5
    hook.endpoint.refresh_from_db()
    assert (hook.endpoint.is_enabled, hook.endpoint.rate_per_minute) == (True, 7)
    written = AuditEntry.objects.filter(kind="webhookendpoint").order_by("id")
    assert [entry.action.removeprefix("endpoint.") for entry in written] == [
        "disabled", "enabled", "changed", "secret_rotated", "old_secrets_revoked",
    ]  # fmt: skip
    assert (written[2].before, written[2].after) == ({"rate_per_minute": 6000}, {"rate_per_minute": 7})


def test_a_change_that_cannot_work_changes_nothing(now: datetime) -> None:
    hook = make_hook(Source.WEBHOOK)
    with pytest.raises(InvalidEndpoint):
        endpoints.change_endpoint(endpoint=hook.endpoint, by=BY, now=now, signature_header="")
    hook.endpoint.refresh_from_db()
    assert hook.endpoint.signature_header == endpoints.DEFAULT_SIGNATURE_HEADER


def test_of_two_edits_at_once_the_later_is_told(now: datetime) -> None:
    hook = make_hook()
    endpoints.change_endpoint(endpoint=hook.endpoint, by=BY, now=now, rate_per_minute=7)
    with pytest.raises(EditConflict):
        endpoints.change_endpoint(endpoint=hook.endpoint, by=BY, now=now, version=1, rate_per_minute=8)


def test_only_a_verified_senders_word_lifts_an_actor() -> None:
    endpoint = make_hook(allowed_actors=["Ana"]).endpoint
    assert tier_of(endpoint, "ana", True) == TrustTier.ALLOWED
    assert tier_of(endpoint, "ben", True) == TrustTier.VERIFIED
    assert tier_of(endpoint, "", True) == TrustTier.VERIFIED
    assert tier_of(endpoint, "ana", False) == TrustTier.OPEN
    assert tier_of(None, "ana", True) == TrustTier.VERIFIED
