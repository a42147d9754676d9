"""Signs of life: renewed, read, forgotten."""

from datetime import datetime, timedelta

import pytest

from accounts.models import Heartbeat
from accounts.services.heartbeat import beat, retire, seconds_since

pytestmark = pytest.mark.django_db


def test_a_beat_is_renewed_in_place_and_its_age_is_told(now: datetime) -> None:
    assert seconds_since("engine", now=now) is None
    beat(role="engine", owner="a", now=now, facts={})
    beat(role="engine", owner="a", now=now + timedelta(seconds=5), facts={"pid": 1})
    assert Heartbeat.objects.get().facts == {"pid": 1}
    assert seconds_since("engine", now=now + timedelta(seconds=7)) == 2
    retire(role="engine", owner="a")
    assert seconds_since("engine", now=now) is None


def test_a_new_beat_forgets_those_long_silent(now: datetime) -> None:
    beat(role="engine", owner="old", now=now, facts={})
    beat(role="engine", owner="new", now=now + timedelta(minutes=11), facts={})
    assert Heartbeat.objects.get().owner == "new"
