"""The last rung of the ladder of overload: the door is closed, says when to come back, and opens again."""

from datetime import UTC, datetime

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from agents.enums import Rung
from agents.models import Limits
from tests.triggers.door.client import github, make_hook, open_door, post
from triggers.door import ladder
from triggers.models import Delivery


@pytest.mark.django_db
def test_the_door_asks_the_rung_and_is_open_where_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "close", lambda: None)  # it is this test's own
    assert ladder.is_open()
    Limits.objects.update(rung=Rung.DOOR_CLOSED, rung_looked_at=datetime.now(UTC))
    assert not ladder.is_open()
    monkeypatch.setattr(ladder, "rung_now", lambda _: 1 / 0)
    assert ladder.is_open()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("tidy")
async def test_a_closed_door_answers_503_with_when_to_come_back_and_keeps_nothing() -> None:
    hook = await sync_to_async(make_hook)()
    async with open_door(is_open=lambda: False) as door:
        answered = await post(door, hook.endpoint.path, headers=github(key="k"))
    assert (answered.status, answered.value["code"], answered.headers["retry-after"]) == (503, "overloaded", "30")
    assert await Delivery.objects.acount() == 0
