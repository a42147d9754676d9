"""Promises 34 to 36, as checks: hints go to those who may see, an end is an end, and what ran leaves nothing behind."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from django.db import transaction
from knox.models import get_token_model

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import User
from accounts.services import people
from agents.enums import AgentStatus, RunStatus
from agents.models import Agent, AgentRun, StartRequest
from agents.services.admission import AGENT_START
from dct_site.kernel.journal import Line, write
from dct_site.live import sockets
from dct_site.live.mailbox import CAPACITY, Mailbox
from dct_site.live.sockets import SIGNED_OUT, websocket_application
from dct_site.live.updates import Follower
from tests.agents.supervising import admitted_agent, is_in, python_profile, run_until, supervisor
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile, set_limits
from tests.factories.workspaces import make_connection, make_item
from tests.live.client import Socket
from tests.promises.attempts import recording
from workspaces.enums import ItemKind

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SOON_S = 3.0
RUNS = 4


def only_what_one_may_see_is_told() -> None:
    """Promise 34: of two changed items, to somebody whose item is one of them."""
    owner = make_user(role=Role.CEO)
    own, other = (
        make_item(connection=make_connection(owner=one), kind=ItemKind.REPOSITORY)
        for one in (owner, make_user(role=Role.CEO))
    )

    async def told() -> list[int]:
        follower, mailbox = Follower(), Mailbox(owner)
        mailbox.subscribe(["items"])
        follower.join(mailbox)
        await follower.start()
        try:
            await asyncio.to_thread(_changed, other.pk, own.pk)
            await follower.look()
            return [message["id"] for message in await mailbox.take()]
        finally:
            await follower.stop()

    found = asyncio.run(told())
    assert own.pk in found, "one's own change was not told"
    assert found == [own.pk], "somebody was told of what is not theirs to see"


def who_is_signed_out_hears_no_more() -> None:
    """Promise 34: a token that is withdrawn closes the socket that it opened, at the next look."""
    user = make_user(role=Role.CEO)
    token = people.issue_token(user=user, name="t", by=Actor.cli(), now=NOW)[1]

    def withdraw() -> None:
        get_token_model().objects.filter(user=user).delete()

    async def code() -> int:
        client = Socket(websocket_application(), "/ws/status/", headers=[(b"host", b"dct.example")])
        await client.connect()
        await client.say({"type": "auth", "token": token})
        await client.hear()
        await asyncio.to_thread(withdraw)
        try:
            answer = await client.receive_output(SOON_S)
        except TimeoutError:
            return 0
        return int(answer.get("code", 0))

    with patch.object(sockets, "CHECK_EVERY_S", 0.01):
        assert asyncio.run(code()) == SIGNED_OUT, "somebody who was signed out went on listening"


def a_gap_is_told() -> None:
    """Promise 34: to a client that reads too slowly, so that it asks for everything anew."""

    async def taken() -> list[str]:
        mailbox = Mailbox(User(username="slow"))
        for number in range(CAPACITY + 1):
            mailbox.put({"type": "status", "id": number})
        return [message["type"] for message in await mailbox.take()]

    assert "resync" in asyncio.run(taken()), "what was dropped was not told"


def who_is_told_to_end_leaves_nothing_at_work() -> None:
    """Promise 35: its agents' processes have ended, and they wait to go on."""
    with recording():
        set_limits()
        agent = admitted_agent(python_profile("import time; print('up', flush=True); time.sleep(600)"))
        run_until(is_in(agent, AgentStatus.RUNNING))
        agent.refresh_from_db()
        run = AgentRun.objects.get(agent=agent)
        assert agent.status == AgentStatus.PENDING, f"its agent was left {agent.status}"
        assert run.status == RunStatus.ENDED, f"its run was left {run.status}"
        wish = StartRequest.objects.filter(kind=AGENT_START, subject_id=agent.pk, is_resumed=True)
        assert wish.exists(), "its agent waits for no slot"


def who_is_told_to_end_begins_nothing() -> None:
    """Promise 35: an agent that could start stays where it is."""
    with recording():
        set_limits()
        agent = admitted_agent(make_profile())

        async def end_at_once() -> None:
            stop = asyncio.Event()
            stop.set()
            await supervisor().run_forever(stop)

        asyncio.run(end_at_once())
        begun = AgentRun.objects.filter(agent=agent).count()
        assert begun == 0, "a run began after the end"


def what_ran_leaves_nothing_behind() -> None:
    """Promise 36, in small: descriptors, threads and what a supervisor holds of its runs, after each of some rounds."""
    with recording():
        set_limits(max_agents=RUNS)
        seen = [_after_a_round() for _ in range(3)]
    # The first one opens what stays open.
    _, before, after = seen
    grown = [f"{name}: {before[name]}, then {count}" for name, count in after.items() if count > before[name]]
    assert not grown, f"runs left something behind: {', '.join(grown)}"
    assert not after["held"], f"runs left something behind: {after['held']} are held by a supervisor"


def _after_a_round() -> dict[str, int]:
    one, agents = supervisor(), [admitted_agent(make_profile()) for _ in range(RUNS)]
    run_until(lambda: _have_ended(agents), one)
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "held": len(one._around.writer._entries),
    }


def _have_ended(agents: list[Agent]) -> bool:
    ids = [agent.pk for agent in agents]
    return Agent.objects.filter(pk__in=ids, status=AgentStatus.COMPLETED).count() == len(ids)


@transaction.atomic
def _changed(*items: int) -> None:
    write(*(Line("item", pk, "", "changed", "", "system", NOW, {"item": pk}) for pk in items))
