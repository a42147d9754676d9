"""An agent that is restored from a record: what it is given, where it waits, what keeps it from that."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from agents.budget import BudgetBounds
from agents.criteria import criteria_of, differing
from agents.enums import AgentStatus, Criterion, IntentKind, IntentStatus, MessageKind, StartStatus
from agents.models import Agent, AgentIntent, AgentMessage, ObsoleteAgentRecord, Reservation, StartRequest
from agents.services import admission, intents, restoring
from agents.services.arbitrate import Action
from agents.services.forgetting import forget_conversations
from agents.services.obsolete import PART_MESSAGES
from agents.services.reaping import reap
from agents.services.restoring import CannotRestore, restore
from agents.services.resume import wish_for_orphans
from agents.services.settle_intents import settle
from agents.starts import payers
from tests.agents.handlers import RecordingHandler
from tests.agents.records.rows import SYSTEM, put_away
from tests.agents.running import LEASE, running
from tests.agents.supervising import admitted_agent, admitting, is_in, run_until, said
from tests.factories.agents import NOON, make_agent, make_command, make_profile, set_limits
from tests.factories.workspaces import make_workspace
from workspaces.enums import TrustTier, WorkspaceStatus
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED, AgentStatus.WAITING)


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()


def test_a_restored_agent_is_given_the_same_conversation_and_checkpoint_and_waits_for_a_slot() -> None:
    record = put_away(*[f"line {n}" for n in range(1, PART_MESSAGES + 251)])
    ObsoleteAgentRecord.objects.filter(pk=record.pk).update(checkpoint={"session": "s-7"})
    agent = restore(record=record, by=SYSTEM, now=NOON)
    assert (agent.status, agent.workspace_id, agent.profile_id) == (
        AgentStatus.PENDING,
        record.workspace_id,
        record.agent.profile_id,
    )
    assert wish_for_orphans(now=NOON) == 0, "it begins only when it has everything"
    assert settle(agent.pk, now=NOON) is Action.RESTORE
    columns = ("seq", "kind", "text", "data", "at")
    before = list(AgentMessage.objects.filter(agent_id=record.agent_id).values_list(*columns))
    now = list(AgentMessage.objects.filter(agent_id=agent.pk).values_list(*columns))
    assert now[:-1] == before
    assert now[-1][2].startswith(f"Restored by anna from agent {record.agent_id}")
    agent.refresh_from_db()
    assert (agent.checkpoint, agent.restored_from) == ({"session": "s-7"}, record)
    wish = StartRequest.objects.get(subject_id=agent.pk, kind="agent")
    assert (wish.status, wish.agents, wish.workspaces, wish.is_resumed) == (StartStatus.WAITING, 1, 0, False)
    assert AgentIntent.objects.get(agent=agent).status == IntentStatus.DONE
    assert AuditEntry.objects.get(action="agent.restored").after == {"agent": agent.pk}
    assert settle(agent.pk, now=NOON) is Action.NOTHING


def test_news_finds_it_as_the_old_one_unless_its_profile_is_another_by_now() -> None:
    record = put_away("line")
    old = criteria_of(record.agent.profile, instructions="the trigger's")
    Agent.objects.filter(pk=record.agent_id).update(criteria=old)
    same = restore(record=record, by=SYSTEM, now=NOON)
    assert same.criteria == old
    intents.stop(agent=same, by=SYSTEM, now=NOON, reason="another one")
    settle(same.pk, now=NOON)

    profile = record.agent.profile
    profile.permissions, profile.version = {"tools": []}, profile.version + 1
    profile.save()
    other = restore(record=record, by=SYSTEM, now=NOON).criteria
    wanted = criteria_of(profile, instructions="the trigger's")
    assert differing(other, wanted, list(Criterion)) == [Criterion.INSTRUCTIONS]


def test_a_filling_that_was_killed_goes_on_and_tells_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    record = put_away(*[f"line {n}" for n in range(1, 2 * restoring.CHUNK + 10)])
    agent = restore(record=record, by=SYSTEM, now=NOON)

    def killed(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "crashpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        settle(agent.pk, now=NOON)
    assert AgentMessage.objects.filter(agent_id=agent.pk).count() == restoring.CHUNK
    monkeypatch.undo()
    settle(agent.pk, now=NOON)
    assert said(agent)[:-1] == said(record.agent)
    assert StartRequest.objects.filter(subject_id=agent.pk, kind="agent").count() == 1


def test_what_it_is_told_meanwhile_comes_after_what_it_is_given() -> None:
    agent = restore(record=put_away("old"), by=SYSTEM, now=NOON)
    intents.tell(agent=agent, text="And now this.", by=SYSTEM, now=NOON)
    settle(agent.pk, now=NOON)
    settle(agent.pk, now=NOON)
    assert [said(agent)[0], said(agent)[-1]] == ["old", "And now this."]


def test_one_that_is_stopped_before_it_begins_never_asks_for_a_slot() -> None:
    agent = restore(record=put_away("old"), by=SYSTEM, now=NOON)
    intents.stop(agent=agent, by=SYSTEM, now=NOON, reason="not after all")
    settle(agent.pk, now=NOON)
    agent.refresh_from_db()
    assert agent.status == AgentStatus.STOPPED
    assert not StartRequest.objects.filter(subject_id=agent.pk, kind="agent").exists()
    assert AgentIntent.objects.get(kind=IntentKind.RESTORE).status == IntentStatus.DROPPED


def test_what_went_meanwhile_cannot_be_gone_on_from() -> None:
    record = put_away("old")
    agent = restore(record=record, by=SYSTEM, now=NOON)
    forget_conversations(workspace_ids=[record.workspace_id])
    AgentIntent.objects.update(payload={"record": record.pk})
    settle(agent.pk, now=NOON)
    agent.refresh_from_db()
    assert (agent.status, agent.reason) == (
        AgentStatus.FAILED,
        "What it was to be restored from is no longer kept.",
    )
    assert said(agent) == []


def test_one_that_ends_while_it_is_filled_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    record = put_away("line")
    agent = restore(record=record, by=SYSTEM, now=NOON)

    def ends(_: str) -> None:
        intents.stop(agent=agent, by=SYSTEM, now=NOON, reason="not needed")
        AgentIntent.objects.filter(kind=IntentKind.RESTORE).update(status=IntentStatus.DROPPED)

    monkeypatch.setattr(restoring, "crashpoint", ends)
    restoring.fill(agent.pk, now=NOON)
    assert not StartRequest.objects.filter(subject_id=agent.pk, kind="agent").exists()
    restoring.fill(agent.pk, now=NOON)
    assert restoring._fill(agent.pk, put_away("of", "another")) is True, "nothing is written for one that ends"
    assert said(agent) == ["line"]
    restoring._give_up(agent.pk, "its record went", NOON)
    agent.refresh_from_db()
    assert agent.status == AgentStatus.PENDING, "the wish to stop ends it, and says why"


def test_nothing_is_written_behind_who_takes_the_record_away() -> None:
    record = put_away("line")
    agent = restore(record=record, by=SYSTEM, now=NOON)
    ObsoleteAgentRecord.objects.filter(pk=record.pk).update(purged_at=NOON)
    assert restoring._fill(agent.pk, record) is False
    assert said(agent) == []


def test_a_workspace_that_was_put_away_meanwhile_takes_nobody() -> None:
    agent = restore(record=put_away("old"), by=SYSTEM, now=NOON)
    Workspace.objects.update(status=WorkspaceStatus.ARCHIVED)
    settle(agent.pk, now=NOON)
    agent.refresh_from_db()
    assert (agent.status, agent.reason) == (AgentStatus.FAILED, "Its workspace is archived.")
    assert not StartRequest.objects.filter(kind="agent").exists()


@pytest.mark.parametrize("status", [WorkspaceStatus.ARCHIVED, WorkspaceStatus.DRAFT, WorkspaceStatus.BUILDING])
def test_a_workspace_that_is_put_away_or_not_ready_takes_nobody(status: WorkspaceStatus) -> None:
    record = put_away("old")
    Workspace.objects.update(status=status)
    with pytest.raises(CannotRestore, match="Its workspace is"):
        restore(record=record, by=SYSTEM, now=NOON)


def test_not_beside_an_agent_that_is_at_work_there() -> None:
    record = put_away("old")
    other = make_agent(workspace=record.workspace)
    with pytest.raises(CannotRestore, match=f"Agent {other.pk} is at work in its workspace"):
        restore(record=record, by=SYSTEM, now=NOON)
    Agent.objects.filter(pk=other.pk).update(status=AgentStatus.COMPLETED)
    restore(record=record, by=SYSTEM, now=NOON)
    with pytest.raises(CannotRestore):
        restore(record=record, by=SYSTEM, now=NOON)


def test_not_from_a_tombstone_nor_for_a_profile_that_was_put_away() -> None:
    record = put_away("old")
    record.agent.profile.is_archived = True
    record.agent.profile.save()
    with pytest.raises(CannotRestore, match="Its profile was put away"):
        restore(record=record, by=SYSTEM, now=NOON)
    ObsoleteAgentRecord.objects.update(purged_at=NOON)
    with pytest.raises(CannotRestore, match="no longer kept"):
        restore(record=record, by=SYSTEM, now=NOON)
    ObsoleteAgentRecord.objects.all().delete()
    with pytest.raises(CannotRestore, match="not kept any more"):
        restore(record=record, by=SYSTEM, now=NOON)


def test_its_work_goes_on_the_budget_that_the_workspace_was_made_under(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(payers._entries, "test", lambda _: "trigger:9")
    monkeypatch.delitem(payers._entries, "trigger")
    admission.set_budget(key="trigger:9", bounds=BudgetBounds(tokens=100), now=NOON)
    record = put_away("old")
    agent = restore(record=record, by=SYSTEM, now=NOON)
    settle(agent.pk, now=NOON)
    assert admission.admit(now=timezone.now()) == 1
    reserved = Reservation.objects.get()
    assert (reserved.key, reserved.workspace_id, reserved.start.subject_id) == (
        "trigger:9",
        record.workspace_id,
        agent.pk,
    )
    agent.refresh_from_db()
    running(agent, timezone.now())
    assert reap(now=timezone.now() + LEASE) == 1
    again = StartRequest.objects.get(status=StartStatus.WAITING)
    assert (again.subject_id, again.concurrency_key) == (agent.pk, "trigger:9")


PROGRAM = """
import json, pathlib, sys
sys.stdin.read()
def tell(**value): print(json.dumps(value), flush=True)
session = sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv else ""
count = pathlib.Path(session or "s-1")
if session and not count.exists():
    sys.exit("No conversation found with session ID " + session)
number = int(count.read_text()) if session else 0
tell(type="system", subtype="init", session_id=count.name, model="counts")
import time
for number in range(number + 1, number + 4):
    count.write_text(str(number))
    message = {"id": str(number), "content": [{"type": "text", "text": str(number)}]}
    tell(type="assistant", session_id=count.name, message=message)
if not session:
    time.sleep(600)
tell(type="result", subtype="success", is_error=False, usage={"output_tokens": 1})
"""


@pytest.mark.django_db(transaction=True)
def test_a_program_that_counts_goes_on_where_the_old_agent_was() -> None:
    argv = (str(Path(sys.executable).resolve()), "-S", "-I", "-c", PROGRAM)
    profile = make_profile(command=make_command(*argv, transcript="claude_code"))
    agent = admitted_agent(profile, workspace=make_workspace(trust_tier=TrustTier.VERIFIED))

    def stopped() -> bool:
        if "3" in said(agent, MessageKind.TEXT) and not AgentIntent.objects.exists():
            intents.stop(agent=agent, by=SYSTEM, now=timezone.now(), reason="replaced")
        return is_in(agent, *ENDED)()

    run_until(stopped, admitting())
    record = ObsoleteAgentRecord.objects.get()
    assert record.checkpoint == {"session": "s-1"}
    assert record.change_count == 1

    restored = restore(record=record, by=SYSTEM, now=timezone.now())
    run_until(is_in(restored, *ENDED), admitting())
    restored.refresh_from_db()
    assert restored.status == AgentStatus.COMPLETED
    assert said(restored, MessageKind.TEXT) == ["1", "2", "3", "4", "5", "6"]
    assert restored.runs.count() == 1
    assert not StartRequest.objects.exclude(status=StartStatus.DONE).filter(kind="agent").exists()
    assert restored.created_at - agent.created_at < timedelta(minutes=5)
