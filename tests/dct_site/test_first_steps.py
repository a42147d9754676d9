"""What a data directory gets at its first start, and what the next starts leave as it is."""

from datetime import datetime

import pytest
from django.test import override_settings
from django_celery_beat.models import PeriodicTask

from accounts.models import ApiToken, User
from dct_site import first_steps
from dct_site.celery import app

pytestmark = pytest.mark.django_db


def take(now: datetime, *, with_token: bool = False) -> dict[str, object]:
    return first_steps.take(url="http://127.0.0.1:8000", demo=False, with_token=with_token, now=now)


@override_settings(SCALED=False)
def test_the_first_start_makes_one_superuser_and_tells_the_password_once(now: datetime) -> None:
    first, again = take(now), take(now)
    admin = User.objects.get(is_superuser=True)
    assert admin.check_password(str(first["admin_password"]))
    assert (again["admin_user"], again["admin_password"], again["api_token"]) == ("admin", None, None)
    assert not PeriodicTask.objects.exists()


@override_settings(SCALED=False)
def test_each_start_that_asks_for_a_token_ends_the_last_one(now: datetime) -> None:
    first, again = (take(now, with_token=True)["api_token"] for _ in range(2))
    assert first != again
    assert ApiToken.objects.count() == 1


@override_settings(SCALED=True)
def test_on_many_machines_a_beat_ticks_every_second_by_a_task_that_is_there(now: datetime) -> None:
    for _ in range(2):
        take(now)
    row = PeriodicTask.objects.get()
    app.loader.import_default_modules()
    assert row.task in app.tasks
    assert (row.interval.every, row.interval.period, row.enabled) == (1, "seconds", True)
