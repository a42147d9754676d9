"""What is lost, failed or orphaned is tried again, waits for a person, or ends; what was said is kept."""

import os
import subprocess
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.enums import Via
from agents.enums import AgentStatus, MessageKind, Pool, RunStatus, StartStatus, WaitsFor
from agents.models import Agent, AgentRun, ObsoleteAgentRecord, SlotHolder, StartRequest
from agents.runtimes import Message
from agents.services import admission, conversation, endings, intents, obsolete, reaping
from agents.services.arbitrate import Action
from agents.services.briefing import mark_of
from agents.services.deploy import deploy
from agents.services.endings import Exited
from agents.services.reaping import reap
from agents.services.resume import gate_again, resume, wish_for_orphans
from agents.services.settle_intents import settle
from dct_site.kernel.process.identity import ProcessIdentity
from dct_site.kernel.process.reap import MARK, kill_marked
from tests.agents.handlers import RecordingHandler
from tests.agents.running import DONE, LEASE, running
from tests.agents.supervising import admitted_agent, waiting_agent
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile, set_limits
from tests.factories.deliverables import deliver, make_deliverable
from tests.factories.workspaces import make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()


def test_the_pause_between_attempts_grows_with_jitter_and_has_an_end() -> None:
    for attempt, whole in ((1, 5.0), (2, 10.0), (3, 20.0), (50, 600.0)):
        pauses = [endings.backoff(attempt).total_seconds() for _ in range(50)]
        assert min(pauses) >= whole / 2
        assert max(pauses) <= whole
        assert len(set(pauses)) > 10


def test_a_lost_run_counts_an_attempt_and_its_agent_waits_at_the_head(now: datetime) -> None:
    agent = admitted_agent(make_profile(), refs={"thing": 7})
    running(agent, now)
    assert reap(now=now) == 0
    assert reap(now=now + LEASE) == 1
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.PENDING, 1)
    assert AgentRun.objects.get().status == RunStatus.LOST
    wish = StartRequest.objects.get(kind="agent")
    assert (wish.is_resumed, wish.refs, wish.status) == (True, {"thing": 7}, StartStatus.WAITING)
    assert agent.not_before is None


def test_an_agent_whose_runs_are_lost_again_and_again_pauses_and_fails_in_the_end(now: datetime) -> None:
    agent = admitted_agent(make_profile(max_attempts=3))
    for attempt in (1, 2, 3):
        running(agent, now)
        now += LEASE
        reap(now=now)
        agent.refresh_from_db()
        assert agent.attempt == attempt
        now += timedelta(minutes=10)
        assert admission.admit(now=now) == (1 if attempt < 3 else 0)
    assert agent.status == AgentStatus.FAILED
    assert agent.reason == "Its supervisor stopped answering. That was attempt 3 of 3."


def test_a_run_that_was_renewed_meanwhile_is_not_taken_over(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = admitted_agent(make_profile())
    run = running(agent, now)
    AgentRun.objects.filter(pk=run.pk).update(pid=1, pid_started=1, boot_id="another boot")

    def renewed(*args: Any, **kwargs: Any) -> int:
        AgentRun.objects.update(lease_until=now + 10 * LEASE)
        return 0

    monkeypatch.setattr("agents.services.reaping.reap_orphan", renewed)
    assert reap(now=now + LEASE) == 0
    assert AgentRun.objects.get().status == RunStatus.RUNNING


def test_a_lost_run_takes_no_process_of_another_installation_along(now: datetime) -> None:
    run = running(admitted_agent(make_profile()), now)
    shim = ProcessIdentity.of(os.getpid())
    here = {"pid": 2**22 + 1, "pid_started": shim.start_time, "boot_id": shim.boot_id}
    AgentRun.objects.filter(pk=run.pk).update(**here)
    # Theirs has the same number and the same epoch.
    there = AgentRun(pk=run.pk, epoch=run.epoch, pid=shim.pid, pid_started=shim.start_time, boot_id=shim.boot_id)
    with subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: mark_of(there)}) as theirs:
        assert reap(now=now + LEASE) == 1
        assert theirs.poll() is None
        assert kill_marked(mark_of(there)) == 1


def test_a_lost_run_of_a_stopping_agent_ends_stopped_with_its_record(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    run = running(agent, now)
    person = make_user()
    intents.stop(agent=agent, by=Actor.person(person, Via.API), now=now, reason="not wanted")
    endings.stop_run(run.pk, owner="me", now=now)
    reap(now=now + LEASE)
    agent.refresh_from_db()
    assert (agent.status, agent.reason) == (AgentStatus.STOPPED, "not wanted")
    record = ObsoleteAgentRecord.objects.get()
    assert (record.by, record.by_label) == (person, person.username)


def test_a_stopping_agent_whose_wish_is_settled_still_ends(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    run = running(agent, now)
    endings.stop_run(run.pk, owner="me", now=now)
    endings.stop_run(run.pk, owner="me", now=now)
    reap(now=now + LEASE)
    agent.refresh_from_db()
    assert agent.status == AgentStatus.STOPPED


def test_a_lost_run_of_an_agent_that_has_ended_changes_nothing_more(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    running(agent, now)
    Agent.objects.update(status=AgentStatus.COMPLETED)
    assert reap(now=now + LEASE) == 1
    assert Agent.objects.get().status == AgentStatus.COMPLETED


def test_the_only_attempt_fails_without_a_count(now: datetime) -> None:
    agent = admitted_agent(make_profile(max_attempts=1))
    run = running(agent, now)
    endings.fail(run.pk, owner="me", now=now, exited=Exited("It broke.", 1), is_final=False)
    agent.refresh_from_db()
    assert agent.reason == "It broke."


def test_a_pending_agent_without_slot_or_wish_gets_a_wish(now: datetime) -> None:
    admitted_agent(make_profile())
    waiting_agent(make_profile())
    orphan = deploy(workspace=make_workspace(), profile=make_profile(), start=None, now=now)
    assert wish_for_orphans(now=now) == 1
    assert StartRequest.objects.filter(kind="agent", subject_id=orphan.pk).count() == 1
    assert wish_for_orphans(now=now) == 0


def test_a_wish_of_an_agent_that_moved_on_is_cancelled(now: datetime) -> None:
    agent = waiting_agent(make_profile())
    Agent.objects.update(status=AgentStatus.STOPPED)
    assert admission.admit(now=timezone.now()) == 0
    assert StartRequest.objects.get(subject_id=agent.pk).status == StartStatus.CANCELLED


def test_an_agent_whose_wish_expired_has_failed(now: datetime) -> None:
    agent = waiting_agent(make_profile())
    StartRequest.objects.update(expires_at=now)
    admission.expire_starts(now=now)
    agent.refresh_from_db()
    assert (agent.status, agent.reason) == (AgentStatus.FAILED, "It waited longer for a slot than it may.")


def waiting_at_the_gate(now: datetime) -> Agent:
    workspace = make_workspace()
    make_deliverable(workspace)
    agent = admitted_agent(make_profile(max_rounds=0), workspace=workspace)
    run = running(agent, now)
    assert endings.claim_done(run.pk, owner="me", now=now)
    endings.send_back(run.pk, owner="me", now=now, exited=DONE, reasons=["digest: it is not there"])
    agent.refresh_from_db()
    assert (agent.status, agent.waits_for) == (AgentStatus.WAITING, WaitsFor.UNSATISFIED)
    return agent


def test_a_waiting_agent_is_done_once_the_gate_holds(now: datetime) -> None:
    agent = waiting_at_the_gate(now)
    assert not gate_again(agent=agent, now=now)
    deliver(agent.workspace, "feedback/digest.md", "by hand")
    assert gate_again(agent=agent, now=now)
    assert not gate_again(agent=agent, now=now)
    assert Agent.objects.get().status == AgentStatus.COMPLETED


def test_a_resumed_agent_has_fresh_rounds_and_a_place_at_the_head(now: datetime) -> None:
    agent = resume(agent=waiting_at_the_gate(now), now=now)
    agent.refresh_from_db()
    assert (agent.status, agent.waits_for, agent.rounds) == (AgentStatus.PENDING, "", 0)
    assert StartRequest.objects.get(kind="agent").is_resumed


def test_a_waiting_agent_is_stopped_at_once(now: datetime) -> None:
    agent = waiting_at_the_gate(now)
    intents.stop(agent=agent, by=Actor.system(), now=now, reason="not wanted")
    assert settle(agent.pk, now=now) is Action.END
    agent.refresh_from_db()
    assert (agent.status, agent.waits_for) == (AgentStatus.STOPPED, "")


def test_a_conversation_is_packed_whole_and_kept_once(now: datetime) -> None:
    agent = admitted_agent(make_profile(), instructions="Zusammenfassen – bitte")
    conversation.append(agent, [Message(MessageKind.TEXT, "x" * 5_000, {"n": 1})], now=now)
    packed = obsolete.pack(agent.pk)
    assert packed.size > 5_000 > len(packed.compressed)
    with transaction.atomic():
        record = obsolete.keep(agent, packed, reason="replaced", by=Actor.system(), now=now)
    assert record is not None
    lines = obsolete.unpack(record)
    assert [line["text"] for line in lines] == ["Zusammenfassen – bitte", "x" * 5_000]
    assert lines[1]["data"] == {"n": 1}
    assert obsolete.keep(agent, packed, reason="again", by=Actor.system(), now=now) is None


def test_nothing_is_held_when_all_is_over(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    run = running(agent, now)
    endings.complete(run.pk, owner="me", now=now, exited=DONE)
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


def test_of_a_backup_that_is_put_back_no_run_goes_on_and_no_slot_is_held() -> None:
    now = timezone.now()
    agents = [admitted_agent(make_profile()) for _ in range(2)]
    run = running(agents[0], now)
    assert reaping.disown(now=now, reason="put back") == 1
    assert reaping.disown(now=now, reason="put back") == 0
    run.refresh_from_db()
    assert (run.status, Agent.objects.get(pk=agents[0].pk).attempt) == (RunStatus.LOST, 0)
    assert reaping.queue_who_holds_a_slot(now=now) == 1
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()
    assert set(Agent.objects.values_list("status", flat=True)) == {AgentStatus.PENDING}


def test_a_run_that_ended_while_it_was_disowned_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    run = running(admitted_agent(make_profile()), now)
    intents.stop(agent=run.agent, by=Actor.system(), now=now, reason="not wanted")

    def ends_first(agent_id: int) -> None:
        AgentRun.objects.update(status=RunStatus.ENDED, ended_at=now)

    monkeypatch.setattr("agents.services.reaping.obsolete.pack", ends_first)
    assert reaping.disown(now=now, reason="put back") == 0
    assert AgentRun.objects.get(pk=run.pk).status == RunStatus.ENDED
