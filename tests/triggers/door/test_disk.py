"""A full disk: the door turns deliveries away in words, looks seldom, and takes them in again when there is room."""

import asyncio
import errno
import shutil
import threading
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from tests.triggers.door.client import github, make_hook, open_door, post
from triggers.door.limits import Lookout
from triggers.models import Delivery
from workspaces import files

make = sync_to_async(make_hook)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("tidy")
async def test_a_full_disk_turns_deliveries_away_until_there_is_room_again() -> None:
    hook = await make()
    looks = [False, False, True]
    async with open_door(has_room=lambda: looks.pop(0)) as door:
        door._disk._fresh_s = door._disk._stale_s = 0
        full = await post(door, hook.endpoint.path, headers=github(key="k"))
        unknown = await post(door, "no-such-path")
        still = await post(door, hook.endpoint.path, headers=github(key="k"))
        room = await post(door, hook.endpoint.path, headers=github(key="k"))
    assert [full.status, unknown.status, still.status, room.status] == [503, 404, 503, 202]
    assert full.value["code"] == "disk_full"
    assert "free some space" in full.value["detail"]
    assert int(full.headers["retry-after"]) > 0
    assert room.value["duplicate"] is False
    assert await Delivery.objects.acount() == 1


async def test_the_disk_is_looked_at_once_a_second_for_all_who_ask() -> None:
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return False

    disk = Lookout(look)
    answers = await asyncio.gather(*(disk.is_full() for _ in range(50)))
    assert (set(answers), looks) == ({True}, 1)
    disk._fresh_s = disk._stale_s = 0
    assert await disk.is_full()
    assert looks == 2


async def test_under_load_nobody_waits_for_a_look() -> None:
    """What was seen a second ago counts until the next answer is there; what was seen long ago does not."""
    answers_now = threading.Event()
    room = [True, False]

    def look() -> bool:
        answers_now.wait(20)
        return room.pop(0)

    disk = Lookout(look, fresh_s=0, patience_s=20)
    answers_now.set()
    assert not await disk.is_full()
    answers_now.clear()
    try:
        assert [await asyncio.wait_for(disk.is_full(), 5) for _ in range(3)] == [False] * 3
        disk._stale_s = 0
        waits = asyncio.ensure_future(disk.is_full())
        done, _ = await asyncio.wait({waits}, timeout=0.01)
        assert not done
    finally:
        answers_now.set()
    assert await waits


async def test_a_volume_that_hangs_holds_nobody_up_and_is_asked_once() -> None:
    answers_now = threading.Event()
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        answers_now.wait(20)
        return False

    disk = Lookout(look, patience_s=0.01)
    try:
        assert [await disk.is_full() for _ in range(3)] == [False] * 3
        answers_now.set()
        disk._patience_s = 20
        assert await disk.is_full()
    finally:
        answers_now.set()
    assert looks == 1


@pytest.mark.parametrize(("free", "has_room"), [(1, False), (19, False), (20, True), (500, True)])
def test_below_two_percent_free_there_is_no_room(monkeypatch: pytest.MonkeyPatch, free: int, has_room: bool) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(1000, 1000 - free, free))
    assert files.room_for_intake() is has_room


def test_a_disk_that_cannot_be_asked_is_left_to_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(place: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    assert files.room_for_intake()
