"""A real supervisor over real processes for tests: admission by hand, a fast clockwork, waiting on conditions."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from agents.models import Agent, AgentMessage, AgentProfile
from agents.services import admission
from agents.services.deploy import deploy
from agents.supervisor import Supervisor, Timing
from dct_site.kernel.process.sandbox import SandboxLevel
from tests.factories.agents import make_command, make_profile
from tests.factories.workspaces import make_workspace
from workspaces.enums import TrustTier
from workspaces.models import Workspace

FAST = Timing(lease=3.0, margin=0.5, renew=0.2, flush=0.02, sweep=0.05, reap=0.1, grace=0.5, shutdown=3.0)


def supervisor(owner: str = "test", **over: Any) -> Supervisor:
    """A supervisor without a sandbox (each test says when it wants one) and with short times."""
    values = {"timing": FAST, "level": SandboxLevel.NONE, **over}
    return Supervisor(owner, Path(settings.DCT_DATA_DIR), **values)


class Admitting(Supervisor):
    """One that also admits, as the engine's loop beside it does."""

    async def _claim(self) -> None:
        await asyncio.to_thread(_asked, lambda: bool(admission.admit(now=timezone.now())))
        await super()._claim()


def admitting(owner: str = "test") -> Supervisor:
    return Admitting(owner, Path(settings.DCT_DATA_DIR), timing=FAST, level=SandboxLevel.NONE)


def run_until(condition: Callable[[], bool], *supervisors: Supervisor, seconds: float = 20.0) -> None:
    """Run supervisors in this thread until ``condition`` (asked in a thread of its own) holds, then end them."""

    async def go() -> None:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(one.run_forever(stop)) for one in supervisors or (supervisor(),)]
        until = time.monotonic() + seconds
        try:
            while not await asyncio.to_thread(_asked, condition):
                assert time.monotonic() < until, "it never came true"
                await asyncio.sleep(0.02)
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    asyncio.run(go())


def _asked(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    finally:
        connection.close()


def python_profile(code: str, **over: Any) -> AgentProfile:
    """A profile whose program is a piece of Python."""
    return make_profile(command=make_command(str(Path(sys.executable).resolve()), "-S", "-I", "-c", code), **over)


def admitted_agent(profile: AgentProfile, *, workspace: Workspace | None = None, **over: Any) -> Agent:
    """A pending agent that holds a slot, as a launch leaves it."""
    workspace = workspace or make_workspace(trust_tier=TrustTier.VERIFIED)
    now = timezone.now()
    start = admission.request_start(
        kind="test", subject_id=workspace.pk, priority=over.pop("priority", 5), now=now, refs=over.pop("refs", {})
    )
    assert admission.admit(now=now) == 1
    start.refresh_from_db()
    return deploy(workspace=workspace, profile=profile, start=start, now=now, **over)


def waiting_agent(profile: AgentProfile) -> Agent:
    """A pending agent whose wish for a slot waits."""
    agent = deploy(workspace=make_workspace(), profile=profile, start=None, now=timezone.now())
    admission.request_start(
        kind=admission.AGENT_START, subject_id=agent.pk, priority=5, workspaces=0, now=timezone.now()
    )
    return agent


def is_in(agent: Agent, *statuses: str) -> Callable[[], bool]:
    return lambda: Agent.objects.filter(pk=agent.pk, status__in=statuses).exists()


def said(agent: Agent, kind: str = "") -> list[str]:
    rows = AgentMessage.objects.filter(agent_id=agent.pk)
    return list((rows.filter(kind=kind) if kind else rows).order_by("seq").values_list("text", flat=True))
