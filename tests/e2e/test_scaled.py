"""Four roles on PostgreSQL and Redis: the same answers, and any process may die at any time."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis
from websockets.asyncio.client import connect

from dct_site.bench.installation import eventually, post, pull_request, signed
from tests.e2e import ending
from tests.e2e.ending import simulate
from tests.e2e.scaled import Scaled, running

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture(scope="module")
def scaled() -> Iterator[Scaled]:
    with running() as installation:
        yield installation


def send(scaled: Scaled, number: int, *, delivery: str = "", second: bool = False) -> dict[str, Any]:
    """A signed webhook to one of the webs; what it answered."""
    facts, body = scaled.info["demo"], pull_request(number)
    url = facts["github_webhook_url"]
    if second:
        url = url.replace(scaled.info["url"], scaled.second_url)
    status, told = post(url, body, signed(facts["github_webhook_secret"], body, delivery=delivery))
    assert status == 202
    return told


def finished(scaled: Scaled, delivery: int, *, within_s: float = 180) -> dict[str, Any]:
    """The execution of a delivery, once it has ended; what every role said where it does not.

    A launch that was cut off is taken on when its lease of a minute is over.
    """
    try:
        return ending.finished(scaled, delivery, within_s=within_s)
    except AssertionError as error:
        stands = ending.execution_of(scaled, delivery) or scaled.api(f"deliveries/{delivery}/")
        raise AssertionError(f"{error}\n{json.dumps(stands)}\n{scaled.logs()}") from error


def executions_of(scaled: Scaled, execution: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scaled.api(f"executions/?event={execution['event']}")["results"]
    return found


def test_what_one_web_takes_the_other_shows_live(scaled: Scaled) -> None:
    assert asyncio.run(_statuses_at_the_second_web(scaled)) == [
        "queued",
        "starting",
        "running",
        "verifying",
        "succeeded",
    ]


async def _statuses_at_the_second_web(scaled: Scaled) -> list[str]:
    """Of an event that came to the first one."""
    async with connect(scaled.second_url.replace("http", "ws") + "/ws/status/") as socket:
        await socket.send(json.dumps({"type": "auth", "token": scaled.info["api_token"]}))
        await socket.send(json.dumps({"type": "subscribe", "topics": ["executions"]}))
        await socket.send(json.dumps({"type": "ping"}))
        while json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] != "pong":
            pass
        told = await asyncio.to_thread(send, scaled, 1)
        execution = (await asyncio.to_thread(finished, scaled, told["delivery"]))["id"]
        seen: list[str] = []
        while seen[-1:] != ["succeeded"]:
            message = json.loads(await asyncio.wait_for(socket.recv(), 30))
            # What an earlier test began may still be under way.
            if (message.get("object"), message.get("id")) == ("execution", execution):
                seen.append(message["status"])
    return seen


def test_a_delivery_to_both_webs_is_one(scaled: Scaled) -> None:
    body = pull_request(2)
    facts = scaled.info["demo"]
    headers = signed(facts["github_webhook_secret"], body, delivery="to-both")
    url = facts["github_webhook_url"]
    _, first = post(url, body, headers)
    _, again = post(url.replace(scaled.info["url"], scaled.second_url), body, headers)
    assert again == {"delivery": first["delivery"], "duplicate": True}
    assert len(executions_of(scaled, finished(scaled, first["delivery"]))) == 1


def test_a_mail_is_polled(scaled: Scaled) -> None:
    before = {row["id"] for row in scaled.api("executions/?page_size=500")["results"]}
    # A role that another test killed may have held the mailbox: its claim is over at once, not in half a minute.
    with psycopg.connect(scaled.database, autocommit=True) as admin:
        admin.execute("UPDATE triggers_contextlistener SET claimed_by = '', claimed_until = NULL")
    simulate(scaled, "mail", "send")

    def look() -> Any:
        rows = scaled.api("executions/?page_size=500")["results"]
        return [row for row in rows if row["id"] not in before and row["status"] == "succeeded"]

    assert len(eventually(look, within_s=60)) == 1


@pytest.mark.parametrize("name", ["web2", "worker", "agents", "tick"])
def test_a_role_that_is_killed_and_started_again_finishes_what_was_under_way_once(scaled: Scaled, name: str) -> None:
    number = 10 + ["web2", "worker", "agents", "tick"].index(name)
    told = send(scaled, number)
    scaled.roles[name].kill()
    scaled.roles[name].start_again()
    execution = finished(scaled, told["delivery"])
    assert execution["status"] == "succeeded"
    assert len(executions_of(scaled, execution)) == 1


def test_wake_ups_that_are_lost_lose_nothing(scaled: Scaled) -> None:
    with redis.Redis.from_url(scaled.redis) as server:
        told = send(scaled, 20)
        server.flushall()
    assert finished(scaled, told["delivery"])["status"] == "succeeded"


def test_a_database_that_hangs_up_on_everybody_is_met_again(scaled: Scaled) -> None:
    told = send(scaled, 21)
    with psycopg.connect(scaled.database, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert finished(scaled, told["delivery"])["status"] == "succeeded"
    assert finished(scaled, send(scaled, 22, second=True)["delivery"])["status"] == "succeeded"


def test_every_role_ends_cleanly_when_it_is_asked_to(scaled: Scaled) -> None:
    for name in ("tick", "agents", "worker", "web2"):
        role = scaled.roles[name]
        assert role.stop() == 0, (name, scaled.logs())
        role.start_again()
    assert finished(scaled, send(scaled, 23)["delivery"])["status"] == "succeeded"
