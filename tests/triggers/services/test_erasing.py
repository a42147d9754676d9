"""Erasing an item and a person: what goes, what stays, what is in the way, and that a kill leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection as database
from django.db import models
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.enums import Role, Source, Via
from accounts.models import AuditEntry, Connection, IdempotencyKey, JournalEntry
from accounts.permissions import Denied
from agents.enums import AgentStatus, IntentKind, MessageKind
from agents.models import Agent, AgentIntent, AgentMessage, AgentRun, ConversationPart, ObsoleteAgentRecord
from agents.selectors.records import changed_files
from agents.services.obsolete import PART_MESSAGES, keep, pack
from agents.services.record_rules import pin
from agents.services.restoring import restore
from agents.services.settle_intents import settle
from dct_site.engine.work import WORK
from dct_site.kernel.moves import LostRace
from dct_site.kernel.wake import Topic
from deliverables.models import Check
from tests.factories.accounts import make_user
from tests.factories.agents import make_agent
from tests.factories.deliverables import deliver, make_deliverable
from tests.factories.executions import make_event
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger, make_watch
from tests.factories.workspaces import make_connection, make_item, make_workspace
from tests.triggers.services.doomed import database_url
from triggers.enums import ErasureStatus, ExecutionStatus, Refusal
from triggers.models import (
    Attempt,
    Delivery,
    DeliveryOutcome,
    Erasure,
    Event,
    Execution,
    ExecutionStep,
    SeenChange,
    Trigger,
)
from triggers.services.decide.pending import decide_pending
from triggers.services.explain import explain, explain_all
from triggers.services.keeping import erase_find, erase_work, erasing
from triggers.services.keeping.erase_find import Person
from triggers.services.keeping.erase_work import erase_some
from triggers.services.keeping.erasing import (
    Counted,
    CountsChanged,
    InvalidSubject,
    StillRunning,
    Subject,
    count,
    start,
)
from triggers.services.keeping.tombstones import InputsPurged
from triggers.services.replays.event import replay
from triggers.services.watches import elapse_due
from workspaces import files
from workspaces.enums import ContextKind, TrustTier
from workspaces.models import ContextFile, ContextItem, ItemState, Workspace
from workspaces.services import context
from workspaces.services.items import unwatch, watch
from workspaces.services.lifecycle import rename

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
LATER = after(3600)
CANARY = "kim.canary@example.org"


def told(**over: Any) -> dict[str, Any]:
    """An event that names the canary wherever outside text may stand."""
    return {
        "item": {"key": "OPS-1", "title": f"The door of {CANARY}", "url": f"https://x.test/{CANARY}"},
        "state": {"status": "open", "assignee": CANARY},
        "facts": {"title": CANARY, "text": f"Ask {CANARY}, please.", "mentions": [CANARY]},
        "data": {"who": {"login": CANARY}},
        "subject": CANARY,
        "actor": CANARY,
        "upstream_version": "1",
        "change_key": "OPS-1:1",
        **over,
    }


def happened(connection: Connection, *events: dict[str, Any], key: str | None = "d-1") -> Event:
    """The delivery of these events, decided; the first of them."""
    known = set(Event.objects.values_list("pk", flat=True))
    make_delivery(connection, *events, delivery_key=key, headers={"x-from": CANARY})
    decide_pending(now=NOON)
    return Event.objects.exclude(pk__in=known).earliest("pk")


def worked(execution: Execution) -> Workspace:
    """The execution ended, and the canary lies wherever work leaves something."""
    event = Event.objects.get(pk=execution.event_id)
    workspace = make_workspace(owner=execution.trigger.owner, item=event.item, title=f"For {CANARY}")
    entry = context.ContextEntry("event.json", ContextKind.EVENT, CANARY.encode(), event.item, 1, TrustTier.OPEN)
    context.record(context.write(workspace=workspace, entries=[entry], now=NOON))
    deliver(workspace, "feedback/digest.md", CANARY)
    agent = make_agent(workspace=workspace)
    AgentMessage.objects.create(
        agent_id=agent.pk, seq=1, kind=MessageKind.TEXT, text=CANARY, data={"a": CANARY}, at=NOON
    )
    AgentIntent.objects.create(
        agent=agent, kind=IntentKind.STOP, by="ann", payload={"text": CANARY}, reason=CANARY, at=NOON
    )
    AgentRun.objects.create(
        agent=agent, epoch=1, owner="x", lease_until=NOON, started_at=NOON, end_reason=CANARY, status="ended"
    )
    other = make_agent(workspace=workspace)
    AgentMessage.objects.create(agent_id=other.pk, seq=1, kind=MessageKind.TEXT, text=CANARY, at=NOON)
    assert keep(other, pack(other.pk), reason=CANARY, by=SYSTEM, now=NOON) is not None
    ended = {"status": AgentStatus.COMPLETED, "checkpoint": {"a": CANARY}, "reason": CANARY}
    Agent.objects.filter(workspace=workspace).update(**ended)
    Check.objects.create(deliverable=make_deliverable(workspace), rule="pattern", expected="a word", found=CANARY)
    Attempt.objects.create(execution=execution, number=1, started_at=NOON, error=CANARY)
    ExecutionStep.objects.filter(execution=execution).update(error=CANARY)
    Execution.objects.filter(pk=execution.pk).update(
        workspace=workspace, status=ExecutionStatus.FAILED, ended_at=NOON, reason=CANARY
    )
    for kind, pk in (("execution", execution.pk), ("agent", agent.pk), ("workspace", workspace.pk)):
        JournalEntry.objects.create(kind=kind, object_id=pk, to="failed", reason=CANARY, at=NOON)
    return workspace


def erase(subject: Subject, *, stop_running: bool = False, rounds: int = 30) -> Erasure:
    row = begin(subject, stop_running=stop_running)
    for _ in range(rounds):
        erase_some(now=LATER)
    row.refresh_from_db()
    return row


def begin(subject: Subject, *, stop_running: bool = False) -> Erasure:
    user = make_user(role=Role.DEVELOPER)
    seen = count(subject=subject, by=SYSTEM, now=LATER)
    by = Actor.person(user, Via.PAGE)
    return start(
        subject=subject, confirmation=seen.confirmation, stop_running=stop_running, user=user, by=by, now=LATER
    )


def places_of(word: str) -> set[str]:
    """Every column of every table of the project that holds the word, and every file of its workspaces."""
    found: set[str] = set()
    for room in ("accounts", "workspaces", "deliverables", "agents", "triggers"):
        for model in apps.get_app_config(room).get_models():
            for row in model._default_manager.all():
                for field in model._meta.concrete_fields:
                    if word in _as_text(field, row):
                        found.add(f"{model._meta.label}.{field.name}")
    for root in (files.root_of(workspace) for workspace in Workspace.objects.all()):
        paths = [path for path in root.rglob("*") if path.is_file()]
        found |= {f"file {path.parent.name}" for path in paths if word.encode() in path.read_bytes()}
    return found


def _as_text(field: "models.Field[Any, Any]", row: models.Model) -> str:
    value = getattr(row, field.attname)
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def known_item(trigger: Trigger) -> ContextItem:
    event = happened(trigger.listeners.get().connection, told())
    worked(Execution.objects.get())
    assert event.item is not None
    return event.item


# An item


def test_of_an_erased_item_nothing_is_left_but_the_keys_and_what_agents_made() -> None:
    trigger = make_trigger()
    item = known_item(trigger)
    assert len(places_of(CANARY)) > 25

    row = erase(Subject(item=item))

    assert row.status == ErasureStatus.DONE
    assert places_of(CANARY) == {"file feedback"}
    assert (row.total, row.done, row.counts["deliveries"], row.counts["messages"]) == (1, 1, 1, 2)
    item.refresh_from_db()
    assert (item.external_key, item.title, item.url, item.state) == ("OPS-1", "", "", {})


def test_what_is_kept_of_replaced_agents_goes_whole_pinned_or_not() -> None:
    item = known_item(make_trigger())
    workspace = Workspace.objects.get()
    deliver(workspace, "work/notes.md", CANARY)
    agent = make_agent(workspace=workspace)
    AgentMessage.objects.bulk_create(
        AgentMessage(agent_id=agent.pk, seq=seq, kind=MessageKind.TEXT, text=CANARY, at=NOON)
        for seq in range(1, PART_MESSAGES + 2)
    )
    record = keep(agent, pack(agent.pk), reason=CANARY, by=SYSTEM, now=NOON)
    assert record is not None
    assert CANARY in changed_files(record)[-1]["diff"]
    assert ConversationPart.objects.exists()
    Agent.objects.update(status=AgentStatus.STOPPED)
    pin(record=record, by=SYSTEM, now=NOON)

    erase(Subject(item=item))

    assert not ObsoleteAgentRecord.objects.exists()
    assert not ConversationPart.objects.exists()
    assert not AgentMessage.objects.exists()


def test_an_agent_that_was_restored_into_an_ended_run_is_in_the_way_and_stopped_with_it() -> None:
    item = known_item(make_trigger())
    agent = restore(record=ObsoleteAgentRecord.objects.get(), by=SYSTEM, now=NOON)
    assert count(subject=Subject(item=item), by=SYSTEM, now=LATER).running == 1
    with pytest.raises(StillRunning):
        begin(Subject(item=item))
    row = begin(Subject(item=item), stop_running=True)
    erase_some(now=LATER)
    row.refresh_from_db()
    assert row.waits_for == "It waits until the runs about it have ended."
    settle(agent.pk, now=LATER)
    for _ in range(30):
        erase_some(now=LATER)
    row.refresh_from_db()
    assert row.status == ErasureStatus.DONE
    assert places_of(CANARY) == {"file feedback"}


def test_with_its_files_only_if_that_was_asked_for() -> None:
    item = known_item(make_trigger())
    workspace = Workspace.objects.get()

    erase(Subject(item=item, with_files=True))

    assert places_of(CANARY) == set()
    assert (files.root_of(workspace) / "feedback").is_dir()


def test_nothing_is_waited_for_any_more_about_it() -> None:
    trigger = make_trigger()
    item = known_item(trigger)
    armed = make_watch(trigger, Event.objects.get(), due_at=after(7200))
    beside = make_watch(trigger, make_event(), due_at=after(7200))

    erase(Subject(item=item))

    armed.refresh_from_db()
    beside.refresh_from_db()
    assert (armed.status, armed.reason) == ("ended", "What it was about was erased.")
    assert beside.status == "armed"
    beside.delete()
    assert elapse_due(now=after(7201)) == 0


def test_what_hangs_under_it_goes_too_and_what_lies_beside_it_stays() -> None:
    connection = make_jira()
    parent = make_item(connection=connection, title="The house")
    child = make_item(connection=connection, parent=parent, title=CANARY)
    beside = make_item(connection=connection, title="The other house", state={"a": 1})

    erase(Subject(item=parent))

    parent.refresh_from_db()
    child.refresh_from_db()
    beside.refresh_from_db()
    assert (parent.title, child.title, beside.title, beside.state) == ("", "", "The other house", {"a": 1})


def test_what_says_it_again_is_known_by_its_keys_and_does_not_come_back() -> None:
    trigger = make_trigger()
    connection = trigger.listeners.get().connection
    item = known_item(trigger)
    erase(Subject(item=item))

    make_delivery(connection, told(), delivery_key="d-1", headers={})
    make_delivery(connection, told(), delivery_key="another")
    decide_pending(now=LATER)

    assert Event.objects.count() == 1
    item.refresh_from_db()
    assert item.state == {}
    assert SeenChange.objects.get().change_key == "OPS-1:1"


def test_explain_answers_inputs_purged_and_a_replay_is_refused() -> None:
    trigger, deaf = make_trigger(), make_trigger()
    event = happened(trigger.listeners.get().connection, told())
    worked(Execution.objects.get())
    del deaf

    erase(Subject(item=event.item))

    event.refresh_from_db()
    assert explain(event=event, trigger=trigger).is_purged
    assert all(answer.is_purged for answer in explain_all(event=event))
    with pytest.raises(InputsPurged):
        replay(event=event, trigger=None, by=SYSTEM, now=LATER)


def test_what_comes_after_it_is_judged_against_an_item_of_which_nothing_is_known() -> None:
    trigger = make_trigger()
    connection = trigger.listeners.get().connection
    item = known_item(trigger)
    erase(Subject(item=item))

    event = happened(
        connection, told(upstream_version="2", change_key="2", state={"status": "done"}, actor="ann"), key="d-2"
    )

    assert (event.changes, event.before) == ({}, {})
    assert explain(event=event, trigger=trigger).outcome == "fired"
    item.refresh_from_db()
    assert item.state == {"status": "done"}


def test_a_decider_that_read_the_old_state_does_not_write_it_back() -> None:
    item = make_item(connection=make_jira(), state={"who": CANARY}, state_version=3)
    erase(Subject(item=item))
    item.refresh_from_db()
    assert (item.state_version, ItemState.objects.get().version) == (4, 4)


def test_context_files_about_it_go_from_workspaces_about_something_else() -> None:
    item = make_item(connection=make_jira(), title=CANARY)
    workspace = make_workspace()
    entries = [
        context.ContextEntry("house.md", ContextKind.ITEM, CANARY.encode(), item, 1),
        context.ContextEntry("notes.md", ContextKind.TEXT, b"kept"),
    ]
    context.record(context.write(workspace=workspace, entries=entries, now=NOON))
    gone = make_workspace()
    ContextFile.objects.create(
        workspace=gone,
        path="a.md",
        kind=ContextKind.ITEM,
        item=item,
        size=1,
        checksum="0",
        trust_tier="open",
        written_at=NOON,
    )
    files.remove_tree(files.root_of(gone))

    row = erase(Subject(item=item))

    assert ContextFile.objects.get().path == "notes.md"
    assert not (files.root_of(workspace) / "context" / "house.md").exists()
    assert row.counts["files"] == 2


def test_a_workspace_that_somebody_made_for_the_item_loses_its_context_too() -> None:
    item = make_item(connection=make_jira(), title=CANARY)
    workspace = make_workspace(item=item, title=CANARY)
    context.record(
        context.write(workspace=workspace, entries=[context.ContextEntry("n.md", ContextKind.TEXT, b"x")], now=NOON)
    )
    erase(Subject(item=item))
    workspace.refresh_from_db()
    assert workspace.title == "Erased"
    assert not ContextFile.objects.exists()


def test_a_workspace_that_is_still_at_work_on_something_else_keeps_its_context() -> None:
    item = make_item(connection=make_jira(), title=CANARY)
    trigger = make_trigger()
    happened(trigger.listeners.get().connection, {})
    workspace = make_workspace(item=item)
    Execution.objects.update(workspace=workspace)
    entry = context.ContextEntry("n.md", ContextKind.TEXT, b"x")
    context.record(context.write(workspace=workspace, entries=[entry], now=NOON))

    erase(Subject(item=item))

    assert ContextFile.objects.get().workspace == workspace


def test_a_workspace_without_a_directory_is_made_none() -> None:
    item = known_item(make_trigger())
    root = files.root_of(Workspace.objects.get())
    files.remove_tree(root)

    assert erase(Subject(item=item)).status == ErasureStatus.DONE

    assert not root.exists()


# What is in the way


def test_runs_that_go_on_are_in_the_way_unless_they_are_stopped() -> None:
    trigger = make_trigger()
    event = happened(trigger.listeners.get().connection, told())

    with pytest.raises(StillRunning, match="1 of its runs still go on"):
        begin(Subject(item=event.item))
    assert not Erasure.objects.exists()
    row = erase(Subject(item=event.item), stop_running=True)

    assert Execution.objects.get().status == ExecutionStatus.CANCELLED
    assert row.status == ErasureStatus.DONE


def test_a_run_that_ends_by_itself_meanwhile_needs_no_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    event = happened(make_trigger().listeners.get().connection, told())
    stale = Execution.objects.get()
    Execution.objects.update(status=ExecutionStatus.FAILED)
    monkeypatch.setattr(erasing, "_running", lambda _ids: [stale])

    assert erase(Subject(item=event.item)).status == ErasureStatus.DONE
    assert Execution.objects.get().status == ExecutionStatus.FAILED


@pytest.mark.parametrize("what", ["execution", "agent"])
def test_what_goes_on_again_is_waited_for(what: str) -> None:
    trigger = make_trigger()
    item = known_item(trigger)
    row = begin(Subject(item=item))
    if what == "execution":
        Execution.objects.update(status=ExecutionStatus.RUNNING)
    else:
        Agent.objects.filter(pk=Agent.objects.earliest("pk").pk).update(status=AgentStatus.STOPPING)

    assert erase_some(now=LATER) == 0
    assert erase_some(now=LATER) == 0
    row.refresh_from_db()
    assert row.waits_for
    assert AgentMessage.objects.exists()

    Execution.objects.update(status=ExecutionStatus.CANCELLED)
    Agent.objects.update(status=AgentStatus.STOPPED)
    while erase_some(now=LATER):
        pass
    row.refresh_from_db()
    assert (row.status, row.waits_for) == (ErasureStatus.DONE, "")


def test_what_was_accepted_before_and_is_decided_after_it_began_belongs_to_it() -> None:
    item = make_item(connection=make_jira(), external_key="OPS-1", kind="ticket", title=CANARY)
    make_delivery(item.connection, told())
    row = begin(Subject(item=item))

    assert erase_some(now=LATER) == 0
    row.refresh_from_db()
    assert "deliveries" in row.waits_for
    decide_pending(now=LATER)
    while erase_some(now=LATER):
        pass

    assert places_of(CANARY) == set()


# Confirmed, by who may


def refused(subject: Subject, confirmation: str) -> Counted:
    """What there is instead of what was confirmed."""
    with pytest.raises(CountsChanged) as changed:
        start(subject=subject, confirmation=confirmation, stop_running=False, user=make_user(), by=SYSTEM, now=LATER)
    return changed.value.counted


def test_only_what_was_counted_is_erased() -> None:
    connection = make_jira()
    event = happened(connection, told())
    subject = Subject(item=event.item)
    seen = count(subject=subject, by=SYSTEM, now=LATER)
    assert (seen.events, seen.deliveries, seen.states, seen.items, seen.running) == (1, 1, 1, 1, 0)
    happened(connection, told(upstream_version="2", change_key="2"), key="d-2")

    for confirmation in (seen.confirmation, "made:up:it"):
        assert refused(subject, confirmation).events == 2
    token = count(subject=subject, by=SYSTEM, now=LATER).confirmation
    assert refused(Subject(item=event.item, with_files=True), token).events == 2
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("role", [Role.CEO, Role.SUPPORT])
def test_only_developers_count_and_erase(role: Role) -> None:
    user = make_user(role=role)
    subject, by = Subject(item=make_item(connection=make_jira(owner=user))), Actor.person(user, Via.API)
    with pytest.raises(Denied):
        count(subject=subject, by=by, now=LATER)
    with pytest.raises(Denied):
        start(subject=subject, confirmation="", stop_running=False, user=user, by=by, now=LATER)


def test_nothing_is_not_erased() -> None:
    item = make_item(connection=make_jira(), title="", url="", state={})
    with pytest.raises(InvalidSubject, match="nothing to erase"):
        begin(Subject(item=item))
    with pytest.raises(InvalidSubject, match="nothing to erase"):
        begin(Subject(person=Person("nobody")))


@pytest.mark.parametrize("name", ["", " a ", "x" * 201])
def test_what_is_no_name_is_not_looked_for(name: str) -> None:
    with pytest.raises(InvalidSubject, match="as the source knows it"):
        count(subject=Subject(person=Person(name)), by=SYSTEM, now=LATER)


# A person


NOT_PARSED = b"no JSON: "
PARTS = (
    b"Content-Type: multipart/mixed; boundary=x\n\n"
    b"--x\n\nnothing\n"
    b"--x\nContent-Transfer-Encoding: base64\n\nS2ltLkNhbmFyeUBleGFtcGxlLm9yZw==\n--x--\n"
)


@pytest.mark.parametrize(
    ("source", "body"),
    [
        (Source.JIRA, NOT_PARSED + b"Ask Kim.Canary@Example.org, please"),
        (Source.JIRA, NOT_PARSED + b'{"by": "\\u006bim.canary@example.org"}'),
        (Source.JIRA, NOT_PARSED + b"payload=%22kim.canary%40example.org%22"),
        (Source.EMAIL, b"Content-Transfer-Encoding: base64\n\nS2ltLkNhbmFyeUBleGFtcGxlLm9yZw=="),
        (Source.EMAIL, b"Content-Transfer-Encoding: quoted-printable\n\nkim.canary=40exa=\nmple.org"),
        (Source.EMAIL, PARTS),
        (Source.EMAIL, b"Cc: =?utf-8?q?kim=2Ecanary=40example=2Eorg?=\n\nx"),
    ],
    ids=["text", "JSON", "form", "base64", "quoted-printable", "a part", "a header"],
)
def test_what_was_refused_and_names_a_person_is_emptied_with_the_rest(source: Source, body: bytes) -> None:
    connection = make_jira()
    named = make_delivery(connection, body=body, source=source, rejection=Refusal.NOT_SAFE_JSON)
    make_delivery(connection, body=b"From: joan", source=Source.EMAIL, rejection=Refusal.NOT_SAFE_JSON)
    other = make_delivery(connection, body=NOT_PARSED + b"joan", rejection=Refusal.NOT_SAFE_JSON)
    seen = count(subject=Subject(person=Person(CANARY)), by=SYSTEM, now=LATER)
    assert (seen.refused, seen.events, seen.is_nothing) == (1, 0, False)

    assert erase(Subject(person=Person(CANARY))).status == ErasureStatus.DONE

    named.refresh_from_db()
    other.refresh_from_db()
    assert (bytes(named.body), named.headers, named.purged_at) == (b"", {}, LATER)
    assert (bytes(other.body), other.purged_at) == (NOT_PARSED + b"joan", None)
    with pytest.raises(InvalidSubject, match="nothing to erase"):
        begin(Subject(person=Person(CANARY)))


def copied(connection: Connection, number: int, cc: str = CANARY) -> Event:
    """A mail of which DCT makes an event that says nothing of who got a copy."""
    mail = f"Message-ID: <{number}@x>\nFrom: joan@example.org\nTo: ops@example.org\nX-Copied: {cc}\n\nThe door is shut."
    known = set(Event.objects.values_list("pk", flat=True))
    make_delivery(connection, body=mail.encode(), source=Source.EMAIL, delivery_key=str(number))
    decide_pending(now=NOON)
    return Event.objects.exclude(pk__in=known).get()


def test_a_delivery_that_alone_names_a_person_is_emptied_and_its_event_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase_find, "RAW", 2)
    connection = make_connection(source=Source.EMAIL)
    named, others = copied(connection, 1), [copied(connection, number, "joan") for number in range(2, 6)]
    last = copied(connection, 6)
    seen = count(subject=Subject(person=Person(CANARY)), by=SYSTEM, now=LATER)
    assert (seen.only_raw, seen.refused, seen.events, seen.is_all_read, seen.is_nothing) == (2, 0, 0, True, False)

    row = erase(Subject(person=Person(CANARY)))

    assert (row.status, row.counts["deliveries"]) == (ErasureStatus.DONE, 2)
    assert places_of(CANARY) == set()
    whole = Delivery.objects.filter(purged_at=None).values_list("pk", flat=True)
    assert set(whole) == {one.delivery_id for one in others}
    for event in (named, last):
        event.refresh_from_db()
        assert (event.purged_at, event.facts["text"]) == (None, "The door is shut.")


def test_what_an_event_names_too_is_counted_with_its_event_only() -> None:
    happened(make_jira(), told())
    seen = count(subject=Subject(person=Person(CANARY)), by=SYSTEM, now=LATER)
    assert (seen.events, seen.deliveries, seen.only_raw) == (1, 1, 0)


def test_a_preview_reads_the_newest_bodies_only_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_connection(source=Source.EMAIL)
    copied(connection, 1)
    copied(connection, 2)
    monkeypatch.setattr(erase_find, "PREVIEWED", 1)
    subject = Subject(person=Person(CANARY))
    seen = count(subject=subject, by=SYSTEM, now=LATER)
    assert (seen.only_raw, seen.is_all_read) == (1, False)

    copied(connection, 3, "joan")  # moves what a preview reads, and nothing that was confirmed
    user = make_user(role=Role.DEVELOPER)
    by = Actor.person(user, Via.PAGE)
    assert not count(subject=subject, by=SYSTEM, now=LATER).is_nothing
    start(subject=subject, confirmation=seen.confirmation, stop_running=False, user=user, by=by, now=LATER)
    for _ in range(10):
        erase_some(now=LATER)

    assert places_of(CANARY) == set()


def test_a_large_body_is_looked_through_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_connection(source=Source.EMAIL)
    for number in range(3):
        copied(connection, number)
    monkeypatch.setattr(erase_find, "RAW_BYTES", 10)
    found, last_id = erase_find.raw_naming(Person(CANARY), until=LATER, after_id=0)
    first = Delivery.objects.earliest("pk").pk
    assert ([raw.pk for raw in found], last_id) == ([first], first)


def test_who_looks_through_deliveries_beside_another_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    copied(make_connection(source=Source.EMAIL), 1)
    row = begin(Subject(person=Person(CANARY)))
    stale = Erasure.objects.get(pk=row.pk)
    assert erase_work._look_through(row, LATER) == 1
    with pytest.raises(LostRace):
        erase_work._look_through(stale, LATER)


def test_a_name_that_is_not_ascii_is_found_in_either_case() -> None:
    assert Person("ÉLISE").is_in("Ask élise.")
    assert not Person("élise").is_in("Ask elise.")
    assert Person("élise").is_in_bytes(b"Cc: =?utf-8?q?=C3=89lise?=\n\nx", Source.EMAIL)
    assert not Person("élise").is_in_bytes(b"Cc: =?no-such-charset?q?=C3=89lise?=\n\nx", Source.EMAIL)


@pytest.mark.parametrize("kind", ["item", "person"])
def test_answers_that_were_kept_for_repeated_calls_are_emptied(kind: str) -> None:
    event = happened(make_jira(), told())
    IdempotencyKey.objects.create(
        user=make_user(),
        route="POST /api/v1/triggers/1/test/",
        key="k",
        request_hash="x",
        response_status=200,
        response_body={"because": [f"{CANARY} asked"]},
        created_at=NOON,
    )

    row = erase(Subject(item=event.item) if kind == "item" else Subject(person=Person(CANARY)))

    assert row.counts["answers"] == 1
    assert places_of(CANARY) == set()
    assert IdempotencyKey.objects.get().response_status == 200


def test_the_log_names_no_item_workspace_or_event_by_its_title() -> None:
    event = happened(make_jira(), told())
    user = make_user(role=Role.DEVELOPER)
    by = Actor.person(user, Via.API)
    assert event.item is not None
    watch(item=event.item, by=by, now=NOON)
    unwatch(item=event.item, by=by, now=NOON)
    workspace = make_workspace(owner=user, item=event.item, title=f"For {CANARY}")
    rename(workspace=workspace, title="Another", version=workspace.version, by=by, now=NOON)
    replay(event=event, trigger=None, by=by, now=NOON)

    entries = AuditEntry.objects.filter(kind__in=["contextitem", "workspace", "event"])
    assert set(entries.values_list("kind", flat=True)) == {"contextitem", "workspace", "event"}
    for entry in entries:
        assert CANARY not in json.dumps([entry.before, entry.after, entry.object_label])


def test_of_what_could_not_be_parsed_what_was_said_of_it_goes_too() -> None:
    connection, elsewhere = make_jira(), make_jira()
    rows = [make_delivery(one, body=NOT_PARSED, headers={"from": CANARY}) for one in (connection, elsewhere)]
    no_longer_kept = make_delivery(connection, body=NOT_PARSED)
    decide_pending(now=NOON)
    Delivery.objects.filter(pk=no_longer_kept.pk).update(body=b"", purged_at=NOON)
    said = f"{CANARY} is no name"
    DeliveryOutcome.objects.update(detail=said)
    assert JournalEntry.objects.filter(kind="delivery").update(reason=said) == 3
    late = make_delivery(
        connection, body=NOT_PARSED + CANARY.encode(), now=after(9_000), rejection=Refusal.NOT_SAFE_JSON
    )

    erase(Subject(person=Person(CANARY, connection.pk)))

    left = {rows[0].pk: "", rows[1].pk: said, no_longer_kept.pk: ""}
    assert dict(DeliveryOutcome.objects.values_list("delivery", "detail")) == left
    assert dict(JournalEntry.objects.filter(kind="delivery").values_list("object_id", "reason")) == left
    assert set(Delivery.objects.filter(purged_at=None)) == {rows[1], late}


def test_of_an_erased_person_nothing_is_left() -> None:
    trigger = make_trigger()
    known_item(trigger)

    row = erase(Subject(person=Person(CANARY.upper()), with_files=True))

    assert row.status == ErasureStatus.DONE
    assert places_of(CANARY) == set()
    item = ContextItem.objects.get()
    assert (item.title, item.url) == ("The door of [erased]", "")
    assert item.state == {"status": "open", "assignee": "[erased]"}


def test_who_it_was_is_told_by_a_keyed_hash_only() -> None:
    happened(make_jira(), told())
    row = begin(Subject(person=Person(CANARY)))
    assert str(row.person) == CANARY
    stored = Erasure.objects.values_list("digest", flat=True).get()
    assert stored == Person(CANARY.upper()).digest
    assert CANARY not in places_of("erasure")

    while erase_some(now=LATER):
        pass

    row.refresh_from_db()
    assert row.person == ""
    entries = AuditEntry.objects.filter(action__startswith="erasure.")
    assert [entry.action for entry in entries.order_by("pk")] == ["erasure.started", "erasure.done"]
    for entry in entries:
        assert CANARY not in json.dumps([entry.before, entry.after, entry.object_label])
    started = entries.get(action="erasure.started")
    assert started.after["person"] == stored


@pytest.mark.parametrize(
    "fields",
    [
        {"actor": CANARY},
        {"subject": f"to {CANARY}"},
        {"facts": {"mentions": [CANARY]}},
        {"facts": {"text": f"({CANARY})"}},
        {"data": {"assignee": {"email": CANARY.title()}}},
        {"data": {CANARY: 1}},
        {"changes": {"assignee": [None, CANARY]}},
    ],
)
def test_whatever_they_did_or_what_names_them_goes(fields: dict[str, Any]) -> None:
    connection = make_jira()
    event, other = happened(connection, fields), happened(connection, {"actor": "ann"}, key="d-2")
    beside = make_item(connection=connection, title=f"x{CANARY}", state={"count": 5})

    erase(Subject(person=Person(CANARY)))

    event.refresh_from_db()
    other.refresh_from_db()
    beside.refresh_from_db()
    assert (event.purged_at, other.purged_at) == (LATER, None)
    assert beside.title == f"x{CANARY}"


@pytest.mark.parametrize(
    "text", ["joanna", "ann-marie", "ann.smith", "x.ann", "ann@example.org", "anna", "ann_b", "+ann"]
)
def test_others_whose_names_hold_theirs_stay(text: str) -> None:
    event = happened(make_jira(), {"actor": text, "facts": {"text": f"by {text} today"}})
    with pytest.raises(InvalidSubject):
        begin(Subject(person=Person("ann")))
    event.refresh_from_db()
    assert event.actor == text


@pytest.mark.parametrize("text", ["ann", "@ann", "Ann.", "ann, bob", "<ann>", "cc: ANN"])
def test_their_own_name_is_found_as_a_word(text: str) -> None:
    assert Person("ann").is_in({"n": 5, "a": [None, {"b": text}]})
    assert not Person("ann").is_in([["bob", 5], "joe"])
    assert Person("ann").without({text: [text, 5, None]}) != {text: [text, 5, None]}


def test_a_name_beyond_ascii_is_found_however_the_database_writes_it() -> None:
    event = happened(make_jira(), {"data": {"who": "jürgen"}})
    erase(Subject(person=Person("jürgen")))
    event.refresh_from_db()
    assert event.purged_at == LATER


def test_in_one_connection_only_that_one_is_looked_through() -> None:
    mine, other = make_jira(), make_jira()
    event, kept = happened(mine, told()), happened(other, told())

    erase(Subject(person=Person(CANARY, mine.pk)))

    event.refresh_from_db()
    kept.refresh_from_db()
    assert (event.purged_at, kept.purged_at) == (LATER, None)
    assert set(ContextItem.objects.values_list("state__assignee", flat=True)) == {CANARY, "[erased]"}
    assert ItemState.objects.filter(item__connection=other).exists()


def test_what_was_judged_by_a_state_that_named_them_cannot_be_judged_again() -> None:
    never = {"all": [{"type": "status_change", "config": {"to_status": "nowhere"}}]}
    trigger = make_trigger(conditions=never)
    connection = trigger.listeners.get().connection
    happened(connection, told())
    later = happened(
        connection,
        {"item": {"key": "OPS-1"}, "state": {"status": "done"}, "upstream_version": "2", "change_key": "2"},
        key="d-2",
    )
    assert not explain(event=later, trigger=trigger).is_purged

    erase(Subject(person=Person(CANARY)))

    assert explain(event=later, trigger=trigger).is_purged


def test_more_than_a_batch_is_worked_off_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    for number in range(5):
        happened(connection, {"actor": CANARY if number != 2 else "ann"}, key=f"d-{number}")
    monkeypatch.setattr(erase_work, "BATCH", 2)
    monkeypatch.setattr(erase_work, "LOOKED_AT", 3)
    row = begin(Subject(person=Person(CANARY)))

    rounds = 0
    while WORK[Topic.ERASE](LATER):
        rounds += 1

    row.refresh_from_db()
    assert (row.done, row.status, rounds) == (4, ErasureStatus.DONE, 4)
    assert Event.objects.filter(purged_at=None).count() == 1


def test_no_transaction_of_it_writes_more_than_500_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    item = known_item(make_trigger())
    agent = Agent.objects.earliest("pk")
    AgentMessage.objects.bulk_create(
        AgentMessage(agent_id=agent.pk, seq=seq, kind=MessageKind.TEXT, text=CANARY, at=NOON) for seq in range(2, 1_202)
    )
    begin(Subject(item=item))
    with CaptureQueriesContext(database) as found:
        while erase_some(now=LATER):
            pass
    deleted = [query["sql"] for query in found if query["sql"].startswith('DELETE FROM "agents_agentmessage"')]
    assert len(deleted) == 3
    assert not AgentMessage.objects.filter(text=CANARY).exists()


# Killed


def test_a_worker_that_is_behind_writes_nothing() -> None:
    connection = make_jira()
    for number in range(2):
        happened(connection, {"actor": CANARY}, key=f"d-{number}")
    begin(Subject(person=Person(CANARY)))
    behind = Erasure.objects.get()
    erase_some(now=LATER)

    Erasure.objects.filter(pk=behind.pk).update(after_id=999)
    assert erase_some(now=LATER) == 1
    behind.after_id = 5
    with pytest.raises(LostRace):
        erase_work._move_on(behind, 7, Counter(), LATER)


def test_an_item_that_moves_meanwhile_is_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    item = make_item(connection=make_jira(), title=CANARY, state_version=1)
    row = begin(Subject(item=item))
    restate = erase_work._restate

    def late(stale: ContextItem, *args: Any, **told: Any) -> int:
        ContextItem.objects.filter(pk=stale.pk).update(state_version=2)
        return restate(stale, *args, **told)

    with monkeypatch.context() as patch:
        patch.setattr(erase_work, "_restate", late)
        assert erase_some(now=LATER) == 0
    while erase_some(now=LATER):
        pass
    row.refresh_from_db()
    item.refresh_from_db()
    assert (row.status, item.title, item.state_version) == (ErasureStatus.DONE, "", 3)


@pytest.mark.unmeasured
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["erasure.before_commit", "erasure.committed", "erasure.before_end"])
def test_a_worker_that_is_killed_is_gone_on_from_and_nothing_is_left(place: str) -> None:
    item = known_item(make_trigger())
    begin(Subject(item=item, with_files=True))
    environment = {
        **os.environ,
        "DCT_DATABASE_URL": database_url(),
        "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "dct_site.settings",
        "DCT_CRASH_AT": place,
    }
    program = [sys.executable, str(Path(__file__).with_name("eraser.py")), LATER.isoformat()]

    assert subprocess.run(program, env=environment, timeout=120, check=False).returncode == -signal.SIGKILL

    assert Erasure.objects.get().status == ErasureStatus.RUNNING
    while erase_some(now=LATER):
        pass
    row = Erasure.objects.get()
    assert (row.status, row.done) == (ErasureStatus.DONE, 1)
    assert places_of(CANARY) == set()
