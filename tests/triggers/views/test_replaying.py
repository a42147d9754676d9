"""The pages that ask again: the dialog of an event, the button of a delivery, windows that are confirmed."""

import json
import re
from typing import Any

import pytest

from accounts.enums import Role, Toggle
from accounts.models import FeatureToggle
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, make_delivery, make_jira, make_trigger
from tests.factories.workspaces import make_item
from tests.factories.world import make_bulk
from tests.triggers.views.happening import World, client_of, make_world
from tests.triggers.views.people import Visitor, toast_of
from triggers.enums import BulkStatus, Origin, Refusal
from triggers.models import BulkReplay, Delivery, Event, Replay, Trigger, TriggerStanding
from triggers.services.decide.pending import decide_pending

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("written_out")]
WINDOW = {"kind": "events", "since": "2026-11-20", "until": "2026-11-20", "revision": "now", "concurrency": "2"}


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def happened(owner: Any, count: int = 3) -> Trigger:
    trigger = make_trigger(owner=owner)
    for _ in range(count):
        make_delivery(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    return trigger


def confirmation_in(page: Any) -> str:
    found = re.search(r'name="confirmation" value="([^"]+)"', page.content.decode())
    assert found is not None
    return found[1]


# One event


def test_the_dialog_offers_who_was_asked_and_what_it_says() -> None:
    world = make_world()
    page = client_of(world.ann).get(f"/events/{world.event.pk}/replay/", headers={"HX-Request": "true"})
    assert "Everybody who listens" in text_of(page)
    assert "of then, when the event was decided" in text_of(page)
    assert "pull_request" in page.content.decode()
    assert (
        f"/events/{world.event.pk}/replay/" in client_of(world.ann).get(f"/events/{world.event.pk}/").content.decode()
    )


def replay(world: World, **fields: Any) -> Any:
    path = f"/events/{world.event.pk}/replay/"
    return client_of(world.ann).post(path, fields, headers={"HX-Request": "true"})


def test_on_a_page_of_its_own_it_leads_to_what_came_of_it() -> None:
    world = make_world()
    path = f"/events/{world.event.pk}/replay/"
    alone = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{path}"}
    answer = client_of(world.ann).post(path, {}, headers=alone)
    asked_again = Delivery.objects.latest("pk")
    assert answer.headers["HX-Redirect"] == f"/deliveries/{asked_again.pk}/"
    without_a_script = client_of(world.ann).post(path, {}, headers={"Referer": f"http://testserver{path}"})
    assert without_a_script["Location"] == f"/deliveries/{asked_again.pk + 1}/"


def test_what_was_typed_goes_with_it_and_only_what_differs_is_an_edit(developer: Visitor) -> None:
    trigger = happened(developer.user, 1)
    first = Event.objects.get()
    said = {"subject": first.subject, "facts": {"text": "Another"}, "changes": {}, "data": {"n": 2}}
    wanted = {"trigger": trigger.pk, "revision": "then", "draft": "on", "priority": "3", "edit": json.dumps(said)}

    answer = developer.press(f"/events/{first.pk}/replay/", wanted)
    assert "is asked again" in toast_of(answer)

    row = Replay.objects.get()
    assert json.loads(answer.headers["HX-Trigger"])["toast"]["see"] == f"/deliveries/{row.pk}/"
    assert (row.event_id, row.is_draft, row.priority, row.as_of) == (first.pk, True, 3, first.generation)
    assert row.edited == ["data.n", "facts.text"]
    decide_pending(now=NOON)
    event = Event.objects.get(origin=Origin.REPLAY)
    assert event.target_trigger_id == trigger.pk
    page = text_of(developer.get(f"/events/{event.pk}/"))
    assert "by the revisions of then, into a draft, at priority 3" in page
    assert "data.n, facts.text" in page


def test_an_unchanged_text_is_no_edit() -> None:
    world = make_world()
    replay(world, edit=json.dumps({"data": world.event.data}))
    replay(world, edit=" ")
    assert list(Replay.objects.values_list("edited", flat=True)) == [[], []]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"edit": "{"}, "not JSON"),
        ({"edit": '{"facts": {"text": 5}}'}, "The text is a text"),
        ({"priority": "9"}, "Your role may not do this"),
        ({"priority": "11"}, "less than or equal to 10"),
        ({"trigger": "x"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_asked(fields: dict[str, str], words: str) -> None:
    world = make_world()
    before = Delivery.objects.count()
    answer = replay(world, **fields)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert Delivery.objects.count() == before


def test_a_trigger_without_a_revision_of_then_is_refused_at_the_field(developer: Visitor) -> None:
    trigger = happened(developer.user, 1)
    event = Event.objects.get()
    TriggerStanding.objects.filter(trigger=trigger).update(revision=None)
    answer = developer.press(f"/events/{event.pk}/replay/", {"revision": "then", "trigger": trigger.pk})
    assert answer.status_code == 422
    assert "Nothing of" in text_of(answer)
    assert not Replay.objects.exists()


def test_who_may_not_look_at_raw_payloads_is_offered_no_edit() -> None:
    world = make_world()
    Event.objects.filter(pk=world.event.pk).update(data={"big": "x" * 300_000})
    page = client_of(world.ann).get(f"/events/{world.event.pk}/replay/")
    assert 'name="edit"' not in page.content.decode()


def test_a_feature_that_is_off_closes_the_dialog() -> None:
    world = make_world()
    FeatureToggle.objects.create(key=Toggle.TRIGGER_MANAGEMENT, is_on=False)
    assert client_of(world.ann).get(f"/events/{world.event.pk}/replay/").status_code == 403
    assert "Replay…" not in client_of(world.ann).get(f"/events/{world.event.pk}/").content.decode()


# One delivery


def test_a_refused_delivery_comes_in_again_and_both_say_so(developer: Visitor) -> None:
    delivery = make_delivery(make_jira(), {"raise": "a bug"})
    decide_pending(now=NOON)
    address = f"/deliveries/{delivery.pk}/replay/"
    assert address in developer.get(f"/deliveries/{delivery.pk}/").content.decode()

    assert "came in again" in toast_of(developer.press(address))

    new = Delivery.objects.latest("pk")
    assert f"Came in again DL-{new.pk}" in text_of(developer.get(f"/deliveries/{delivery.pk}/"))
    assert f"Replay of DL-{delivery.pk}" in text_of(developer.get(f"/deliveries/{new.pk}/"))


def test_one_that_is_never_replayable_says_why_and_offers_nothing(developer: Visitor) -> None:
    delivery = make_delivery(make_jira(), rejection=Refusal.BAD_SIGNATURE)
    page = developer.get(f"/deliveries/{delivery.pk}/")
    assert "Such a delivery is never replayed" in text_of(page)
    assert f"/deliveries/{delivery.pk}/replay/" not in page.content.decode()
    refused = developer.press(f"/deliveries/{delivery.pk}/replay/")
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (409, "never-replayable")
    assert Delivery.objects.count() == 1


def test_the_delivery_of_a_replayed_event_leads_to_that_event() -> None:
    world = make_world()
    replay(world)
    new = Delivery.objects.latest("pk")
    assert f"Replay of EV-{world.event.pk}" in text_of(client_of(world.ann).get(f"/deliveries/{new.pk}/"))


# A window


def test_a_window_is_looked_at_then_confirmed_by_its_number(developer: Visitor) -> None:
    trigger = happened(developer.user)
    wanted = {**WINDOW, "trigger": str(trigger.pk)}
    assert "/replays/new/" in developer.get("/replays/").content.decode()
    assert "Replay a window" in text_of(developer.get(f"/replays/new/?trigger={trigger.pk}"))

    seen = developer.post("/replays/new/", wanted)
    assert "3 would come in again" in text_of(seen)
    assert not BulkReplay.objects.exists()
    begun = developer.post("/replays/new/", {**wanted, "confirmation": confirmation_in(seen), "count": "3"})

    bulk = BulkReplay.objects.get()
    assert begun["Location"] == f"/replays/{bulk.pk}/"
    assert (bulk.total, bulk.trigger, bulk.created_by) == (3, trigger, developer.user)
    page = text_of(developer.get(f"/replays/{bulk.pk}/"))
    assert "0 of 3 done" in page
    assert "Events from 20 Nov 2026, 00:00" in page
    assert "to before 21 Nov 2026, 00:00" in page
    assert "0 of 3" in text_of(developer.get("/replays/"))
    assert "/replays/" in developer.get("/events/").content.decode()


def test_what_came_of_a_window_is_a_click_away(developer: Visitor) -> None:
    trigger = happened(developer.user, 2)
    bulk = make_bulk(developer.user, trigger, status=BulkStatus.RUNNING)
    assert f"/events/?bulk_replay={bulk.pk}" not in developer.get(f"/replays/{bulk.pk}/").content.decode()
    once, again = Event.objects.order_by("pk")
    Replay.objects.create(delivery_id=again.delivery_id or 0, event_id=once.pk, bulk=bulk)
    BulkReplay.objects.filter(pk=bulk.pk).update(replayed=1)
    assert f"/events/?bulk_replay={bulk.pk}" in developer.get(f"/replays/{bulk.pk}/").content.decode()
    page = developer.get(f"/events/?bulk_replay={bulk.pk}").content.decode()
    assert f"bulk replay {bulk.pk}" in page
    assert f'href="/events/{again.pk}/"' in page
    assert f'href="/events/{once.pk}/"' not in page


def test_items_of_one_name_are_told_apart_by_their_keys(developer: Visitor) -> None:
    for key, title in (("A-1", "Twice"), ("A-2", "Twice"), ("A-3", "Once")):
        make_item(external_key=key, title=title, changed_at=NOON)
    page = developer.get("/replays/new/").content.decode()
    assert "Twice, A-1<" in page
    assert "Twice, A-2<" in page
    assert "Once<" in page


@pytest.mark.parametrize("count", ["2", "", "three", "²", "9" * 30])
def test_another_number_begins_nothing_and_asks_again(developer: Visitor, count: str) -> None:
    happened(developer.user)
    seen = developer.post("/replays/new/", WINDOW)
    answer = developer.post("/replays/new/", {**WINDOW, "confirmation": confirmation_in(seen), "count": count})
    assert answer.status_code == 422
    assert "The number does not agree: 3 would be replayed" in text_of(answer)
    assert confirmation_in(answer)
    assert not BulkReplay.objects.exists()


def test_more_that_came_since_asks_again(developer: Visitor) -> None:
    trigger = happened(developer.user)
    seen = developer.post("/replays/new/", WINDOW)
    make_delivery(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    answer = developer.post("/replays/new/", {**WINDOW, "confirmation": confirmation_in(seen), "count": "3"})
    assert "has changed since it was shown" in text_of(answer)
    assert "4 would come in again" in text_of(answer)


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"since": "2026-11-21"}, "It must not be before the first day"),
        ({"since": ""}, "This field is required"),
        ({"concurrency": "0"}, "greater than or equal to 1"),
        ({"answer": "error"}, "Name the trigger whose answer it is"),
        ({"kind": "deliveries", "type": "x"}, "by window and connection only"),
    ],
)
def test_a_wrong_window_says_what_is_wrong(developer: Visitor, over: dict[str, str], words: str) -> None:
    answer = developer.post("/replays/new/", {**WINDOW, **over})
    assert answer.status_code == 422
    assert words in text_of(answer)


def test_a_high_priority_takes_its_right_on_the_page_too(ceo: Visitor) -> None:
    answer = ceo.post("/replays/new/", {**WINDOW, "priority": "8"})
    assert answer.status_code == 422
    assert "Your role may not do this" in text_of(answer)


def test_an_empty_window_and_refused_deliveries_are_shown_too(developer: Visitor) -> None:
    assert "Nothing to replay" in text_of(developer.post("/replays/new/", WINDOW))
    make_delivery(make_jira(), {"raise": "a bug"})
    make_delivery(make_jira(), rejection=Refusal.NO_SECRET)
    decide_pending(now=NOON)
    shown = text_of(developer.post("/replays/new/", {**WINDOW, "kind": "deliveries"}))
    assert "2 would come in again" in shown
    assert "The endpoint has no secret" in shown


def test_it_is_paused_gone_on_with_and_cancelled_at_its_page(developer: Visitor) -> None:
    bulk = make_bulk(developer.user, make_trigger(), status=BulkStatus.RUNNING, skips={"not_kept": 2}, skipped=2)
    address = f"/replays/{bulk.pk}/"
    assert "2 left out: its body was not stored" in text_of(developer.get(address))
    for act, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert f"{address}{act}/" in developer.get(f"{address}?part=progress").content.decode()
        assert developer.press(f"{address}{act}/").headers["HX-Refresh"] == "true"
        bulk.refresh_from_db()
        assert bulk.status == status
    assert developer.press(f"{address}resume/").status_code == 409
    assert "resume/" not in developer.get(address).content.decode()


def test_of_others_a_ceo_sees_and_does_nothing(ceo: Visitor, developer: Visitor) -> None:
    bulk = make_bulk(make_user(role=Role.CEO), make_trigger())
    for path in ("", "pause/", "resume/", "cancel/"):
        address = f"/replays/{bulk.pk}/{path}"
        assert (ceo.get if not path else ceo.post)(address).status_code == 404
    assert f"/replays/{bulk.pk}/" not in ceo.get("/replays/").content.decode()
    assert f"/replays/{bulk.pk}/" in developer.get("/replays/?status=paused").content.decode()
    assert "No bulk replay fits" in text_of(developer.get("/replays/?status=done"))
    BulkReplay.objects.filter(pk=bulk.pk).update(created_by=ceo.user)
    assert ceo.get(f"/replays/{bulk.pk}/").status_code == 200


def test_with_the_feature_off_nothing_is_begun(developer: Visitor) -> None:
    bulk = make_bulk(developer.user, make_trigger())
    FeatureToggle.objects.create(key=Toggle.TRIGGER_MANAGEMENT, is_on=False)
    assert developer.get("/replays/new/").status_code == 403
    assert developer.post(f"/replays/{bulk.pk}/resume/").status_code == 403
    page = developer.get("/replays/").content.decode()
    assert "/replays/new/" not in page


def test_a_new_window_is_of_today_and_offers_what_changed_last_and_what_it_was_opened_for(
    developer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened(developer.user, 1)
    older, newer = (make_item(external_key=key, title=f"Item {key}", changed_at=NOON) for key in ("A-1", "A-2"))
    monkeypatch.setattr("triggers.views.bulk_replays.MOST_OFFERED", 1)
    page = developer.get("/replays/new/").content.decode()
    assert page.count('value="2026-') == 2
    assert "Item A-2" in page
    assert "Item A-1" not in page
    assert "Item A-1" in developer.get(f"/replays/new/?item={older.pk}").content.decode()
    assert "Item A-1" in developer.post("/replays/new/", {**WINDOW, "item": older.pk}).content.decode()
    assert developer.post("/replays/new/", {**WINDOW, "item": newer.pk}).status_code == 200
    for nonsense in ("x", "²", "9" * 40, "0"):
        assert developer.post("/replays/new/", {**WINDOW, "item": nonsense}).status_code == 422
