"""The admin as a whole: every model is in it, every page answers every role as the table says, nothing is a 500."""

from typing import Any

import pytest
from django.db import connection
from django.template.response import SimpleTemplateResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts import ownership
from accounts.enums import Role
from accounts.models import FeatureToggle, User
from accounts.operations import TABLE, Operation, Reach
from tests.admin_pages import Page, fill, own_models, pages, row_of
from tests.factories.accounts import make_user
from tests.factories.workspaces import make_connection
from tests.factories.world import SECRET, World, make_world

PAGES = pages()
PUBLIC = {"agents.ModelProvider", "agents.RuntimeCommand"}
HISTORY = {
    "accounts.AuditEntry",
    "accounts.Heartbeat",
    "accounts.IdempotencyKey",
    "accounts.JournalEntry",
    "accounts.Secret",
    "agents.Agent",
    "agents.AgentIntent",
    "agents.AgentMessage",
    "agents.AgentRun",
    "agents.Budget",
    "agents.CommandSecret",
    "agents.ConversationPart",
    "agents.ObsoleteAgentRecord",
    "agents.Reservation",
    "agents.SlotHolder",
    "agents.Spending",
    "agents.StartRequest",
    "axes.AccessAttempt",
    "deliverables.Check",
    "triggers.Attempt",
    "triggers.BulkReplay",
    "triggers.ContextListener",
    "triggers.Decision",
    "triggers.Delivery",
    "triggers.DeliveryDuplicates",
    "triggers.DeliveryOutcome",
    "triggers.Erasure",
    "triggers.Event",
    "triggers.Execution",
    "triggers.ExecutionStep",
    "triggers.Firing",
    "triggers.Generation",
    "triggers.PendingDelivery",
    "triggers.Replay",
    "triggers.RevisionListener",
    "triggers.ScheduleSlot",
    "triggers.SeenChange",
    "triggers.TriggerListener",
    "triggers.TriggerRevision",
    "triggers.TriggerStanding",
    "triggers.Watch",
    "workspaces.ContextFile",
    "workspaces.ItemState",
    "workspaces.TemplateContext",
}
NAUGHTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


WALK = [pytest.mark.unmeasured, pytest.mark.slow]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(role: Role = Role.DEVELOPER, **over: Any) -> User:
    return make_user(role=role, is_staff=True, **over)


def full_world(owner: User) -> World:
    world = make_world(owner)
    fill(world)
    return world


def statuses(client: Client, page: Page, world: World) -> dict[str, int]:
    """What each of a model's pages answers."""
    pk = row_of(page, world).pk
    addresses = {
        "changelist": page.url("changelist"),
        "add": page.url("add"),
        "change": page.url("change", pk),
        "history": page.url("history", pk),
        "delete": page.url("delete", pk),
    }
    return {name: client.get(address).status_code for name, address in addresses.items()}


def expected(page: Page, role: Role | None, whose: str) -> dict[str, int]:
    """What the permission table asks for, told without the code that asks it. ``role`` None is a superuser."""

    def reach(operation: Operation | None) -> Reach:
        if operation is None:
            return Reach.NEVER
        rule = TABLE[operation]
        found = rule.superuser if role is None else rule.reach(role)
        return Reach.NEVER if found is Reach.OWN and page.model not in ownership.registered() else found

    def about_row(operation: Operation | None) -> int:
        if reach(page.admin.viewing) is Reach.NEVER:
            return 403
        is_public = page.label in PUBLIC
        if reach(page.admin.viewing) is Reach.OWN and whose == "other's" and not is_public:
            # What may not be done to any row is refused before a row is looked for.
            return 403 if reach(operation) is Reach.NEVER else 404
        return 403 if reach(operation) is Reach.NEVER else 200

    return {
        "changelist": 403 if reach(page.admin.viewing) is Reach.NEVER else 200,
        "add": 403 if reach(page.admin.adding) is Reach.NEVER else 200,
        "change": about_row(page.admin.viewing),
        "history": about_row(page.admin.viewing),
        "delete": about_row(page.admin.deleting),
    }


def test_every_model_is_in_the_admin() -> None:
    assert own_models() - {page.label for page in PAGES} == set()


def test_history_can_only_be_looked_at() -> None:
    read_only = {page.label for page in PAGES if not (page.admin.adding or page.admin.changing or page.admin.deleting)}
    assert read_only == HISTORY


def test_no_status_is_a_field_of_a_form() -> None:
    for page in PAGES:
        written = {*page.admin.fields_to_add, *page.admin.fields_to_change}
        assert written.isdisjoint({"status", "state", "attention", "outcome", "position", "hash", "value"}), str(page)


@pytest.mark.django_db
@pytest.mark.one_pass
@pytest.mark.unmeasured
@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("whose", ["own", "other's"])
def test_each_role_gets_what_the_table_says(role: Role | None, whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "not looked at")
    user = staff(role or Role.DEVELOPER, is_superuser=role is None)
    world = full_world(user if whose == "own" else make_user(role=Role.SUPPORT))
    client = signed_in(user)
    assert client.get("/admin/").status_code == 200
    for page in PAGES:
        assert statuses(client, page, world) == expected(page, role, whose), str(page)


@pytest.mark.django_db
@pytest.mark.one_pass
@pytest.mark.parametrize("role", [None, *(pytest.param(role, marks=WALK) for role in Role)])
def test_what_a_role_may_open_it_can_read(role: Role | None) -> None:
    user = staff(role or Role.DEVELOPER, is_superuser=role is None)
    world = full_world(user)
    client = signed_in(user)
    for page in PAGES:
        for name, status in expected(page, role, "own").items():
            if status == 200:
                address = page.url(name, *([] if name in ("changelist", "add") else [row_of(page, world).pk]))
                assert b"</html>" in client.get(address).content, address


@pytest.mark.django_db
def test_lists_hold_nothing_of_others() -> None:
    world = full_world(make_user(role=Role.SUPPORT))
    client = signed_in(staff(Role.CEO))
    for page in PAGES:
        response = client.get(page.url("changelist"))
        if response.status_code == 200 and page.label not in PUBLIC:
            shown = response.context["cl"].result_list
            assert row_of(page, world).pk not in {row.pk for row in shown}, str(page)


@pytest.mark.django_db
def test_nobody_comes_in_without_signing_in() -> None:
    for page in PAGES:
        response = Client().get(page.url("changelist"), follow=True)
        assert response.redirect_chain[-1][0].startswith("/login/"), str(page)


@pytest.mark.django_db
def test_who_is_no_staff_is_told_so_and_not_asked_to_sign_in_again() -> None:
    response = signed_in(make_user(is_superuser=True, is_staff=False)).get("/admin/", follow=True)
    assert response.status_code == 403


@pytest.mark.django_db
def test_being_staff_gives_no_right() -> None:
    client = signed_in(staff(Role.CEO))
    assert client.get("/admin/accounts/user/").status_code == 403
    assert client.get("/admin/agents/limits/").status_code == 403


@pytest.mark.unmeasured
@pytest.mark.django_db
def test_a_list_asks_the_database_no_oftener_for_more_rows() -> None:
    client = signed_in(staff(is_superuser=True))
    full_world(make_user())
    few = {page.label: _query_count(client, page) for page in PAGES}
    for _ in range(3):
        full_world(make_user())
    assert {page.label: _query_count(client, page) for page in PAGES} == few


@pytest.mark.django_db
def test_a_page_asks_once_for_each_operation_whether_its_feature_is_on() -> None:
    client = signed_in(staff())
    with CaptureQueriesContext(connection) as found:
        assert client.get("/admin/").status_code == 200
    asked = [query["sql"] for query in found.captured_queries if FeatureToggle._meta.db_table in query["sql"]]
    assert 0 < len(asked) <= len([rule for rule in TABLE.values() if rule.toggle is not None])


def _query_count(client: Client, page: Page) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(page.url("changelist")).status_code == 200
    return len(found.captured_queries)


@pytest.mark.django_db
@pytest.mark.one_pass
@pytest.mark.unmeasured
def test_texts_from_outside_are_escaped_everywhere() -> None:
    user = staff(is_superuser=True)
    world = full_world(user)
    _poison(world)
    client = signed_in(user)
    for page in PAGES:
        pk = row_of(page, world).pk
        for address in (page.url("changelist"), page.url("change", pk), page.url("history", pk)):
            body = client.get(address).content.decode()
            assert "<script>alert" not in body, address
            assert "<img src=x" not in body, address


def _poison(world: World) -> None:
    """Put the worst text into every text that the world's rows have."""
    for page in PAGES:
        fields = {
            field.name: NAUGHTY
            for field in page.model._meta.get_fields()
            if field.get_internal_type() in ("CharField", "TextField")
            and getattr(field, "choices", None) is None
            and not getattr(field, "unique", False)
            and (getattr(field, "max_length", 0) or 1000) >= 100
            and field.name not in ("value", "password", "action", "change_key", "path", "person")
        }
        jsons = [field.name for field in page.model._meta.fields if field.get_internal_type() == "JSONField"]
        wanted = {name: {NAUGHTY: NAUGHTY} for name in jsons if name in ("data", "facts", "because", "after", "refs")}
        if fields or wanted:
            row = row_of(page, world)
            page.model._default_manager.filter(pk=row.pk).update(**fields, **wanted)


@pytest.mark.django_db
@pytest.mark.one_pass
@pytest.mark.unmeasured
def test_no_page_shows_a_secret() -> None:
    user = staff(is_superuser=True)
    world = full_world(user)
    client = signed_in(user)
    for page in PAGES:
        pk = row_of(page, world).pk
        for address in (page.url("changelist"), page.url("change", pk), page.url("history", pk)):
            body = client.get(address).content.decode()
            assert SECRET not in body, address
            assert "dct1." not in body, address


@pytest.mark.django_db
def test_the_policy_is_looser_under_the_admin_only() -> None:
    client = signed_in(staff(is_superuser=True))
    admin_policy = client.get("/admin/")["Content-Security-Policy"]
    page_policy = client.get("/")["Content-Security-Policy"]
    assert "'unsafe-eval'" in admin_policy
    assert "script-src 'self' 'unsafe-eval'" in admin_policy
    assert "default-src 'self'" in admin_policy
    assert "unsafe" not in page_policy


@pytest.mark.django_db
def test_a_feature_that_is_off_is_off_in_the_admin_too() -> None:
    user = staff(is_superuser=True)
    world = full_world(user)
    FeatureToggle.objects.create(key="trigger_management", is_on=False)
    client = signed_in(user)
    address = f"/admin/triggers/trigger/{world.trigger.pk}/change/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"draft": "{}"}).status_code == 403
    assert client.get("/admin/triggers/trigger/add/").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("term", ["7", "x", "'\"; --", "a\0b", "9" * 40, "²", "%"])
def test_any_search_is_answered(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "not looked at")
    user = staff(is_superuser=True)
    full_world(user)
    client = signed_in(user)
    for page in PAGES:
        assert client.get(page.url("changelist"), {"q": term}).status_code == 200, str(page)


@pytest.mark.django_db
def test_a_number_finds_its_row() -> None:
    user = staff(is_superuser=True)
    world = full_world(user)
    response = signed_in(user).get("/admin/triggers/execution/", {"q": str(world.execution.pk)})
    assert [row.pk for row in response.context["cl"].result_list] == [world.execution.pk]


@pytest.mark.django_db
def test_only_rows_that_one_may_see_can_be_chosen() -> None:
    ceo = staff(Role.CEO)
    own, others = make_connection(owner=ceo), make_connection()
    request = RequestFactory().get("/admin/")
    request.user = ceo
    page = next(page for page in PAGES if page.label == "triggers.WebhookEndpoint")
    field: Any = page.model._meta.get_field("connection")
    chosen: Any = page.admin.formfield_for_foreignkey(field, request)
    assert set(chosen.queryset) == {own}
    assert others not in chosen.queryset
