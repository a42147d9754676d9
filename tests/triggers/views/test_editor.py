"""The trigger editor: what is typed is kept, what is wrong is said, what is published decides."""

import json
from typing import Any

import pytest
from django.urls import reverse

from accounts.actor import Actor
from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile
from tests.factories.triggers import ANYTHING, NOON, make_delivery, make_jira, make_trigger
from tests.factories.workspaces import make_item
from tests.triggers.views.people import Visitor, visitor
from triggers.documents import read
from triggers.models import Trigger
from triggers.services import drafts
from triggers.services.decide.pending import decide_pending

pytestmark = pytest.mark.django_db


def fields(trigger: Trigger, **over: Any) -> dict[str, Any]:
    """The editor's form as the page of the trigger holds it."""
    draft = trigger.draft
    listeners = [f"item:{part['context_item_id']}" for part in draft["listeners"] if "context_item_id" in part]
    listeners += [f"connection:{part['connection_id']}" for part in draft["listeners"] if "connection_id" in part]
    return {
        "version": trigger.version,
        "conditions": json.dumps(draft["conditions"]),
        "general-name": draft["name"],
        "general-priority": draft.get("priority", 5),
        "general-listeners": listeners,
        "workspace-deploy": "auto",
        "agent-profile_id": draft["agent"].get("profile_id") or "",
        "limits-cooldown_policy": "skip",
        "limits-cooldown_by": "trigger",
        "limits-late": "judge",
        "deliverables-TOTAL_FORMS": 0,
        **over,
    }


def save(person: Visitor, trigger: Trigger, **over: Any) -> Any:
    answer = person.press(reverse("trigger-draft", args=[trigger.pk]), fields(trigger, **over))
    trigger.refresh_from_db()
    return answer


def test_every_field_is_kept_in_the_draft(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    answer = save(
        developer,
        trigger,
        **{
            "general-name": "Another name",
            "general-priority": "7",
            "workspace-title_pattern": "{item.title}",
            "workspace-deploy": "draft",
            "agent-instructions": "Two\r\nlines",
            "limits-cooldown_s": "60",
            "limits-cooldown_policy": "delay",
            "limits-cooldown_by": "item",
            "limits-debounce_s": "30",
            "limits-debounce_max_s": "20",
            "limits-batch_by": "item",
            "limits-overlap": "skip",
            "deliverables-TOTAL_FORMS": 2,
            "deliverables-0-name": "Report",
            "deliverables-0-kind": "file_created",
            "deliverables-0-target": "feedback/report.md",
            "deliverables-0-required": "on",
            "deliverables-0-min_size": "10",
            "deliverables-1-name": "Gone",
            "deliverables-1-DELETE": "on",
        },
    )
    assert answer.status_code == 200
    draft = trigger.draft
    assert (draft["name"], draft["priority"]) == ("Another name", 7)
    assert draft["workspace"] == {"template_id": None, "deploy": "draft", "title_pattern": "{item.title}"}
    assert draft["agent"]["instructions"] == "Two\nlines"
    waits = {"debounce_s": 30, "debounce_max_s": 20, "overlap": "skip"}
    assert draft["limits"] == {"cooldown_s": 60, "cooldown_policy": "delay", "cooldown_by": "item", **waits}
    contradictions = [problem["path"] for problem in answer.context["draft"]["problems"]]
    assert contradictions == ["limits.debounce_max_s", "limits.overlap"]
    report = {"name": "Report", "kind": "file_created", "target": "feedback/report.md", "required": True}
    assert draft["deliverables"] == [{**report, "rules": {"min_size": 10}}]


def test_a_strategy_and_its_criteria_are_kept_as_they_were_chosen(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    chosen = {"agent-strategy": "stop_and_notify", "agent-match_on": ["permissions", "model", "colour"]}
    save(developer, trigger, **chosen)
    assert trigger.draft["agent"]["strategy"] == "stop_and_notify"
    assert trigger.draft["agent"]["match_on"] == ["model", "permissions"]
    page = developer.get(reverse("trigger", args=[trigger.pk])).content.decode()
    assert '<option value="stop_and_notify" selected>' in page
    assert page.count('name="agent-match_on"') == 4
    save(developer, trigger, **{"agent-strategy": "queue_for_existing"})
    assert trigger.draft["agent"]["match_on"] == []


def test_what_the_form_says_by_itself_is_not_written_down(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    agent = trigger.draft["agent"]
    every = ["model", "instructions", "permissions", "user_comment"]
    save(developer, trigger, **{"agent-strategy": "fresh", "agent-match_on": every})
    assert trigger.draft["agent"] == agent


def test_a_draft_changes_nothing_that_decides(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    published = trigger.published.document if trigger.published else None
    save(developer, trigger, **{"general-name": "Only a draft"})
    assert trigger.published is not None
    assert trigger.published.document == published
    assert "unpublished changes" in developer.get(reverse("triggers")).content.decode()


def test_a_listener_that_stays_keeps_its_interval(developer: Visitor) -> None:
    connection = make_jira(owner=developer.user)
    part = {"connection_id": connection.pk, "listener_type": "webhook", "polling_interval_ms": 5000}
    trigger = make_trigger(owner=developer.user, listeners=[part])
    save(developer, trigger, **{"general-name": "Renamed"})
    assert trigger.draft["listeners"] == [part]


def test_a_word_where_a_number_belongs_is_kept_and_said(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    answer = save(developer, trigger, **{"limits-max_attempts": "many"})
    assert trigger.draft["limits"]["max_attempts"] == "many"
    assert "limits.max_attempts must be a whole number." in answer.content.decode()


def test_problems_of_conditions_carry_their_path(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    wrong = {"all": [{"type": "new_comment", "config": {"min_length": "long"}}]}
    answer = save(developer, trigger, conditions=json.dumps(wrong))
    problems = answer.context["draft"]["problems"]
    assert [problem["path"] for problem in problems] == ["conditions.all[0].config.min_length"]
    assert "conditions.all[0].config.min_length" in answer.content.decode()


def test_conditions_that_are_no_json_are_refused(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    answer = save(developer, trigger, conditions="{", **{"general-name": "Lost"})
    assert answer.status_code == 422
    assert trigger.draft["name"] != "Lost"


def test_a_draft_that_somebody_saved_meanwhile_is_not_overwritten(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    stale = fields(trigger, **{"general-name": "Mine"})
    theirs = {**trigger.draft, "name": "Theirs"}
    drafts.save_draft(trigger=trigger, document=theirs, version=trigger.version, by=Actor.system(), now=NOON)
    for name in ("trigger-draft", "trigger-publish"):
        answer = developer.press(reverse(name, args=[trigger.pk]), stale)
        assert answer.status_code == 422
        assert "Somebody else saved this draft meanwhile" in answer.content.decode()
        # Beside the buttons, too, where else it says when the draft was saved.
        assert "Not saved: somebody else saved it meanwhile" in answer.content.decode()
        assert "Draft saved" not in answer.content.decode()
    trigger.refresh_from_db()
    assert trigger.draft["name"] == "Theirs"
    assert trigger.revisions.count() == 1


def test_the_next_save_goes_on_from_the_version_of_the_answer(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    first = save(developer, trigger, **{"general-name": "One"})
    assert f'name="version" value="{trigger.version}"' in first.content.decode()
    assert save(developer, trigger, **{"general-name": "Two"}).status_code == 200
    assert trigger.draft["name"] == "Two"


def test_publishing_stores_what_was_typed_last(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    answer = developer.press(
        reverse("trigger-publish", args=[trigger.pk]), fields(trigger, **{"general-name": "Typed last"})
    )
    assert answer.headers["HX-Redirect"] == reverse("trigger", args=[trigger.pk])
    trigger.refresh_from_db()
    assert trigger.name == "Typed last"
    assert trigger.published is not None
    assert trigger.published.number == 2


def test_an_unfinished_draft_is_not_published(developer: Visitor) -> None:
    trigger = drafts.create_trigger(owner=developer.user, document=None, by=Actor.system(), now=NOON)
    posted = {"version": trigger.version, "deliverables-TOTAL_FORMS": 0, "workspace-deploy": "auto"}
    answer = developer.press(reverse("trigger-publish", args=[trigger.pk]), posted)
    assert answer.status_code == 422
    assert "Needs a look before it can be published" in answer.content.decode()
    # The reasons may stand out of sight of the button.
    assert json.loads(answer.headers["HX-Trigger"])["toast"]["text"].startswith("Not published")
    trigger.refresh_from_db()
    assert trigger.published is None


def test_what_keeps_a_draft_from_being_published_is_said_without_a_toast_while_one_types(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    answer = save(developer, trigger, conditions="{")
    assert answer.status_code == 422
    assert "HX-Trigger" not in answer.headers


def test_publishing_somebody_elses_trigger_says_whose_it_becomes(developer: Visitor) -> None:
    trigger = make_trigger()
    page = developer.get(reverse("trigger", args=[trigger.pk])).content.decode()
    assert f"no longer with those of {trigger.owner}" in page


def test_a_trigger_that_runs_in_shadow_never_acts_in_between(developer: Visitor) -> None:
    connection = make_jira(owner=developer.user)
    document = {
        "name": "Watcher",
        "priority": 5,
        "listeners": [{"connection_id": connection.pk}],
        "conditions": ANYTHING,
        "agent": {"profile_id": make_profile(owner=developer.user).pk},
    }
    trigger = drafts.create_trigger(owner=developer.user, document=document, by=Actor.system(), now=NOON)
    developer.press(reverse("trigger-shadow", args=[trigger.pk]), fields(trigger))
    trigger.refresh_from_db()
    assert trigger.status == "shadow"
    last_first = list(trigger.standings.values_list("status", flat=True))
    assert last_first[0] == "shadow"
    developer.press(f"{reverse('trigger-activate', args=[trigger.pk])}?from=editor")
    trigger.refresh_from_db()
    assert trigger.status == "active"


def test_going_back_publishes_an_earlier_revision_again(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user, name="First")
    developer.press(reverse("trigger-publish", args=[trigger.pk]), fields(trigger, **{"general-name": "Second"}))
    page = developer.get(reverse("trigger", args=[trigger.pk])).content.decode()
    assert reverse("trigger-rollback", args=[trigger.pk, 1]) in page
    assert reverse("trigger-rollback", args=[trigger.pk, 2]) not in page
    developer.press(reverse("trigger-rollback", args=[trigger.pk, 1]))
    trigger.refresh_from_db()
    assert trigger.name == "First"
    assert trigger.published is not None
    assert trigger.published.number == 3
    assert developer.press(reverse("trigger-rollback", args=[trigger.pk, 9])).status_code == 404


def test_discarding_goes_back_to_what_is_published(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user, name="Published")
    save(developer, trigger, **{"general-name": "A whim"})
    assert developer.press(reverse("trigger-discard", args=[trigger.pk])).headers["HX-Refresh"] == "true"
    trigger.refresh_from_db()
    assert trigger.draft["name"] == "Published"


def test_what_was_never_published_cannot_be_discarded(developer: Visitor) -> None:
    trigger = drafts.create_trigger(owner=developer.user, document={"name": "New"}, by=Actor.system(), now=NOON)
    answer = developer.press(reverse("trigger-discard", args=[trigger.pk]))
    assert (answer.status_code, answer.json()["code"]) == (409, "not_published")
    without_script = developer.client.post(
        reverse("trigger-discard", args=[trigger.pk]), headers={"Referer": "http://testserver/triggers/"}
    )
    assert (without_script.status_code, without_script["Location"]) == (302, "http://testserver/triggers/")
    elsewhere = developer.client.post(
        reverse("trigger-discard", args=[trigger.pk]), headers={"Referer": "https://evil.example/"}
    )
    assert elsewhere["Location"] == "/"


def test_a_high_priority_takes_a_right_of_its_own() -> None:
    person = visitor(Role.CEO)
    trigger = make_trigger(owner=person.user)
    answer = save(person, trigger, **{"general-priority": "9"})
    assert answer.status_code == 403
    assert trigger.draft.get("priority", 5) != 9
    choices = person.get(reverse("trigger", args=[trigger.pk])).context["general_form"].fields["priority"].choices
    assert [value for value, _ in choices] == ["1", "2", "3", "4", "5", "6", "7"]


@pytest.mark.usefixtures("written_out")
def test_the_sample_is_judged_by_the_draft(developer: Visitor) -> None:
    item = make_item(connection=make_jira(owner=developer.user), is_watched=True, state={}, state_version=0)
    trigger = make_trigger(item=item, owner=developer.user)
    about = {"kind": item.kind, "key": item.external_key, "title": item.title}
    make_delivery(item.connection, {"item": about, "facts": {"title": "Leak", "text": "", "kinds": [], "mentions": []}})
    decide_pending(now=NOON)
    page = developer.get(reverse("trigger", args=[trigger.pk]))
    assert [sample["selected"] for sample in page.context["samples"]] == [True]
    assert page.context["draft"]["answer"]["strong"] == "It would fire"
    never = {"all": [{"type": "string_match", "config": {"search_string": "no such words"}}]}
    answer = save(developer, trigger, conditions=json.dumps(never), sample=page.context["samples"][0]["value"])
    assert answer.context["draft"]["answer"]["strong"] == "It would not fire"
    assert answer.context["draft"]["node"]["holds"] is False
    assert {"path": "event.title", "value": "Leak"} in answer.context["draft"]["paths"]
    unfinished = save(developer, trigger, conditions='{"all": []}', sample=page.context["samples"][0]["value"])
    assert unfinished.context["draft"]["answer"] is None
    assert "mend what stands above first" in unfinished.content.decode()
    assert "Nothing has arrived yet" not in unfinished.content.decode()


def test_the_conditions_stand_beside_in_words_a_line_each(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    comment, reply = {"type": "new_comment", "config": {}}, {"type": "thread_reply", "config": {}}
    words = save(developer, trigger, conditions=json.dumps({"all": [comment]})).context["draft"]["words"]
    assert words == [{"depth": 0, "text": "there is a new comment"}]
    words = save(developer, trigger, conditions=json.dumps({"any": [comment, {"none": [reply]}]})).context["draft"]
    assert [(line["depth"], line["text"]) for line in words["words"]] == [
        (0, "any of"),
        (1, "there is a new comment"),
        (1, "none of"),
        (2, "it is a reply"),
    ]


def test_the_head_tells_what_it_listens_to_before_and_after_it_is_published(developer: Visitor) -> None:
    connection = make_jira(owner=developer.user)
    item = make_item(connection=connection, title="Leak")
    parts = [{"context_item_id": item.pk}, {"connection_id": connection.pk}, {"context_item_id": True}, "odd"]
    draft = drafts.create_trigger(owner=developer.user, document={"listeners": parts}, by=Actor.system(), now=NOON)
    published = make_trigger(item=item, owner=developer.user)
    heard = {
        trigger: [one["label"] for one in page.context["trigger"]["on"]]
        for trigger, page in (
            (trigger, developer.get(reverse("trigger", args=[trigger.pk]))) for trigger in (draft, published)
        )
    }
    assert heard == {draft: ["Leak", f"everything of {connection.name}"], published: ["Leak"]}


def test_a_draft_that_holds_anything_at_all_is_still_drawn(developer: Visitor) -> None:
    odd: list[Any] = [
        {},
        {"name": 3, "priority": "x", "listeners": "all", "conditions": 7, "workspace": [], "agent": None, "limits": 1},
        {"listeners": [1, {"context_item_id": "x"}, {"connection_id": True}], "deliverables": ["x", {"rules": 3}]},
    ]
    leaves = [{"type": ["x"]}, {"type": "field", "config": [1]}, {"type": "field", "version": {}}, 3, {"any": "x"}]
    for document in [*odd, {"conditions": {"all": leaves}}]:
        trigger = drafts.create_trigger(owner=developer.user, document=document, by=Actor.system(), now=NOON)
        assert developer.get(reverse("trigger", args=[trigger.pk])).status_code == 200
    assert developer.get(reverse("library")).status_code == 200
    assert developer.get(reverse("triggers")).status_code == 200


def test_a_new_trigger_begins_with_the_card_it_was_asked_on(developer: Visitor) -> None:
    item = make_item(is_watched=True)
    url = f"{reverse('trigger-new')}?item={item.pk}"
    assert f'value="item:{item.pk}" selected' in developer.get(url).content.decode()
    assert developer.press(url, {"name": "", "on": ""}).status_code == 422
    answer = developer.press(url, {"name": "Fresh", "on": f"item:{item.pk}"})
    trigger = Trigger.objects.get(name="Fresh")
    assert answer.headers["HX-Redirect"] == reverse("trigger", args=[trigger.pk])
    assert trigger.draft["listeners"] == [{"context_item_id": item.pk}]
    assert trigger.owner == developer.user
    assert "Fresh" in developer.get(reverse("library")).content.decode()


def test_somebody_who_may_only_look_gets_no_buttons() -> None:
    trigger = make_trigger(owner=make_user())
    person = visitor(Role.SUPPORT)
    page = person.get(reverse("trigger", args=[trigger.pk])).content.decode()
    assert reverse("trigger-publish", args=[trigger.pk]) in page
    person.user.role = Role.CEO
    person.user.save(update_fields=["role"])
    assert person.get(reverse("trigger", args=[trigger.pk])).status_code == 404


def as_drawn(page: Any) -> dict[str, Any]:
    """What a browser would send of the editor's forms, as they were drawn."""
    context, sent = page.context, {}
    forms = [context[name] for name in ("general_form", "workspace_form", "agent_form", "limits_form")]
    formset = context["deliverable_formset"]
    for form in (*forms, *formset.forms):
        for field in form:
            if field.name == "DELETE":
                continue
            value = field.value()
            choices = getattr(field.field, "choices", None)
            if choices is not None and not isinstance(value, list):
                offered = [str(choice) for choice, _ in choices]
                value = str(value) if str(value) in offered else offered[0]
            if value not in (None, "", False):
                sent[field.html_name] = "on" if value is True else value
            elif not isinstance(value, bool):
                sent[field.html_name] = ""
    conditions, version = json.dumps(context["conditions"]), context["draft"]["version"]
    total = {"deliverables-TOTAL_FORMS": len(formset.forms)}
    return {**sent, **total, "conditions": conditions, "version": version}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"priority": 3, "limits": {"cooldown_s": 60, "cooldown_policy": "delay", "late": "skip"}},
        {"limits": {"cooldown_s": 60, "cooldown_by": "item"}},
        {
            "workspace": {"title_pattern": "{item.title}", "deploy": "draft"},
            "deliverables": [
                {"name": "A", "kind": "file_edited", "target": "work/a.md"},
                {"name": "B", "kind": "file_created", "target": "feedback/b.md", "required": False, "deadline_s": 60},
                {
                    "name": "C",
                    "kind": "file_created",
                    "target": "feedback/c.md",
                    "required": True,
                    "rules": {"pattern": "x", "forbidden_pattern": "y"},
                },
                {
                    "name": "D",
                    "kind": "file_created",
                    "target": "feedback/d.csv",
                    "required": True,
                    "rules": {"format": "csv", "columns": ["one", "two, or three", "[x]"]},
                },
                {
                    "name": "E",
                    "kind": "file_created",
                    "target": "feedback/e.json",
                    "required": True,
                    "rules": {"format": "json", "schema": {"type": "object", "required": ["é"]}},
                },
            ],
        },
    ],
)
def test_opening_and_sending_a_draft_as_it_is_means_the_same(developer: Visitor, more: dict[str, Any]) -> None:
    trigger = make_trigger(owner=developer.user, **more)
    page = developer.get(reverse("trigger", args=[trigger.pk]))
    developer.press(reverse("trigger-draft", args=[trigger.pk]), as_drawn(page))
    trigger.refresh_from_db()
    published = trigger.published
    assert published is not None
    assert read(trigger.draft) == read(published.document)
    assert trigger.draft.get("deliverables", []) == published.document.get("deliverables", [])


def test_of_the_options_of_a_format_the_one_that_is_chosen_counts(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user, deliverables=[{"name": "A", "kind": "file_created", "target": "a.md"}])
    address = reverse("trigger-draft", args=[trigger.pk])
    sent = as_drawn(developer.get(reverse("trigger", args=[trigger.pk])))
    options = {"deliverables-0-columns": "a, b", "deliverables-0-sections": "Risks", "deliverables-0-schema": "{"}

    def rules_after(format_: str) -> Any:
        trigger.refresh_from_db()
        developer.press(address, {**sent, **options, "deliverables-0-format": format_, "version": trigger.version})
        trigger.refresh_from_db()
        return trigger.draft["deliverables"][0].get("rules")

    assert rules_after("csv") == {"format": "csv", "columns": ["a", "b"]}
    assert rules_after("markdown") == {"format": "markdown", "sections": ["Risks"]}
    assert rules_after("pdf") == {"format": "pdf"}
    assert rules_after("json") == {"format": "pdf"}, "a schema that is no JSON was stored"
    assert rules_after("") is None
