"""What admission does to an agent that waits for a slot: a retry, a resumed one, an approved draft's."""

from datetime import datetime

from agents.enums import AgentStatus, Pool
from agents.models import Agent, StartRequest
from agents.services.admission import AGENT_START, charge, release, request_start
from dct_site.kernel import moves, wake

PRIORITY = 5


class AgentStart:
    """The handler of starts of kind ``agent``."""

    def is_held(self, start: StartRequest) -> str:  # noqa: ARG002
        """Nothing of its own: the holds of other rooms are asked for every start."""
        return ""

    def on_admitted(self, start: StartRequest, now: datetime) -> None:  # noqa: ARG002
        """The slot is the agent's; the supervisor is woken when this commits."""
        taken = Agent.objects.filter(pk=start.subject_id, status=AgentStatus.PENDING).update(start=start)
        if not taken:
            raise moves.LostRace(f"agent {start.subject_id} no longer waits for a slot")
        if start.concurrency_key:  # a restored one, whose work is reserved with its own start
            workspace_id = Agent.objects.values_list("workspace_id", flat=True).get(pk=start.subject_id)
            charge(start=start, workspace_id=workspace_id)

    def on_expired(self, start: StartRequest, now: datetime) -> None:
        """pending → failed."""
        agent = Agent.objects.get(pk=start.subject_id)
        reason = "It waited longer for a slot than it may."
        moves.move(agent, AgentStatus.FAILED, now=now, reason=reason, ended_at=now)
        Agent.objects.filter(pk=agent.pk).update(reason=reason)
        wake.poke_on_commit(wake.Topic.SETTLE)


def give_slot_back(agent: Agent, *, now: datetime) -> None:
    """Free the agent's slot and take back its wish for one. Joins the caller's transaction; safe to repeat."""
    if agent.start is not None:
        release(start=agent.start, pool=Pool.AGENTS, now=now)


def queue_again(agent: Agent, *, now: datetime, not_before: datetime | None = None) -> StartRequest:
    """Give the slot back and wish for one at the head of the same priority. Joins the caller's transaction."""
    before = agent.start
    give_slot_back(agent, now=now)
    wish = request_start(
        kind=AGENT_START,
        subject_id=agent.pk,
        priority=before.priority if before is not None else PRIORITY,
        now=now,
        agents=1,
        workspaces=0,
        concurrency_key=before.concurrency_key if before is not None and before.kind == AGENT_START else "",
        refs=before.refs if before is not None else {},
        not_before=not_before,
        is_resumed=True,
        backlog_turn=before.backlog_turn if before is not None else 0,
    )
    agent.start = wish
    Agent.objects.filter(pk=agent.pk).update(start=wish)
    return wish
