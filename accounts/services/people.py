"""People, tokens, toggles and single grants: who may come in, and with which rights."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Role, Toggle, TokenScope
from accounts.models import EVENTS_PER_MINUTE, ApiToken, FeatureToggle, OperationGrant, User
from accounts.operations import TABLE, Operation, Reach
from accounts.services import audit

MOST_EVENTS_PER_MINUTE = 1_000_000


class NotGrantable(Exception):
    """The role's ceiling does not let this operation be granted to the person."""


class BadRate(ValueError):
    """No rate that a token may have."""

    def __init__(self) -> None:
        super().__init__(f"The events a minute must be a whole number from 1 to {MOST_EVENTS_PER_MINUTE:,}.")


def new_password() -> str:
    """A password of about 95 random bits."""
    return secrets.token_urlsafe(12)


def bootstrap_superuser(*, username: str, now: datetime) -> tuple[User, str] | None:
    """Make the first superuser and return it with its password, told once; None where a superuser exists already."""
    password = new_password()
    hashed = make_password(password)
    with transaction.atomic():
        if User.objects.filter(is_superuser=True).exists():
            return None
        user = User.objects.create(
            username=username, password=hashed, role=Role.DEVELOPER, is_staff=True, is_superuser=True, date_joined=now
        )
        audit.record(by=Actor.cli(), action="user.created", obj=user, now=now, after={"is_superuser": True})
    return user, password


def create_user(*, username: str, role: Role, password: str, by: Actor, now: datetime, email: str = "") -> User:
    """Make a person. The password is hashed before the transaction begins (hashing takes a tenth of a second)."""
    hashed = make_password(password)
    with transaction.atomic():
        user = User.objects.create(username=username, email=email, role=role, password=hashed, is_staff=True)
        audit.record(by=by, action="user.created", obj=user, now=now, after={"username": username, "role": role})
    return user


def set_role(*, user: User, role: Role, by: Actor, now: datetime) -> User:
    with transaction.atomic():
        before, user.role = user.role, role
        user.save(update_fields=["role"])
        audit.record(by=by, action="user.role_set", obj=user, now=now, before={"role": before}, after={"role": role})
    return user


def set_active(*, user: User, is_active: bool, by: Actor, now: datetime) -> User:
    """Let a person in or out; whoever is out loses the API tokens' use with it."""
    with transaction.atomic():
        before, user.is_active = user.is_active, is_active
        user.save(update_fields=["is_active"])
        action = "user.activated" if is_active else "user.deactivated"
        audit.record(
            by=by, action=action, obj=user, now=now, before={"is_active": before}, after={"is_active": is_active}
        )
    return user


def change_password(*, user: User, password: str, by: Actor, now: datetime) -> User:
    """Set another password; every session that was begun with the old one ends."""
    hashed = make_password(password)
    with transaction.atomic():
        user.password = hashed
        user.save(update_fields=["password"])
        audit.record(by=by, action="user.password_changed", obj=user, now=now)
    return user


def issue_token(
    *,
    user: User,
    name: str,
    by: Actor,
    now: datetime,
    scopes: list[TokenScope] | None = None,
    days: int = 365,
    events_per_minute: int = EVENTS_PER_MINUTE,
) -> tuple[ApiToken, str]:
    """Make an API token; the text is told once and only its hash is kept. Raises BadRate."""
    _check_rate(events_per_minute)
    with transaction.atomic():
        token, text = ApiToken.objects.create(
            user=user,
            expiry=timedelta(days=days),
            name=name,
            scopes=[str(scope) for scope in scopes or []],
            events_per_minute=events_per_minute,
        )
        # The audit log names the digest's head, which finds the token and opens nothing.
        audit.record(
            by=by, action="token.issued", obj=user, now=now, after={"name": name, "scopes": token.scopes, "days": days}
        )
    return token, text


def set_token_rate(*, token: ApiToken, events_per_minute: int, by: Actor, now: datetime) -> ApiToken:
    """How many events may be posted with it in a minute, from the next one on. Raises BadRate.

    Its owner's, who has chosen it when it was made, and of those who manage people.
    """
    _check_rate(events_per_minute)
    with transaction.atomic():
        row: ApiToken = ApiToken.objects.select_for_update(of=("self",)).select_related("user").get(pk=token.pk)
        before = row.events_per_minute
        if before != events_per_minute:
            row.events_per_minute = events_per_minute
            row.save(update_fields=["events_per_minute"])
            audit.record(
                by=by,
                action="token.rate_set",
                obj=row.user,
                now=now,
                before={"name": row.name, "events_per_minute": before},
                after={"name": row.name, "events_per_minute": events_per_minute},
            )
    return row


def _check_rate(events_per_minute: int) -> None:
    if type(events_per_minute) is not int or not 1 <= events_per_minute <= MOST_EVENTS_PER_MINUTE:
        raise BadRate


def revoke_token(*, token: ApiToken, by: Actor, now: datetime) -> None:
    with transaction.atomic():
        audit.record(by=by, action="token.revoked", obj=token.user, now=now, before={"name": token.name})
        token.delete()


def flip_toggle(*, key: Toggle, is_on: bool, by: Actor, now: datetime) -> FeatureToggle:
    """Switch a feature on or off for everyone, at once."""
    with transaction.atomic():
        toggle, _ = FeatureToggle.objects.select_for_update().get_or_create(key=key)
        before, toggle.is_on = toggle.is_on, is_on
        toggle.save(update_fields=["is_on", "changed_at"])
        audit.record(
            by=by, action="toggle.flipped", obj=toggle, now=now, before={"is_on": before}, after={"is_on": is_on}
        )
    return toggle


def grant_operation(*, user: User, operation: Operation, by: Actor, now: datetime) -> OperationGrant:
    """Grant one operation to a person; raises NotGrantable outside of the role's ceiling."""
    if TABLE[operation].reach(Role(user.role)) is not Reach.GRANTABLE:
        raise NotGrantable(f"{Role(user.role).label} may not be granted: {TABLE[operation].label.lower()}.")
    with transaction.atomic():
        grant, _ = OperationGrant.objects.get_or_create(
            user=user, operation=operation, defaults={"granted_by": by.user, "granted_at": now}
        )
        audit.record(by=by, action="operation.granted", obj=user, now=now, after={"operation": operation})
    return grant


def withdraw_operation(*, grant: OperationGrant, by: Actor, now: datetime) -> None:
    with transaction.atomic():
        audit.record(
            by=by, action="operation.withdrawn", obj=grant.user, now=now, before={"operation": grant.operation}
        )
        grant.delete()
