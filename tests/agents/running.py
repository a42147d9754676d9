"""A run that is alive in the database, without a process: for the services of runs."""

from datetime import datetime, timedelta

from agents.enums import MessageKind
from agents.models import Agent, AgentRun
from agents.runtimes import Message
from agents.services import runs
from agents.services.batches import Batch
from agents.services.endings import Exited

LEASE = timedelta(seconds=15)
DONE = Exited("it said that it is done", 0)


def running(agent: Agent, now: datetime) -> AgentRun:
    """The agent with a run that was let go."""
    claimed = runs.claim(agent.pk, owner="me", now=now, lease=LEASE)
    assert claimed is not None
    assert runs.let_go(claimed.run_id, owner="me", now=now, lease=LEASE, go=lambda: None) == ""
    agent.refresh_from_db()
    return AgentRun.objects.get(pk=claimed.run_id)


def message(text: str = "hello") -> Batch:
    return Batch([Message(MessageKind.TEXT, text)], output_bytes=len(text))
