"""The permission rule against the table: role × operation × toggle × own, other's, granted."""

from datetime import datetime

import pytest
from guardian.shortcuts import assign_perm

from accounts.enums import Role, Source
from accounts.models import Connection, FeatureToggle, OperationGrant, User
from accounts.operations import TABLE, Operation, Reach
from accounts.permissions import Code, Denied, may, require, visible

pytestmark = pytest.mark.django_db


def person(name: str, role: Role = Role.CEO, **over: object) -> User:
    return User.objects.create(username=name, role=role, **over)


def connection_of(owner: User, now: datetime) -> Connection:
    return Connection.objects.create(
        name=f"{owner.username}'s", source=Source.WEBHOOK, owner=owner, created_at=now, updated_at=now
    )


def expected(reach: Reach, whose: str, *, reading: bool) -> Code:
    """What the table says for an object of this kind, for somebody whose view is own-or-granted."""
    if reach is Reach.ALL:
        return Code.ALLOWED
    if reach is Reach.OWN and (whose in ("own", "granted") or (whose == "granted to look" and reading)):
        return Code.ALLOWED
    return Code.FORBIDDEN


@pytest.mark.unmeasured
@pytest.mark.one_pass
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("whose", ["own", "other's", "granted", "granted to look"])
def test_each_role_may_do_what_the_table_says(operation: Operation, role: Role, whose: str, now: datetime) -> None:
    user = person("asker", role)
    target = connection_of(user if whose == "own" else person("owner"), now)
    if whose == "granted":
        assign_perm("accounts.change_connection", user, target)
    if whose == "granted to look":
        assign_perm("accounts.view_connection", user, target)
    answer = may(user, operation, target)
    if role is Role.CEO and whose == "other's":
        assert answer.code is Code.NOT_VISIBLE
    else:
        rule = TABLE[operation]
        assert answer.code is expected(rule.reach(role), whose, reading=rule.is_reading)
    assert answer.allowed is (answer.code is Code.ALLOWED)


@pytest.mark.parametrize("operation", [op for op, rule in TABLE.items() if rule.toggle])
@pytest.mark.parametrize("is_superuser", [True, False])
def test_a_toggle_that_is_off_stops_everyone(operation: Operation, is_superuser: bool) -> None:
    user = person("asker", Role.DEVELOPER, is_superuser=is_superuser)
    FeatureToggle.objects.create(key=str(TABLE[operation].toggle), is_on=False)
    assert may(user, operation).code is Code.FEATURE_DISABLED
    assert may(user, operation, with_toggle=False).allowed


@pytest.mark.parametrize("operation", [op for op in Operation if op is not Operation.POST_WEBHOOK])
def test_a_superuser_may_do_everything(operation: Operation) -> None:
    assert may(person("root", is_superuser=True), operation).allowed


@pytest.mark.parametrize("operation", list(Operation))
def test_nobody_and_the_inactive_may_do_nothing(operation: Operation) -> None:
    assert may(None, operation).code is Code.NOT_SIGNED_IN
    assert may(person("gone", Role.DEVELOPER, is_active=False), operation).code is Code.NOT_SIGNED_IN


def test_packages_may_be_granted_to_support_and_nothing_else_may() -> None:
    user = person("helper", Role.SUPPORT)
    assert may(user, Operation.PACKAGES).code is Code.FORBIDDEN
    for operation in (Operation.PACKAGES, Operation.DEPLOY_PRODUCTION):
        OperationGrant.objects.create(user=user, operation=operation, granted_at=user.date_joined)
    assert may(user, Operation.PACKAGES).allowed
    assert may(user, Operation.DEPLOY_PRODUCTION).code is Code.FORBIDDEN


def test_lists_show_own_and_granted_rows_only(now: datetime) -> None:
    user, other = person("asker"), person("other")
    own, granted, hidden = connection_of(user, now), connection_of(other, now), connection_of(person("third"), now)
    assign_perm("accounts.view_connection", user, granted)
    assert set(visible(Connection.objects.all(), user=user)) == {own, granted}
    assert set(visible(Connection.objects.all(), user=user, operation=Operation.MANAGE_CONNECTIONS)) == {own}
    assert set(visible(Connection.objects.all(), user=person("dev", Role.DEVELOPER))) == {own, granted, hidden}
    assert not visible(Connection.objects.all(), user=None).exists()


def test_require_raises_with_the_answer(now: datetime) -> None:
    with pytest.raises(Denied) as caught:
        require(person("asker"), Operation.VIEW, connection_of(person("other"), now))
    assert caught.value.answer.code is Code.NOT_VISIBLE
    assert "nothing here" in str(caught.value)


def test_a_model_that_nobody_registered_belongs_to_nobody() -> None:
    user = person("asker")
    FeatureToggle.objects.create(key="git_workflows")
    assert not visible(FeatureToggle.objects.all(), user=user).exists()
