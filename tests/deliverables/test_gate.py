"""The gate over real files: what holds, what blocks, and in which words."""

import os
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Role, Via
from accounts.models import AuditEntry, JournalEntry
from dct_site.kernel import moves
from dct_site.kernel.moves import IllegalMove
from deliverables.enums import CheckStatus, DeliverableStatus
from deliverables.models import Check, Deliverable
from deliverables.selectors import deliverables_of, deliverables_visible_to
from deliverables.services import gate
from deliverables.services.looking import look_at
from deliverables.services.specify import specify
from deliverables.services.waive import NoReason, waive
from tests.factories.accounts import make_user
from tests.factories.deliverables import deliver, make_deliverable
from tests.factories.workspaces import make_workspace
from workspaces import files
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def reasons(workspace: Workspace, now: datetime) -> list[str]:
    return [str(check) for check in gate.evaluate(workspace=workspace, now=now).failing]


def status_of(deliverable: Deliverable) -> str:
    deliverable.refresh_from_db()
    return deliverable.status


def test_a_workspace_without_deliverables_holds(workspace: Workspace, now: datetime) -> None:
    assert gate.evaluate(workspace=workspace, now=now).holds


def test_a_missing_file_blocks(workspace: Workspace, now: datetime) -> None:
    deliverable = make_deliverable(workspace)
    assert reasons(workspace, now) == ["digest: feedback/digest.md does not exist."]
    assert status_of(deliverable) == DeliverableStatus.UNSATISFIED


def test_a_file_that_was_written_holds_and_its_checks_are_kept(workspace: Workspace, now: datetime) -> None:
    deliverable = make_deliverable(workspace, rules={"min_size": 3, "pattern": "^he"})
    deliver(workspace, "feedback/digest.md", "hello")
    result = gate.evaluate(workspace=workspace, now=now)
    assert (result.holds, result.failing) == (True, [])
    assert status_of(deliverable) == DeliverableStatus.SATISFIED
    assert deliverable.checked_at == now
    checks = list(Check.objects.values_list("rule", "status", "expected"))
    assert checks == [
        ("exists", CheckStatus.PASSED, "feedback/digest.md exists"),
        ("changed", CheckStatus.PASSED, "feedback/digest.md is written by the agent"),
        ("min_size", CheckStatus.PASSED, "at least 3 bytes"),
        ("pattern", CheckStatus.PASSED, "matches ^he"),
    ]


def test_every_reason_is_told_at_once(workspace: Workspace, now: datetime) -> None:
    make_deliverable(workspace, rules={"min_size": 200, "pattern": "Summary"})
    deliver(workspace, "feedback/digest.md", "short")
    assert reasons(workspace, now) == [
        "digest: feedback/digest.md has 5 bytes, at least 200 are asked",
        "digest: feedback/digest.md holds nothing that matches Summary",
    ]


def test_what_is_not_required_is_judged_but_blocks_nothing(workspace: Workspace, now: datetime) -> None:
    deliverable = make_deliverable(workspace, required=False)
    assert gate.evaluate(workspace=workspace, now=now).holds
    assert status_of(deliverable) == DeliverableStatus.UNSATISFIED


def test_a_file_that_vanishes_after_it_held_blocks_again(workspace: Workspace, now: datetime) -> None:
    deliverable = make_deliverable(workspace)
    deliver(workspace, "feedback/digest.md", "hello")
    assert gate.evaluate(workspace=workspace, now=now).holds
    files.delete_file(files.root_of(workspace), "feedback/digest.md")
    assert not gate.evaluate(workspace=workspace, now=now).holds
    assert status_of(deliverable) == DeliverableStatus.UNSATISFIED


def test_a_file_that_was_there_before_must_be_edited(workspace: Workspace, now: datetime) -> None:
    deliver(workspace, "work/a.txt", "before")
    make_deliverable(workspace, kind="file_edited", target="work/a.txt")
    assert reasons(workspace, now) == ["digest: work/a.txt is as it was before the work began"]
    deliver(workspace, "work/a.txt", "after")
    assert reasons(workspace, now) == []


@pytest.mark.parametrize("make", ["link", "hard link", "pipe", "directory"])
def test_only_a_plain_file_of_its_own_counts(workspace: Workspace, now: datetime, make: str) -> None:
    make_deliverable(workspace)
    outside = files.data_dir() / "outside.txt"
    outside.write_text("a secret of somebody else")
    target = files.root_of(workspace) / "feedback" / "digest.md"
    makers: dict[str, Any] = {
        "link": lambda: target.symlink_to(outside),
        "hard link": lambda: os.link(outside, target),
        "pipe": lambda: os.mkfifo(target),
        "directory": target.mkdir,
    }
    makers[make]()
    assert not gate.evaluate(workspace=workspace, now=now).holds


def test_specifying_again_changes_nothing(workspace: Workspace, now: datetime) -> None:
    first = make_deliverable(workspace)
    deliver(workspace, "feedback/digest.md", "hello")
    again = make_deliverable(workspace)
    assert (again.pk, again.baseline_checksum) == (first.pk, "")
    assert JournalEntry.objects.filter(kind="deliverable", came_from="").count() == 1


def test_rules_of_none_are_dropped_and_a_deadline_is_kept(workspace: Workspace, now: datetime) -> None:
    spec = {"name": "a", "kind": "file_created", "target": "a", "rules": {"min_size": None}, "deadline_s": 60}
    [row] = specify(workspace=workspace, specs=[spec], before={"a": ""}, now=now)
    assert (row.rules, row.deadline_at) == ({}, now + timedelta(seconds=60))


def test_a_deadline_ends_what_is_not_there_and_only_that(workspace: Workspace, now: datetime) -> None:
    late = make_deliverable(workspace, deadline_s=60)
    there = make_deliverable(workspace, name="there", target="feedback/there.md", deadline_s=60)
    deliver(workspace, "feedback/there.md", "hello")
    gate.evaluate(workspace=workspace, now=now)
    assert gate.expire_due(now=now + timedelta(seconds=59)) == 0
    assert gate.expire_due(now=now + timedelta(seconds=60)) == 1
    assert (status_of(late), status_of(there)) == (DeliverableStatus.EXPIRED, DeliverableStatus.SATISFIED)
    assert reasons(workspace, now) == ["digest: feedback/digest.md was not there by its deadline"]


def test_a_waiver_lets_the_gate_hold_and_is_audited(workspace: Workspace, now: datetime) -> None:
    deliverable = make_deliverable(workspace)
    gate.evaluate(workspace=workspace, now=now)
    person = make_user()
    waive(deliverable=deliverable, reason="  not   needed ", by=Actor.person(person, Via.API), now=now)
    assert gate.evaluate(workspace=workspace, now=now).holds
    deliverable.refresh_from_db()
    assert (deliverable.waived_by, deliverable.waive_reason) == (person, "not needed")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == (
        "deliverable.waived",
        {"status": "waived", "waive_reason": "not needed"},
    )


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_waiver_needs_a_reason(workspace: Workspace, now: datetime, reason: str) -> None:
    deliverable = make_deliverable(workspace)
    with pytest.raises(NoReason):
        waive(deliverable=deliverable, reason=reason, by=Actor.system(), now=now)
    assert status_of(deliverable) == DeliverableStatus.PENDING


def test_a_second_waiver_is_refused(workspace: Workspace, now: datetime) -> None:
    deliverable = make_deliverable(workspace)
    waive(deliverable=deliverable, reason="once", by=Actor.system(), now=now)
    with pytest.raises(IllegalMove):
        waive(deliverable=deliverable, reason="twice", by=Actor.system(), now=now)


def test_a_waiver_during_the_look_stands(workspace: Workspace, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    deliverable = make_deliverable(workspace)
    looked = look_at

    def waived_meanwhile(*args: Any, **named: Any) -> Any:
        waive(deliverable=Deliverable.objects.get(), reason="not needed", by=Actor.system(), now=now)
        return looked(*args, **named)

    monkeypatch.setattr(gate, "look_at", waived_meanwhile)
    assert gate.evaluate(workspace=workspace, now=now).holds
    assert status_of(deliverable) == DeliverableStatus.WAIVED


def test_an_expiry_that_lost_the_race_counts_nothing(
    workspace: Workspace, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_deliverable(workspace, deadline_s=60)

    def lost(*args: Any, **kwargs: Any) -> None:
        raise moves.LostRace("satisfied meanwhile")

    monkeypatch.setattr("deliverables.services.expiry.moves.move", lost)
    assert gate.expire_due(now=now + timedelta(hours=1)) == 0


def test_a_person_sees_only_the_deliverables_of_own_workspaces(workspace: Workspace) -> None:
    deliverable = make_deliverable(workspace)
    stranger = make_user(role=Role.CEO)
    assert list(deliverables_visible_to(user=workspace.owner)) == [deliverable]
    assert list(deliverables_visible_to(user=stranger)) == []
    assert [len(row.checks.all()) for row in deliverables_of(workspace)] == [2]


def test_a_file_of_many_chunks_is_read_to_its_end(workspace: Workspace, now: datetime) -> None:
    make_deliverable(workspace, rules={"min_size": 2_500_000, "pattern": "^x"})
    deliver(workspace, "feedback/digest.md", "x" * 2_500_000)
    assert gate.evaluate(workspace=workspace, now=now).holds
