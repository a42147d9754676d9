"""Publishing, drafts, rolling back: what decides is an immutable revision, and nothing wrong becomes one."""

from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Role, Source, Via
from accounts.models import AuditEntry
from accounts.operations import Operation
from accounts.permissions import may
from dct_site.kernel.edits import EditConflict
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile
from tests.factories.triggers import ANYTHING, NOON, after, make_document, make_jira, make_listener, make_trigger
from tests.factories.workspaces import make_connection, make_item, make_template
from triggers.enums import ListenerType, TriggerStatus
from triggers.models import ContextListener, Trigger, TriggerListener, TriggerRevision, TriggerStanding
from triggers.services import generation
from triggers.services.drafts import create_trigger, save_draft
from triggers.services.publishing import Difference, InvalidDocument, diff_revisions, publish, rollback
from triggers.services.standing import disable, pause

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


def republish(trigger: Trigger, **over: Any) -> TriggerRevision:
    trigger.refresh_from_db()
    save_draft(trigger=trigger, document={**trigger.draft, **over}, version=trigger.version, by=SYSTEM, now=NOON)
    return publish(trigger=trigger, by=SYSTEM, now=after(1))


def paths(caught: pytest.ExceptionInfo[InvalidDocument]) -> list[str]:
    return [problem.path for problem in caught.value.problems]


def test_a_new_trigger_may_be_unfinished_and_decides_nothing() -> None:
    owner = make_user()

    trigger = create_trigger(owner=owner, document=None, by=Actor.person(owner, Via.PAGE), now=NOON)

    assert (trigger.status, trigger.published, trigger.name) == (TriggerStatus.NEW, None, "Unnamed trigger")
    assert AuditEntry.objects.get().action == "trigger.created"


@pytest.mark.parametrize(
    "draft",
    ["no object", {"name": "\ud800"}, {"name": "a\x00b"}, {"name": float("inf")}, {"name": "x" * 600_000}],
    ids=["no object", "half a character", "NUL", "infinite", "too long"],
)
def test_a_draft_that_cannot_be_kept_is_refused(draft: Any) -> None:
    with pytest.raises(InvalidDocument):
        create_trigger(owner=make_user(), document=draft, by=SYSTEM, now=NOON)


def test_a_draft_is_saved_by_whoever_saw_the_last_one() -> None:
    trigger = create_trigger(owner=make_user(), document=None, by=SYSTEM, now=NOON)

    save_draft(trigger=trigger, document={"name": "Doors", "priority": 8}, version=1, by=SYSTEM, now=after(5))

    assert (trigger.name, trigger.priority, trigger.version, trigger.updated_at) == ("Doors", 8, 2, after(5))
    with pytest.raises(EditConflict):
        save_draft(trigger=trigger, document={"name": "Gates"}, version=1, by=SYSTEM, now=NOON)
    trigger.refresh_from_db()
    assert trigger.draft == {"name": "Doors", "priority": 8}


def test_the_draft_of_a_published_trigger_changes_nothing_that_decides() -> None:
    trigger = make_trigger(name="Doors")
    before = generation.current()

    save_draft(
        trigger=trigger, document={"name": "Gates", "priority": 99}, version=trigger.version, by=SYSTEM, now=NOON
    )

    trigger.refresh_from_db()
    assert trigger.name == "Doors"
    assert trigger.published is not None
    assert trigger.published.document["name"] == "Doors"
    assert generation.current() == before


def test_publishing_activates_a_new_trigger_and_bumps_the_generation() -> None:
    before = generation.current()

    trigger = make_trigger(conditions=ANYTHING["all"], priority=9)

    assert trigger.status == TriggerStatus.ACTIVE
    assert trigger.published is not None
    assert trigger.published.number == 1
    assert trigger.published.document["conditions"]["any"][0]["version"] == 1
    assert trigger.priority == 9
    assert generation.current() == before + 1
    standing = TriggerStanding.objects.get()
    assert (standing.generation, standing.revision) == (before + 1, trigger.published)
    assert AuditEntry.objects.filter(action="trigger.published", object_id=trigger.pk).count() == 1


def test_publishing_a_paused_trigger_leaves_it_paused_and_a_disabled_one_comes_back() -> None:
    trigger = make_trigger()
    pause(trigger=trigger, by=SYSTEM, now=NOON)
    republish(trigger)
    trigger.refresh_from_db()
    assert trigger.status == TriggerStatus.PAUSED

    disable(trigger=trigger, by=SYSTEM, now=NOON)
    republish(trigger)
    trigger.refresh_from_db()
    assert trigger.status == TriggerStatus.ACTIVE


def test_what_was_saved_after_a_look_is_not_published_by_that_look() -> None:
    trigger = make_trigger()
    seen = trigger.version
    save_draft(trigger=trigger, document=trigger.draft, version=seen, by=SYSTEM, now=NOON)

    with pytest.raises(EditConflict):
        publish(trigger=trigger, by=SYSTEM, now=NOON, version=seen)
    assert TriggerRevision.objects.count() == 1


def test_all_that_is_wrong_is_told_at_once() -> None:
    document = make_document(
        listeners=[{"context_item_id": 1, "connection_id": 1}, {}, {"connection_id": 3}, {"connection_id": 3}],
        agent={"profile_id": 1},
        conditions={"all": []},
        deliverables=[
            {"name": "A", "kind": "file_created", "target": "feedback/a.md", "rules": {"min_size": 5, "max_size": 2}},
            {"name": "A", "kind": "file_created", "target": "../a.md", "rules": {"pattern": "(?=a)"}},
        ],
    )
    trigger = create_trigger(owner=make_user(), document=document, by=SYSTEM, now=NOON)

    with pytest.raises(InvalidDocument) as caught:
        publish(trigger=trigger, by=SYSTEM, now=NOON)

    assert paths(caught) == [
        "conditions.all",
        "listeners[0]",
        "listeners[1]",
        "listeners[3]",
        "deliverables[0].rules.max_size",
        "deliverables[1].name",
        "deliverables[1].target",
        "deliverables[1].rules.pattern",
    ]
    assert trigger.status == TriggerStatus.NEW


@pytest.mark.parametrize(
    ("over", "path", "words"),
    [
        ({"name": ""}, "name", "name is too short; the fewest characters are 1."),
        ({"name": "x" * 201}, "name", "name is too long; the most characters are 200."),
        ({"name": 5}, "name", "name must be text."),
        ({"priority": 11}, "priority", "priority must be at most 10."),
        ({"priority": 0}, "priority", "priority must be at least 1."),
        ({"listeners": []}, "listeners", "listeners is empty; add at least one."),
        ({"listeners": [{"connection_id": 1}] * 51}, "listeners", "listeners has too many entries; the most are 50."),
        ({"agent": {}}, "agent.profile_id", "agent.profile_id is required."),
        ({"colour": 1}, "colour", "colour does not exist; there are"),
        ({"workspace": {"deploy": "later"}}, "workspace.deploy", "workspace.deploy must be one of auto, draft."),
        ({"limits": {"cooldown_s": "soon"}}, "limits.cooldown_s", "limits.cooldown_s must be a whole number."),
        (
            {"listeners": [{"connection_id": 1, "polling_interval_ms": 10}]},
            "listeners[0].polling_interval_ms",
            "listeners[0].polling_interval_ms must be at least 1000.",
        ),
    ],
)
def test_a_wrong_shape_is_told_in_words(over: dict[str, Any], path: str, words: str) -> None:
    document = make_document(**{"listeners": [{"connection_id": 1}], "agent": {"profile_id": 1}, **over})
    trigger = create_trigger(owner=make_user(), document=document, by=SYSTEM, now=NOON)

    with pytest.raises(InvalidDocument) as caught:
        publish(trigger=trigger, by=SYSTEM, now=NOON)

    problem = caught.value.problems[0]
    assert problem.path == path
    assert problem.message.startswith(words)


def test_conditions_are_required() -> None:
    document = make_document(listeners=[{"connection_id": 1}], agent={"profile_id": 1})
    del document["conditions"]
    trigger = create_trigger(owner=make_user(), document=document, by=SYSTEM, now=NOON)

    with pytest.raises(InvalidDocument) as caught:
        publish(trigger=trigger, by=SYSTEM, now=NOON)

    assert paths(caught) == ["conditions"]


def test_what_a_document_names_must_be_there_and_within_its_owners_reach() -> None:
    ceo = make_user(role=Role.CEO)
    others: dict[str, Any] = {"owner": make_user()}
    document = make_document(
        listeners=[{"connection_id": make_jira(**others).pk}, {"context_item_id": make_item().pk}],
        workspace={"template_id": make_template(**others).pk},
        agent={"profile_id": make_profile(**others).pk},
    )
    trigger = create_trigger(owner=ceo, document=document, by=SYSTEM, now=NOON)

    with pytest.raises(InvalidDocument) as caught:
        publish(trigger=trigger, by=Actor.person(ceo, Via.API), now=NOON)

    assert paths(caught) == [
        "listeners[0].connection_id",
        "listeners[1].context_item_id",
        "workspace.template_id",
        "agent.profile_id",
    ]


def test_a_template_and_whatever_deliverables_are_fine_may_be_published() -> None:
    owner = make_user()
    rules = {"min_size": 1, "max_size": 9, "pattern": "a+"}
    deliverable = {"name": "A", "kind": "file_created", "target": "feedback/a.md", "rules": rules}
    plain = {"name": "B", "kind": "file_edited", "target": "work/b.md"}
    trigger = make_trigger(
        owner=owner, workspace={"template_id": make_template(owner=owner).pk}, deliverables=[deliverable, plain]
    )

    assert trigger.published is not None


def test_two_connections_to_one_outside_account_are_refused() -> None:
    owner = make_user()
    twins = [make_connection(owner=owner, source=Source.JIRA, tenant="acme") for _ in range(2)]

    with pytest.raises(InvalidDocument) as caught:
        make_trigger(owner=owner, listeners=[{"connection_id": twin.pk} for twin in twins])

    assert paths(caught) == ["listeners[1]"]


def test_a_rollback_is_a_new_revision_with_the_old_content() -> None:
    trigger = make_trigger(name="Doors")
    first = trigger.published
    assert first is not None
    republish(trigger, name="Gates", priority=9)

    third = rollback(trigger=trigger, revision=first, by=SYSTEM, now=after(2))

    assert (third.number, third.document, third.note) == (3, first.document, "As revision 1")
    trigger.refresh_from_db()
    assert (trigger.name, trigger.published, trigger.draft) == ("Doors", third, first.document)


def test_revisions_are_compared_path_by_path() -> None:
    trigger = make_trigger(name="Doors", deliverables=[])
    deliverable = {"name": "A", "kind": "file_created", "target": "feedback/a.md"}
    first = trigger.published
    assert first is not None
    second = republish(
        trigger, name="Gates", deliverables=[deliverable], limits={"cooldown_s": 5, "cooldown_by": "item"}
    )

    assert diff_revisions(older=first, newer=second) == [
        Difference("deliverables[0]", None, deliverable),
        Difference("limits", None, {"cooldown_s": 5, "cooldown_by": "item"}),
        Difference("name", "Doors", "Gates"),
    ]


def test_a_trigger_that_somebody_else_publishes_runs_with_their_rights_and_its_maker_still_sees_it() -> None:
    ceo, developer = make_user(role=Role.CEO), make_user()
    trigger = make_trigger(owner=ceo)

    publish(trigger=trigger, by=Actor.person(developer, Via.PAGE), now=NOON)

    assert trigger.owner == developer
    assert may(ceo, Operation.MANAGE_TRIGGERS, trigger)


def test_publishing_makes_listeners_once_and_drops_those_no_longer_heard() -> None:
    owner = make_user()
    connection = make_connection(owner=owner, source=Source.JIRA)
    item = make_item(connection=connection)
    trigger = make_trigger(owner=owner, item=item)
    make_trigger(owner=owner, item=item)
    assert ContextListener.objects.count() == 1

    republish(trigger, listeners=[{"connection_id": connection.pk}, {"context_item_id": item.pk}])
    assert TriggerListener.objects.filter(trigger=trigger).count() == 2

    republish(trigger, listeners=[{"connection_id": connection.pk}])
    kept = TriggerListener.objects.get(trigger=trigger)
    assert kept.listener.item is None
    assert ContextListener.objects.count() == 2


def test_the_most_impatient_trigger_sets_how_often_a_listener_is_polled() -> None:
    owner = make_user()
    mailbox = make_connection(owner=owner, source=Source.EMAIL)

    def interval_after(wanted: int | None) -> int:
        make_trigger(owner=owner, listeners=[{"connection_id": mailbox.pk, "polling_interval_ms": wanted}])
        return ContextListener.objects.get().polling_interval_ms

    assert [interval_after(30_000), interval_after(60_000), interval_after(5_000)] == [30_000, 30_000, 5_000]


def test_a_polled_connection_is_due_at_once_and_its_items_are_not_polled_beside_it() -> None:
    owner = make_user()
    mailbox = make_connection(owner=owner, source=Source.EMAIL)
    thread = make_item(connection=mailbox, kind="mail_thread")
    make_trigger(owner=owner, item=thread)
    alone = ContextListener.objects.get()
    assert (alone.listener_type, alone.next_due_at) == (ListenerType.EMAIL, NOON)

    make_trigger(owner=owner, listeners=[{"connection_id": mailbox.pk, "listener_type": "email"}])
    make_trigger(owner=owner, item=make_item(connection=mailbox, kind="mail_thread"))

    due = ContextListener.objects.order_by("pk").values_list("next_due_at", flat=True)
    assert list(due) == [NOON, NOON, None]


def test_a_webhook_listener_is_never_due() -> None:
    make_trigger()
    make_listener(connection=make_connection())
    assert not ContextListener.objects.exclude(next_due_at=None).exists()
