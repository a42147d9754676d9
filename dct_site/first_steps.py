"""What a data directory needs before its first use: a superuser, the periodic tick, the demo if it is asked for."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from accounts.actor import Actor
from accounts.models import ApiToken, User
from accounts.services import people
from dct_site.demo import keys, seed
from triggers.selectors.health import secrets_under_lost_keys

ADMIN = "admin"
TOKEN_NAME = "./dct run --info"  # noqa: S105 - a name


def take(*, url: str, demo: bool, with_token: bool, now: datetime) -> dict[str, Any]:
    """Do what is missing and return what the person at the terminal should be told.

    ``{"admin_user", "admin_password" (None where it was set before), "api_token", "demo", "mail"}``; calling it again
    changes nothing that is there.
    """
    made = people.bootstrap_superuser(username=ADMIN, now=now)
    admin = made[0] if made else User.objects.filter(is_superuser=True).order_by("id").first()
    if admin is None:
        raise RuntimeError("there is no superuser although one was made")
    password = made[1] if made else None
    if settings.SCALED:
        _tick_every_second()
    told: dict[str, Any] = {"admin_user": admin.get_username()}
    if demo:
        if password:
            keys.remember(admin=password)
        kept = keys.read().get(ADMIN, "")
        password = kept if kept and admin.check_password(kept) else password
        told |= seed.plant(url=url, now=now)
    told["admin_password"] = password
    told["api_token"] = _fresh_token(admin, now) if with_token else None
    return told


def warnings() -> list[str]:
    """What the person at the terminal should know although it starts, one sentence each."""
    return [reason.text + " " + reason.advice for reason in secrets_under_lost_keys()]


def _fresh_token(admin: User, now: datetime) -> str:
    """A token for programs that started DCT; only its hash is kept, so each start makes a new one and ends the last."""
    with transaction.atomic():
        for token in ApiToken.objects.filter(user=admin, name=TOKEN_NAME):
            people.revoke_token(token=token, by=Actor.cli(), now=now)
        return people.issue_token(user=admin, name=TOKEN_NAME, by=Actor.cli(), now=now)[1]


def _tick_every_second() -> None:
    """The row that django-celery-beat reads; schedules of triggers live elsewhere."""
    with transaction.atomic():
        second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.get_or_create(
            name="dct.tick", defaults={"task": "dct.tick", "interval": second, "expire_seconds": 5}
        )
