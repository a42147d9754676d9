"""People, tokens, toggles, grants: each change leaves its audit entry, and secrets are told once."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import authenticate

from accounts.actor import Actor
from accounts.enums import Role, Toggle, TokenScope
from accounts.models import ApiToken, AuditEntry, OperationGrant, User
from accounts.operations import Operation
from accounts.permissions import is_on
from accounts.services import people

pytestmark = pytest.mark.django_db
CLI = Actor.cli()


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_the_first_superuser_is_made_once_and_can_sign_in(now: datetime, rf: object) -> None:
    made = people.bootstrap_superuser(username="admin", now=now)
    assert made is not None
    user, password = made
    assert user.is_superuser
    assert user.check_password(password)
    assert people.bootstrap_superuser(username="admin2", now=now) is None
    assert actions() == ["user.created"]
    assert password not in str(AuditEntry.objects.values())
    assert authenticate is not None


def test_a_person_is_made_changed_and_let_out_with_a_trace(now: datetime) -> None:
    user = people.create_user(username="ann", role=Role.CEO, password="a long passphrase", by=CLI, now=now)
    people.set_role(user=user, role=Role.SUPPORT, by=CLI, now=now)
    people.set_active(user=user, is_active=False, by=CLI, now=now)
    people.set_active(user=user, is_active=True, by=CLI, now=now)
    user.refresh_from_db()
    assert (user.role, user.is_active) == (Role.SUPPORT, True)
    assert actions() == ["user.created", "user.role_set", "user.deactivated", "user.activated"]


def test_a_token_is_told_once_kept_hashed_and_can_be_revoked(now: datetime) -> None:
    user = User.objects.create(username="ann")
    token, text = people.issue_token(user=user, name="ci", by=CLI, now=now, scopes=[TokenScope.EVENTS])
    assert text not in str(ApiToken.objects.values()) + str(AuditEntry.objects.values())
    assert token.allows(TokenScope.EVENTS)
    assert not token.allows(TokenScope.METRICS)
    assert ApiToken(scopes=[]).allows(TokenScope.METRICS)
    people.revoke_token(token=token, by=CLI, now=now)
    assert not ApiToken.objects.exists()
    assert actions() == ["token.issued", "token.revoked"]


def test_a_toggle_flips_for_everyone(now: datetime) -> None:
    assert is_on(Toggle.GIT_WORKFLOWS)
    people.flip_toggle(key=Toggle.GIT_WORKFLOWS, is_on=False, by=CLI, now=now)
    assert not is_on(Toggle.GIT_WORKFLOWS)
    people.flip_toggle(key=Toggle.GIT_WORKFLOWS, is_on=True, by=CLI, now=now)
    assert is_on(Toggle.GIT_WORKFLOWS)


def test_only_what_the_ceiling_allows_can_be_granted(now: datetime) -> None:
    support = User.objects.create(username="sam", role=Role.SUPPORT)
    grant = people.grant_operation(user=support, operation=Operation.PACKAGES, by=CLI, now=now)
    with pytest.raises(people.NotGrantable):
        people.grant_operation(user=support, operation=Operation.DEPLOY_PRODUCTION, by=CLI, now=now)
    people.withdraw_operation(grant=grant, by=CLI, now=now)
    assert not OperationGrant.objects.exists()
    assert actions() == ["operation.granted", "operation.withdrawn"]


def test_a_tokens_rate_is_changed_and_audited_once(now: datetime) -> None:
    user = User.objects.create(username="ann")
    token, _ = people.issue_token(user=user, name="ci", by=CLI, now=now)
    for _ in range(2):
        assert people.set_token_rate(token=token, events_per_minute=60, by=CLI, now=now).events_per_minute == 60
    (entry,) = AuditEntry.objects.filter(action="token.rate_set")
    assert (entry.before, entry.after) == (
        {"name": "ci", "events_per_minute": 6000},
        {"name": "ci", "events_per_minute": 60},
    )
    assert ApiToken.objects.get().events_per_minute == 60


@pytest.mark.parametrize("rate", [0, -1, 1_000_001, True, 1.5])
def test_a_rate_that_is_none_is_refused_by_the_service(now: datetime, rate: Any) -> None:
    user = User.objects.create(username="ann")
    token, _ = people.issue_token(user=user, name="ci", by=CLI, now=now)
    with pytest.raises(people.BadRate, match="from 1 to 1,000,000"):
        people.set_token_rate(token=token, events_per_minute=rate, by=CLI, now=now)
    with pytest.raises(people.BadRate):
        people.issue_token(user=user, name="ci", by=CLI, now=now, events_per_minute=rate)
    assert list(ApiToken.objects.values_list("events_per_minute", flat=True)) == [6000]
