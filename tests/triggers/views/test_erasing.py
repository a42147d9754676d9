"""The pages that erase: who sees the way to them, what they count, what has to be typed, how far it is."""

import re
from typing import Any

import pytest

from tests.factories.triggers import NOON, make_delivery, make_jira, make_trigger
from tests.factories.workspaces import make_item
from tests.factories.world import make_erasure
from tests.triggers.views.people import Visitor
from triggers.enums import ErasureStatus, ExecutionStatus, Refusal
from triggers.models import Erasure, Event, Execution
from triggers.services.decide.pending import decide_pending
from triggers.services.keeping import erase_find
from workspaces.models import ContextItem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("written_out")]


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def confirmation_in(page: Any) -> str:
    found = re.search(r'name="confirmation" value="([^"]+)"', page.content.decode())
    assert found is not None
    return found[1]


def happened(actor: str = "kim", connection: Any = None) -> ContextItem:
    told = {"item": {"key": "OPS-1", "title": "The door"}, "state": {"status": "open"}, "actor": actor}
    make_delivery(connection or make_jira(), told)
    decide_pending(now=NOON)
    return ContextItem.objects.get()


def test_an_item_is_looked_at_and_erased_once_its_key_is_typed(developer: Visitor) -> None:
    item = happened()
    address = f"/library/{item.pk}/erase/"
    assert address in developer.get(f"/events/?item={item.pk}").content.decode()
    assert "Erase The door" in text_of(developer.get(address))

    seen = developer.post(address, {"with_files": "on"})
    assert "1 event with 1 raw delivery" in text_of(seen)
    assert "everything in work/ and feedback/" in text_of(seen)
    assert not Erasure.objects.exists()
    sure = {"with_files": "on", "confirmation": confirmation_in(seen)}
    wrong = developer.post(address, {**sure, "typed": "OPS-2"})
    assert (wrong.status_code, Erasure.objects.count()) == (422, 0)
    assert "That is something else" in text_of(wrong)
    begun = developer.post(address, {**sure, "typed": " OPS-1 "})

    row = Erasure.objects.get()
    assert begun["Location"] == f"/erasures/{row.pk}/"
    assert (row.item_id, row.with_files, row.created_by) == (item.pk, True, developer.user)
    page = text_of(developer.get(f"/erasures/{row.pk}/"))
    assert "0 of 1 events" in page
    assert "with the files that agents made" in page


def test_a_person_is_looked_for_and_erased_once_the_name_is_typed(developer: Visitor) -> None:
    happened("kim@example.org")
    make_delivery(make_jira(), body=b"kim@example.org, and no JSON", rejection=Refusal.NOT_SAFE_JSON)
    assert "/erasures/" in developer.get("/retention/").content.decode()
    assert "/retention/erase/" in developer.get("/erasures/").content.decode()
    said = {"person": "kim@example.org"}

    seen = developer.post("/retention/erase/", said)
    assert "1 event with 1 raw delivery" in text_of(seen)
    assert "1 refused delivery, of which no event was made" in text_of(seen)
    assert "only the newest were read" not in text_of(seen)
    assert "not: what agents made of it" in text_of(seen)
    sure = {**said, "confirmation": confirmation_in(seen), "typed": "kim@example.org"}
    assert developer.post("/retention/erase/", sure).status_code == 302

    row = Erasure.objects.get()
    assert "kim@example.org" not in developer.get(f"/erasures/{row.pk}/?part=progress").content.decode()
    assert "kim@example.org" not in developer.get("/erasures/").content.decode()
    assert row.digest[:12] in developer.get("/erasures/").content.decode()


def test_what_changed_since_asks_again_with_the_new_numbers(developer: Visitor) -> None:
    connection = make_jira()
    happened(connection=connection)
    seen = developer.post("/retention/erase/", {"person": "kim"})
    happened(connection=connection)
    sure = {"person": "kim", "confirmation": confirmation_in(seen), "typed": "kim"}
    answer = developer.post("/retention/erase/", sure)
    assert answer.status_code == 422
    assert "has changed since it was shown" in text_of(answer)
    assert "2 events" in text_of(answer)
    assert developer.post("/retention/erase/", {**sure, "confirmation": confirmation_in(answer)}).status_code == 302


def test_runs_that_go_on_have_to_be_stopped_with_it(developer: Visitor) -> None:
    trigger = make_trigger()
    happened(connection=trigger.listeners.get().connection)
    seen = developer.post("/retention/erase/", {"person": "kim"})
    assert "Runs about it still go on" in text_of(seen)
    sure = {"person": "kim", "confirmation": confirmation_in(seen), "typed": "kim"}
    assert "1 of its runs still go on" in text_of(developer.post("/retention/erase/", sure))
    assert not Erasure.objects.exists()
    assert developer.post("/retention/erase/", {**sure, "stop_running": "on"}).status_code == 302
    assert Execution.objects.get().status == ExecutionStatus.CANCELLED


def test_raw_deliveries_whose_events_do_not_name_the_person_are_told(
    developer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = make_jira()
    for number in range(2):
        make_delivery(connection, headers={"x-copied": "kim@example.org"}, delivery_key=str(number))
    decide_pending(now=NOON)
    seen = text_of(developer.post("/retention/erase/", {"person": "kim@example.org"}))
    assert "2 raw deliveries whose events do not name the person" in seen
    assert "only the newest were read" not in seen

    monkeypatch.setattr(erase_find, "PREVIEWED", 1)
    seen = text_of(developer.post("/retention/erase/", {"person": "kim@example.org"}))
    assert "1 raw delivery whose events do not name the person" in seen
    assert "only the newest were read" in seen


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"person": ""}, "This field is required"),
        ({"person": "k"}, "at least 2"),
        ({"person": "   k   "}, "at least 2"),
    ],
)
def test_what_is_no_name_is_refused_at_its_field(developer: Visitor, said: dict[str, str], words: str) -> None:
    answer = developer.post("/retention/erase/", said)
    assert answer.status_code == 422
    assert words in text_of(answer)


def test_of_whom_nothing_is_kept_there_is_nothing_to_confirm(developer: Visitor) -> None:
    happened()
    answer = developer.post("/retention/erase/", {"person": "nobody"})
    assert "There is nothing to erase" in text_of(answer)
    assert 'name="confirmation"' not in answer.content.decode()
    forced = developer.post("/retention/erase/", {"person": "nobody", "confirmation": "x", "typed": "nobody"})
    assert (forced.status_code, Erasure.objects.count()) == (422, 0)


def test_others_are_shown_no_way_and_let_in_nowhere(ceo: Visitor, support: Visitor) -> None:
    item = happened(connection=make_jira(owner=ceo.user))
    row = make_erasure(ceo.user, item)
    for one in (ceo, support):
        assert "/erase/" not in one.get(f"/events/?item={item.pk}").content.decode()
        for address in (f"/library/{item.pk}/erase/", "/retention/erase/", "/erasures/", f"/erasures/{row.pk}/"):
            assert one.get(address).status_code == 403, address
        for address in (f"/library/{item.pk}/erase/", "/retention/erase/"):
            assert one.post(address, {"person": "kim"}).status_code == 403, address
    assert Event.objects.filter(purged_at=None).exists()


def test_an_item_that_is_not_there_is_a_404_and_an_empty_list_says_what_to_do(developer: Visitor) -> None:
    assert developer.get("/library/987654/erase/").status_code == 404
    assert "/erase/" not in developer.get("/events/?item=987654").content.decode()
    assert "Nothing was erased yet" in text_of(developer.get("/erasures/"))


def test_the_page_of_one_says_what_went_and_what_it_waits_for(developer: Visitor) -> None:
    row = make_erasure(
        developer.user, make_item(), status=ErasureStatus.RUNNING, counts={"messages": 7}, waits_for="It waits for you."
    )
    page = text_of(developer.get(f"/erasures/{row.pk}/"))
    assert "7 messages of agents" in page
    assert "It waits for you." in page
