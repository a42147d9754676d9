"""The pages about how long things are kept, and the pages of what no longer is."""

import pytest
from django.utils import timezone

from accounts.actor import Actor
from accounts.enums import Role, Source
from accounts.models import AuditEntry, Connection
from tests.factories.accounts import make_user
from tests.factories.workspaces import make_connection
from tests.factories.world import NOON
from tests.triggers.views.happening import World, client_of, make_world
from tests.triggers.views.people import Visitor
from triggers.models import Delivery, Event, Retention
from triggers.services.endpoints import create_webhook_connection
from triggers.services.keeping.retention import days_of, default_retention, retention_of

pytestmark = pytest.mark.django_db
SINCE = "no longer kept, since 2026-11-20 12:00 UTC."


def make_webhook() -> Connection:
    owner = make_user()
    now = timezone.now()
    made = create_webhook_connection(name="Hooks", source=Source.WEBHOOK, owner=owner, by=Actor.system(), now=now)
    return made.connection


def purged() -> World:
    world = make_world()
    Delivery.objects.update(body=b"", headers={}, purged_at=NOON)
    Event.objects.update(subject="", actor="", facts={}, data={}, changes={}, before={}, purged_at=NOON)
    return world


def test_developers_change_it_everywhere_and_for_a_connection(developer: Visitor) -> None:
    connection = make_connection()
    own = f"/connections/{connection.pk}/retention/"
    assert "Left empty: 30." in developer.get("/retention/").content.decode()
    assert developer.post("/retention/", {"deliveries_days": 7, "version": 1}).status_code == 302
    assert "Left empty: 7." in developer.get(own).content.decode()
    assert developer.post(own, {"events_days": 8, "version": 1}).status_code == 302

    assert days_of(default_retention())["deliveries_days"] == 7
    holds = {"deliveries_days": 7, "events_days": 8, "decisions_days": 365, "tombstones_days": 400}
    assert days_of(retention_of(connection)) == holds
    assert AuditEntry.objects.filter(action="retention.changed", via="page").count() == 2
    listed = developer.get("/retention/").content.decode()
    assert own in listed
    assert "8 days" in listed


@pytest.mark.parametrize("number", ["0", "36501", "many"])
def test_what_is_no_number_of_days_keeps_what_was_typed(developer: Visitor, number: str) -> None:
    response = developer.post("/retention/", {"events_days": number, "version": 1})
    assert response.status_code == 422
    assert f'value="{number}"' in response.content.decode()
    assert not Retention.objects.exists()


def test_tombstones_stay_for_a_month_at_least(developer: Visitor) -> None:
    assert developer.post("/retention/", {"tombstones_days": "29", "version": 1}).status_code == 422
    assert developer.post("/retention/", {"tombstones_days": "500", "version": 1}).status_code == 302
    assert (
        "Left empty: 500, or as long as the longest of the others."
        in developer.get(f"/connections/{make_connection().pk}/retention/").content.decode()
    )


def test_what_somebody_else_changed_is_not_overwritten(developer: Visitor) -> None:
    developer.post("/retention/", {"events_days": 8, "version": 1})
    response = developer.post("/retention/", {"events_days": 9, "version": 1})
    assert response.status_code == 422
    assert "Somebody else changed this" in response.content.decode()
    assert default_retention().events_days == 8


def test_others_may_not_open_the_pages(ceo: Visitor, support: Visitor) -> None:
    connection = make_connection(owner=ceo.user)
    for address in ("/retention/", f"/connections/{connection.pk}/retention/"):
        for one in (ceo, support):
            assert one.get(address).status_code == 403
            assert one.post(address, {"events_days": 1, "version": 1}).status_code == 403
    assert not Retention.objects.exists()


def test_the_way_to_them_is_shown_to_those_who_may(developer: Visitor, support: Visitor) -> None:
    edit = f"/connections/{make_webhook().pk}/"
    assert "/retention/" in developer.get("/limits/").content.decode()
    assert "retention/" in developer.get(edit).content.decode()
    assert "retention/" not in support.get(edit).content.decode()
    assert developer.get("/connections/987654/retention/").status_code == 404


def test_the_page_of_a_purged_delivery_says_so_and_offers_no_download() -> None:
    world = purged()
    client = client_of(world.ann)
    page = client.get(f"/deliveries/{world.delivery.pk}/").content.decode()
    assert f"Its content is {SINCE}" in page
    assert "Download the body" not in page
    assert "Raw deliveries are open to" not in page
    body = client.get(f"/deliveries/{world.delivery.pk}/body/", headers={"HX-Request": "true"})
    assert body.status_code == 410
    assert SINCE in body.content.decode()
    assert client.get("/deliveries/").status_code == 200


def test_the_page_of_a_purged_event_says_so_and_offers_no_replay() -> None:
    world = purged()
    client = client_of(world.ann)
    page = client.get(f"/events/{world.event.pk}/").content.decode()
    assert f"What it said is {SINCE} It cannot be replayed." in page
    assert "Replay…" not in page
    assert "nobody named" not in page
    assert client.get("/events/").status_code == 200
    refused = client.post(f"/events/{world.event.pk}/replay/", headers={"HX-Request": "true"})
    assert refused.status_code == 409
    assert SINCE in refused.content.decode()


def test_it_is_changed_in_the_admin_by_developers_only() -> None:
    row = Retention.objects.create(is_default=True)
    address = f"/admin/triggers/retention/{row.pk}/change/"
    form = {"deliveries_days": "3", "events_days": "", "decisions_days": ""}
    support = client_of(make_user(role=Role.SUPPORT, is_staff=True))
    developer = client_of(make_user(role=Role.DEVELOPER, is_staff=True))
    assert support.post(address, form).status_code == 403
    assert developer.post(address, form).status_code == 302
    assert default_retention().deliveries_days == 3
    assert developer.post(address, form).status_code == 302
    assert AuditEntry.objects.filter(action="retention.changed", via="admin").count() == 1
