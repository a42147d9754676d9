"""The index of a deciding process: up to date by the generation, in every process, and nothing rests on it alone."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.models import Connection, User
from tests.factories.triggers import NOON, make_delivery, make_jira, make_trigger, status_change, ticket
from tests.triggers.services.doomed import database_url
from triggers.conditions.facts import EventFacts
from triggers.enums import DeliveryStatus, Outcome, Suppression, TriggerStatus
from triggers.matching import live
from triggers.models import Decision, DeliveryOutcome, Event, Generation, PendingDelivery, Trigger, TriggerRevision
from triggers.selectors.standings import standing_at
from triggers.services import drafts, generation, matching, publishing, standing
from triggers.services.decide import sql as decide_sql
from triggers.services.decide.pending import decide_pending

SYSTEM = Actor.system()


def republish(trigger: Trigger, **over: Any) -> TriggerRevision:
    """Another revision, with these parts of the document changed."""
    row = Trigger.objects.get(pk=trigger.pk)
    drafts.save_draft(trigger=row, document={**row.draft, **over}, version=row.version, by=SYSTEM, now=NOON)
    return publishing.publish(trigger=row, by=SYSTEM, now=NOON)


def found(connection_id: int, *, to: str = "Done") -> list[tuple[int, int]]:
    """(trigger id, revision id) of who answers a change of status in the index of this moment."""
    facts = EventFacts("jira", "jira.updated", changes={"status": ("Open", to)})
    scopes = matching.scopes_of(connection_id=connection_id, item_ids=())
    return matching.index_at(generation.current()).match(facts, None, scopes)


def connection_of(trigger: Trigger) -> Connection:
    return trigger.listeners.get().connection


@contextmanager
def decider(**environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that decides when it is told to."""
    values = {
        **os.environ,
        "DCT_DATABASE_URL": database_url(),
        "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "dct_site.settings",
        **environment,
    }
    argv = [sys.executable, str(Path(__file__).with_name("deciding.py"))]
    with subprocess.Popen(argv, env=values, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def decide_in(process: "subprocess.Popen[str]") -> int:
    """How many deliveries the process decided; -1 where it ended over it."""
    tell(process)
    return answer_of(process)


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write(f"{NOON.isoformat()}\n")
    process.stdin.flush()


def answer_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    answers = (line.split()[1] for line in process.stdout if line.startswith("decided "))
    return int(next(answers, -1))


@pytest.mark.django_db
def test_the_index_follows_every_way_a_trigger_may_stand() -> None:
    trigger = make_trigger(conditions=status_change(to_status="Done"))
    where, first = connection_of(trigger).pk, trigger.published_id
    assert found(where) == [(trigger.pk, first)]
    # Paused and shadow triggers stay in: they are told from "no".
    for change in (standing.pause, standing.shadow):
        change(trigger=trigger, by=SYSTEM, now=NOON)
        assert found(where) == [(trigger.pk, first)]
    second = republish(trigger, conditions=status_change(to_status="Closed"))
    assert found(where) == []
    assert found(where, to="Closed") == [(trigger.pk, second.pk)]
    other = make_jira()
    republish(trigger, listeners=[{"connection_id": other.pk}])
    assert found(where, to="Closed") == []
    assert [key for key, _ in found(other.pk, to="Closed")] == [trigger.pk]
    standing.delete_trigger(trigger=trigger, by=SYSTEM, now=NOON)
    assert found(other.pk, to="Closed") == []


@pytest.mark.django_db
def test_an_index_that_caught_up_is_the_one_that_is_read_anew() -> None:
    triggers = [make_trigger(conditions=status_change()) for _ in range(3)]
    found(1)
    standing.pause(trigger=triggers[0], by=SYSTEM, now=NOON)
    standing.disable(trigger=triggers[1], by=SYSTEM, now=NOON)
    republish(triggers[2], conditions=status_change(to_status="Done"))
    make_trigger(connection=connection_of(triggers[0]))
    caught_up = sorted(matching.index_at(generation.current()).entries())
    matching.forget()
    assert sorted(matching.index_at(generation.current()).entries()) == caught_up
    assert len(caught_up) == 3


@pytest.mark.django_db
def test_nothing_is_read_while_nothing_changes_and_little_when_little_does() -> None:
    trigger = make_trigger(conditions=status_change())
    where = connection_of(trigger).pk
    found(where)
    with CaptureQueriesContext(connection) as quiet:
        found(where)
    assert len(quiet) == 1  # the generation
    other = make_trigger(conditions=status_change())
    with CaptureQueriesContext(connection) as moved:
        found(where)
    assert len(moved) == 4  # the generation, who changed, what they listen to, what they ask
    assert f"IN ({other.pk})" in moved[3]["sql"]


@pytest.mark.django_db
def test_a_change_of_something_else_builds_nothing() -> None:
    trigger = make_trigger(conditions=status_change())
    where = connection_of(trigger).pk
    found(where)
    before = matching.index_at(generation.current())
    generation.bump()
    after = matching.index_at(generation.current())
    assert after.generation == before.generation + 1
    assert after.delta is before.delta
    assert [key for key, _ in found(where)] == [trigger.pk]


@pytest.mark.django_db
def test_a_great_many_changes_are_read_with_all_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "RELOAD_FROM", 1)
    trigger = make_trigger(conditions=status_change())
    where = connection_of(trigger).pk
    found(where)
    others = [make_trigger(connection=connection_of(trigger)) for _ in range(2)]
    assert [key for key, _ in found(where)] == [trigger.pk, *(other.pk for other in others)]
    assert matching.index_at(generation.current()).changed == {}


@pytest.mark.django_db
def test_a_large_index_is_left_out_of_garbage_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[int] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(1))
    where = connection_of(make_trigger()).pk
    found(where)
    assert not frozen
    monkeypatch.setattr(matching, "_LARGE", 1)
    matching.forget()
    found(where)
    assert len(frozen) == 1
    matching._merge()
    assert len(frozen) == 2


@pytest.mark.django_db
def test_a_trigger_that_listens_to_nothing_any_more_is_not_in_it() -> None:
    trigger = make_trigger()
    trigger.listeners.get().delete()
    matching.forget()
    assert list(matching.index_at(generation.current()).entries()) == []


@pytest.mark.one_pass
def test_a_merge_of_what_was_forgotten_is_none() -> None:
    matching.forget()
    matching._merge()


@pytest.mark.django_db
def test_a_database_whose_generation_went_back_is_read_anew() -> None:
    trigger = make_trigger(conditions=status_change())
    where = connection_of(trigger).pk
    found(where)
    Trigger.objects.filter(pk=trigger.pk).update(status=TriggerStatus.DISABLED)
    Generation.objects.update(value=1)
    assert found(where) == []


@pytest.mark.django_db
def test_an_older_generation_is_answered_by_the_newer_index() -> None:
    """Another thread was quicker: what was read before it is refused on commit."""
    make_trigger()
    older = generation.current()
    generation.bump()
    newer = matching.index_at(generation.current())
    assert matching.index_at(older) is newer


@pytest.mark.django_db
@pytest.mark.parametrize("stored", [None, "no JSON that anybody wrote", [], {"all": []}])
def test_conditions_that_nobody_could_publish_are_an_error_of_their_trigger_alone(stored: Any) -> None:
    broken = make_trigger()
    healthy = make_trigger(connection=connection_of(broken))
    TriggerRevision.objects.filter(trigger=broken).update(document={**broken.draft, "conditions": stored})
    make_delivery(connection_of(broken))

    decide_pending(now=NOON)

    assert Decision.objects.get(trigger=broken).outcome == Outcome.ERROR
    assert Decision.objects.get(trigger=healthy).outcome == Outcome.FIRED


@pytest.mark.django_db
def test_only_triggers_that_match_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_trigger(conditions=status_change(to_status="Done"))
    for _ in range(6):
        make_trigger(connection=connection_of(trigger), conditions=status_change(to_status="Open"))
    wanted: list[int] = []

    def counted(given: Mapping[int, int | None]) -> dict[int, matching.Candidate]:
        wanted.extend(given)
        return matching.candidates(given)

    monkeypatch.setattr("triggers.services.decide.plan.candidates", counted)
    make_delivery(connection_of(trigger), ticket(changes={"status": ["Review", "Done"]}))
    decide_pending(now=NOON)
    assert wanted == [trigger.pk]
    assert Decision.objects.get().revision_id == trigger.published_id


@pytest.mark.django_db
def test_a_trigger_that_was_published_between_two_reads_is_not_answered_by_the_old_revision() -> None:
    trigger = make_trigger()
    trigger.refresh_from_db()
    first = trigger.published_id
    republish(trigger, conditions=status_change())
    assert matching.candidates({trigger.pk: first}) == {}
    assert list(matching.candidates({trigger.pk: None})) == [trigger.pk]
    assert matching.candidates({}) == {}


@pytest.mark.django_db
def test_a_candidate_whose_owner_is_gone_since_it_was_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_trigger()
    asked = decide_sql._by_id
    assert list(matching.candidates({trigger.pk: None})) == [trigger.pk]
    monkeypatch.setattr(decide_sql, "_by_id", lambda model, ids: [] if model is User else asked(model, ids))
    assert matching.candidates({trigger.pk: None}) == {}


@pytest.mark.django_db(transaction=True)
def test_many_changes_are_merged_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MERGE_FROM", 2)
    started: list[Thread] = []

    def start(self: Thread) -> None:
        started.append(self)

    trigger = make_trigger()
    where = connection_of(trigger).pk
    found(where)
    make_trigger(connection=connection_of(trigger))
    found(where)
    monkeypatch.setattr(Thread, "start", start)
    make_trigger(connection=connection_of(trigger))
    before = found(where)
    assert [thread.daemon for thread in started] == [True]
    assert len(before) == 3
    monkeypatch.setattr(matching, "_PAUSE_S", 0)
    started[0].run()
    state = matching.index_at(generation.current())
    assert state.changed == {}
    assert len(state.base) == 3
    assert found(where) == before


@pytest.mark.django_db(transaction=True)
def test_every_process_judges_by_what_is_committed() -> None:
    """Two deciders with their indexes in memory, told in turn, while one trigger is edited beside them."""
    trigger = make_trigger(conditions=status_change(to_status="word 0"))
    where = connection_of(trigger)
    with decider() as one, decider() as other:
        for at in range(8):
            if at == 4:
                standing.pause(trigger=trigger, by=SYSTEM, now=NOON)
            elif at == 6:
                standing.resume(trigger=trigger, by=SYSTEM, now=NOON)
            revision = republish(trigger, conditions=status_change(to_status=f"word {at}"))
            for word in (at - 1, at):
                make_delivery(where, {"changes": {"status": ["before", f"word {word}"]}, "external_id": f"{at}:{word}"})
            assert decide_in(one if at % 2 else other) == 2
            decision = Decision.objects.get(event__external_id=f"{at}:{at}")
            assert decision.revision == revision
            assert decision.suppressed_by == (Suppression.PAUSED if at in (4, 5) else "")
            assert not Decision.objects.filter(event__external_id=f"{at}:{at - 1}").exists()


@pytest.mark.django_db(transaction=True)
def test_whatever_is_edited_while_two_decide_each_decision_rests_on_its_generation() -> None:
    trigger = make_trigger(conditions=status_change())
    where = connection_of(trigger)
    with decider() as one, decider() as other:
        for at in range(5):
            for number in range(6):
                make_delivery(where, {"changes": {"status": ["a", "b"]}, "external_id": f"{at}:{number}"})
            for process in (one, other):
                tell(process)
            # Meanwhile:
            (standing.resume if at % 2 else standing.pause)(trigger=trigger, by=SYSTEM, now=NOON)
            republish(trigger)
            for process in (one, other):
                assert answer_of(process) >= 0
        while PendingDelivery.objects.exists():
            decide_in(one)
    assert Event.objects.count() == 30
    for event in Event.objects.all():
        then = standing_at(trigger=trigger, generation=event.generation)
        decision = Decision.objects.get(event=event)
        assert then is not None
        assert decision.revision_id == then.revision_id
        assert (decision.outcome == Outcome.SUPPRESSED) is (then.status == TriggerStatus.PAUSED)


@pytest.mark.django_db(transaction=True)
def test_a_decider_that_dies_in_a_merge_loses_nothing() -> None:
    trigger = make_trigger(conditions=status_change(to_status="Done"))
    where = connection_of(trigger)
    change = {"changes": {"status": ["Open", "Done"]}}
    with decider(MERGE_FROM="1", DCT_CRASH_AT="matching.merging") as process:
        make_delivery(where, change)
        assert decide_in(process) == 1
        revision = republish(trigger, name="Another name")
        make_delivery(where, change)
        decide_in(process)
        assert process.wait(30) == -signal.SIGKILL
    decide_pending(now=NOON)
    assert not PendingDelivery.objects.exists()
    assert set(DeliveryOutcome.objects.values_list("status", flat=True)) == {DeliveryStatus.DECIDED}
    assert Decision.objects.count() == 2
    assert Decision.objects.latest("pk").revision == revision


@pytest.mark.django_db(transaction=True)
def test_a_decider_that_merges_goes_on_deciding() -> None:
    trigger = make_trigger(conditions=status_change(to_status="Done"))
    where = connection_of(trigger)
    with decider(MERGE_FROM="1") as process:
        for _ in range(4):
            revision = republish(trigger)
            make_delivery(where, {"changes": {"status": ["Open", "Done"]}})
            assert decide_in(process) == 1
            assert Decision.objects.latest("pk").revision == revision
