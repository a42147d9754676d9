"""The database's side of runs: the fence, the claim, the last look before the go, what a run is told."""

from datetime import datetime, timedelta

import pytest

from accounts.actor import Actor
from agents.enums import AgentStatus, Pool, RunStatus
from agents.models import Agent, AgentMessage, AgentRun
from agents.runtimes import CannotRun
from agents.services import admission, briefing, conversation, endings, intents, runs
from agents.services.batches import Batch, store
from agents.services.deploy import deploy
from agents.services.fence import Fenced
from tests.agents.handlers import RecordingHandler
from tests.agents.running import DONE, LEASE, message, running
from tests.agents.supervising import admitted_agent, waiting_agent
from tests.factories.agents import make_command, make_profile, set_limits
from tests.factories.deliverables import make_deliverable
from tests.factories.workspaces import make_workspace
from workspaces.enums import TrustTier

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()


@pytest.mark.parametrize("guard", ["owner", "lease", "status"])
def test_a_write_of_a_run_that_is_not_alive_under_this_owner_and_lease_is_refused(now: datetime, guard: str) -> None:
    run = running(admitted_agent(make_profile()), now)
    owner, at = "me", now
    if guard == "owner":
        owner = "other"
    elif guard == "lease":
        at = now + LEASE
    else:
        AgentRun.objects.filter(pk=run.pk).update(status=RunStatus.LOST)
    assert store({run.pk: message()}, owner=owner, now=at, lease=LEASE) == {run.pk}
    assert not AgentMessage.objects.exists()
    for write in (endings.claim_done, endings.tell, endings.stop_run, endings.shut_down):
        with pytest.raises(Fenced):
            write(run.pk, owner=owner, now=at)
    with pytest.raises(Fenced):
        endings.complete(run.pk, owner=owner, now=at, exited=DONE)


def test_storing_renews_the_lease_and_numbers_messages_without_gaps(now: datetime) -> None:
    agent = admitted_agent(make_profile(), instructions="first")
    run = running(agent, now)
    later = now + timedelta(seconds=10)
    assert store({run.pk: message("a")}, owner="me", now=now, lease=LEASE) == set()
    assert store({run.pk: message("b")}, owner="me", now=later, lease=LEASE) == set()
    assert store({run.pk: Batch()}, owner="me", now=later, lease=LEASE) == set()
    run.refresh_from_db()
    assert (run.lease_until, run.last_message_seq, run.output_bytes) == (later + LEASE, 3, 2)
    assert list(AgentMessage.objects.order_by("seq").values_list("seq", "text")) == [(1, "first"), (2, "a"), (3, "b")]


def test_an_agent_is_claimed_once_and_only_with_a_slot(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    assert runs.claim(agent.pk, owner="me", now=now, lease=LEASE) is not None
    assert runs.claim(agent.pk, owner="other", now=now, lease=LEASE) is None
    without = waiting_agent(make_profile())
    assert runs.claim(without.pk, owner="me", now=now, lease=LEASE) is None
    assert list(runs.startable(now)) == []


def test_an_agent_whose_old_run_is_alive_is_not_claimed(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    running(agent, now)
    Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.PENDING)
    assert runs.claim(agent.pk, owner="other", now=now, lease=LEASE) is None


@pytest.mark.parametrize("why", ["pause of everything", "held", "no slot", "stop"])
def test_the_last_look_before_the_go_finds_what_forbids_it(now: datetime, why: str, handler: RecordingHandler) -> None:
    agent = admitted_agent(make_profile())
    claimed = runs.claim(agent.pk, owner="me", now=now, lease=LEASE)
    assert claimed is not None
    assert agent.start is not None
    if why == "pause of everything":
        admission.pause_all(by=Actor.system(), now=now)
    elif why == "held":
        handler.held[agent.start.subject_id] = "the trigger is paused"
    elif why == "no slot":
        admission.release(start=agent.start, pool=Pool.AGENTS, now=now)
    else:
        intents.stop(agent=agent, by=Actor.system(), now=now, reason="not wanted")
    gone: list[bool] = []
    reason = runs.let_go(claimed.run_id, owner="me", now=now, lease=LEASE, go=lambda: gone.append(True))
    assert (bool(reason), gone) == (True, [])
    runs.withdraw(claimed.run_id, owner="me", now=now, reason=reason)
    agent.refresh_from_db()
    assert (agent.status, agent.attempt, agent.reason) == (AgentStatus.PENDING, 0, reason)


def test_a_go_that_fails_leaves_the_run_as_it_was(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    claimed = runs.claim(agent.pk, owner="me", now=now, lease=LEASE)
    assert claimed is not None

    def broken() -> None:
        raise OSError("the shim is gone")

    with pytest.raises(OSError, match="gone"):
        runs.let_go(claimed.run_id, owner="me", now=now, lease=LEASE, go=broken)
    assert AgentRun.objects.get().status == RunStatus.STARTING


def test_deploying_twice_is_one_agent(now: datetime) -> None:
    workspace, profile = make_workspace(), make_profile()
    first = deploy(workspace=workspace, profile=profile, start=None, now=now, instructions="once")
    again = deploy(workspace=workspace, profile=profile, start=None, now=now, instructions="once")
    assert first == again
    assert conversation.instructions_of(first) == ["once"]
    Agent.objects.update(status=AgentStatus.COMPLETED)
    assert deploy(workspace=workspace, profile=profile, start=None, now=now) != first


def test_a_briefing_names_what_is_asked_delivered_and_missing(now: datetime) -> None:
    workspace = make_workspace()
    make_deliverable(workspace, rules={"min_size": 10, "max_size": 2_000, "pattern": "^#"}, required=False)
    schema = {"required": ["verdict"]}
    make_deliverable(workspace, name="answer", rules={"format": "json", "schema": schema, "forbidden_pattern": "TODO"})
    make_deliverable(workspace, name="all of it", rules={"format": "zip"})
    agent = admitted_agent(make_profile(instructions="Read."), workspace=workspace, instructions="Sum up.")
    run = running(agent, now)
    brief = briefing.brief(run.pk, now=now)
    page = (brief.assignment.root / "context/run/instructions.md").read_text()
    assert "Read." in page
    assert "Sum up." in page
    asked = "* `feedback/digest.md` (digest), at least 10 bytes, at most 2,000 bytes, must match `^#` (optional)"
    assert asked in page
    assert 'is JSON as its schema says, the schema being `{"required": ["verdict"]}`' in page
    assert "must hold nothing that matches `TODO`" in page
    assert "(all of it), is a ZIP archive\n" in page
    assert brief.seconds == 900


def test_the_deadline_of_an_agent_shortens_its_run(now: datetime) -> None:
    agent = admitted_agent(make_profile(), deadline_at=now + timedelta(seconds=30))
    assert briefing.brief(running(agent, now).pk, now=now).seconds == 30


@pytest.mark.parametrize(("tier", "is_allowed"), [(TrustTier.OPEN, False), (TrustTier.VERIFIED, True)])
def test_untrusted_text_never_meets_the_network(now: datetime, tier: TrustTier, is_allowed: bool) -> None:
    command = make_command("true", is_network_allowed=True)
    agent = admitted_agent(make_profile(command=command), workspace=make_workspace(trust_tier=tier))
    assert briefing.brief(running(agent, now).pk, now=now).assignment.is_network_allowed is is_allowed


def test_a_program_that_was_switched_off_does_not_run(now: datetime) -> None:
    agent = admitted_agent(make_profile(command=make_command("true", is_enabled=False)))
    with pytest.raises(CannotRun, match="is switched off"):
        briefing.brief(running(agent, now).pk, now=now)


def test_an_unknown_runtime_does_not_run(now: datetime) -> None:
    agent = admitted_agent(make_profile(runtime="gone"))
    with pytest.raises(CannotRun, match="is not known here"):
        briefing.brief(running(agent, now).pk, now=now)
