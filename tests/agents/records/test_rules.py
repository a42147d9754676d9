"""How long records are kept: what each rule takes away, what stays, and that what goes is gone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.enums import Role, Via
from accounts.models import AuditEntry
from accounts.permissions import Denied
from agents.enums import AgentStatus
from agents.models import Agent, AgentMessage, ConversationPart, ObsoleteAgentRecord, RecordRule
from agents.selectors.record_rules import days_of, rule_of
from agents.selectors.records import lines_of
from agents.services import record_rules
from agents.services.obsolete import PART_MESSAGES, pack
from agents.services.record_rules import change_rule, pin, preview, purge_records, unpin
from agents.services.restoring import restore
from agents.services.values import InvalidValue
from dct_site.engine.tick import tick
from dct_site.kernel.edits import EditConflict
from tests.agents.records.rows import SYSTEM, put_away, say
from tests.factories.accounts import make_user
from tests.factories.agents import NOON, make_agent
from tests.factories.workspaces import make_template, make_workspace

pytestmark = pytest.mark.django_db


def ago(days: float) -> datetime:
    return NOON - timedelta(days=days)


def kept() -> set[int]:
    return set(ObsoleteAgentRecord.objects.filter(purged_at=None).values_list("pk", flat=True))


def rule(scope: Any = None, **values: int | None) -> RecordRule:
    return change_rule(scope=scope, by=SYSTEM, now=NOON, **values)


def test_as_delivered_a_record_is_kept_for_a_year() -> None:
    old, young = put_away("a", at=ago(366)), put_away("b", at=ago(364))
    assert purge_records(now=NOON) == 1
    assert kept() == {young.pk}
    old.refresh_from_db()
    assert (old.purged_at, old.reason, old.by_label, old.stored_bytes) == (NOON, "replaced", "anna", 0)


def test_what_goes_is_gone_with_all_that_its_agent_said() -> None:
    record = put_away(*["canary"] * (PART_MESSAGES + 3), at=ago(400))
    Agent.objects.update(checkpoint={"session": "canary"})
    ObsoleteAgentRecord.objects.update(checkpoint={"session": "canary"})
    other = put_away("stays", at=NOON)
    purge_records(now=NOON)
    record.refresh_from_db()
    assert (bytes(record.conversation), record.changes, record.checkpoint) == (b"", None, {})
    assert list(lines_of(record)) == []
    assert Agent.objects.get(pk=record.agent_id).checkpoint == {}
    assert not ConversationPart.objects.exists()
    assert set(AgentMessage.objects.values_list("agent_id", flat=True)) == {other.agent_id}


def test_the_nearest_rule_says_how_old_a_record_may_get() -> None:
    template = make_template({})
    near, other = make_workspace(template=template), make_workspace(template=template)
    of_near, of_other, elsewhere = (
        put_away("x", at=ago(50), workspace=workspace) for workspace in (near, other, make_workspace())
    )
    rule(max_days=10)
    rule(template, max_days=40)
    rule(near, max_days=60)
    assert [days_of(rule_of(scope)) for scope in (None, template, near)] == [10, 40, 60]
    assert days_of(RecordRule(workspace=other)) == 40
    purge_records(now=NOON)
    assert kept() == {of_near.pk}
    assert {of_other.pk, elsewhere.pk} & kept() == set()


def test_a_number_keeps_the_newest_of_what_it_covers() -> None:
    template = make_template({})
    one, other = make_workspace(template=template), make_workspace(template=template)
    records = [put_away("x", at=ago(10 - n), workspace=(one, other)[n % 2]) for n in range(6)]
    outside = put_away("x", at=ago(20))
    rule(template, max_count=3)
    assert purge_records(now=NOON) == 3
    assert kept() == {outside.pk, *(record.pk for record in records[3:])}
    rule(one, max_count=0)
    purge_records(now=NOON)
    assert kept() == {outside.pk, records[3].pk, records[5].pk}


def test_a_size_keeps_the_newest_that_fit() -> None:
    records = [put_away(f"{n}" * 50, at=ago(10 - n)) for n in range(4)]
    ObsoleteAgentRecord.objects.update(stored_bytes=100)
    rule(max_bytes=250)
    assert purge_records(now=NOON) == 2
    assert kept() == {records[2].pk, records[3].pk}


def test_what_is_pinned_stays_and_is_not_counted() -> None:
    pinned, old, new = (put_away("x", at=ago(days)) for days in (900, 5, 1))
    assert pin(record=pinned, by=SYSTEM, now=NOON)
    assert not pin(record=pinned, by=SYSTEM, now=NOON)
    rule(max_count=1)
    purge_records(now=NOON)
    assert kept() == {pinned.pk, new.pk}
    assert old.pk not in kept()
    assert unpin(record=pinned, by=SYSTEM, now=NOON)
    RecordRule.objects.update(swept_at=None)
    purge_records(now=NOON)
    assert kept() == {new.pk}
    actions = list(AuditEntry.objects.order_by("id").values_list("action", "object_id"))
    assert [action for action in actions if action[0].startswith("obsolete_agent")] == [
        ("obsolete_agent.pinned", pinned.pk),
        ("obsolete_agent.unpinned", pinned.pk),
    ]


def test_a_tombstone_is_not_pinned() -> None:
    record = put_away("x", at=ago(900))
    purge_records(now=NOON)
    assert not pin(record=record, by=SYSTEM, now=NOON)


def test_what_an_agent_is_being_restored_from_waits() -> None:
    record = put_away("x", at=ago(900))
    restore(record=record, by=SYSTEM, now=NOON)
    assert purge_records(now=NOON) == 0
    assert kept() == {record.pk}


def test_a_preview_counts_and_changes_nothing() -> None:
    workspace = make_workspace()
    for days in (1, 20, 30):
        put_away("x", at=ago(days), workspace=workspace)
    put_away("x", at=ago(30))
    ObsoleteAgentRecord.objects.update(stored_bytes=100)
    assert pin(record=ObsoleteAgentRecord.objects.order_by("at", "id")[1], by=SYSTEM, now=NOON)
    found = preview(scope=workspace, now=NOON, max_days=10, max_count=1)
    assert (found.records, found.bytes, found.pinned) == (3, 300, 0)
    assert (found.going_records, found.going_bytes) == (2, 200)
    everywhere = preview(scope=None, now=NOON, max_bytes=0)
    assert (everywhere.records, everywhere.pinned, everywhere.going_records) == (4, 1, 3)
    assert not RecordRule.objects.exists()
    assert len(kept()) == 4


def test_a_round_that_was_killed_is_ended_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    put_away(*["canary"] * (PART_MESSAGES + 3), at=ago(900))

    def killed(**_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(record_rules, "forget_said", killed)
    with pytest.raises(KeyboardInterrupt):
        purge_records(now=NOON)
    assert AgentMessage.objects.exists()
    monkeypatch.undo()
    purge_records(now=NOON)
    assert not AgentMessage.objects.exists()
    assert not ConversationPart.objects.exists()


def test_parts_of_an_agent_that_was_not_put_away_after_all_go() -> None:
    done, at_work = (make_agent(status=status) for status in (AgentStatus.COMPLETED, AgentStatus.RUNNING))
    for agent in (done, at_work):
        say(agent, *["x"] * (PART_MESSAGES + 1))
        pack(agent.pk)
    purge_records(now=NOON)
    assert set(ConversationPart.objects.values_list("agent_id", flat=True)) == {at_work.pk}
    assert AgentMessage.objects.filter(agent_id=done.pk).count() == PART_MESSAGES + 1


def test_after_a_round_that_found_nothing_the_clock_rests_until_a_rule_changes() -> None:
    purge_records(now=NOON)
    put_away("x", at=ago(900))
    with CaptureQueriesContext(connection) as asked:
        assert purge_records(now=NOON + timedelta(seconds=59)) == 0
    assert len(asked) == 1
    rule(max_days=800)
    assert purge_records(now=NOON + timedelta(seconds=59)) == 1


def test_a_rule_is_changed_within_bounds_audited_and_by_who_may() -> None:
    row = rule(max_days=30)
    assert AuditEntry.objects.get(action="record_rule.changed").after == {"max_days": 30}
    for values in ({"max_days": 0}, {"max_count": -1}, {"max_bytes": True}, {"max_weeks": 1}):
        with pytest.raises(InvalidValue):
            rule(**values)
    with pytest.raises(EditConflict):
        change_rule(scope=None, by=SYSTEM, now=NOON, version=row.version - 1, max_days=40)
    support = Actor.person(make_user(role=Role.SUPPORT), Via.API)
    with pytest.raises(Denied):
        change_rule(scope=None, by=support, now=NOON, max_days=40)
    rule(max_days=None)
    assert days_of(rule_of(None)) == 365


def test_who_may_not_steer_an_agent_may_not_pin_its_record() -> None:
    stranger = Actor.person(make_user(role=Role.CEO), Via.API)
    with pytest.raises(Denied):
        pin(record=put_away("x"), by=stranger, now=NOON)


def test_the_clock_takes_them_away() -> None:
    put_away("x", at=ago(900))
    tick(NOON)
    assert kept() == set()


def test_a_round_that_takes_long_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_rules, "BATCH", 1)
    monkeypatch.setattr(record_rules, "PATIENCE_S", -1.0)
    for _ in range(2):
        put_away("old", at=ago(400))
    assert [purge_records(now=NOON) for _ in range(3)] == [1, 1, 0]
    assert kept() == set()
