"""Changing connections: every decision after it sees the change, and the audit log tells what was changed."""

from contextlib import nullcontext
from datetime import datetime

import pytest

from accounts.actor import Actor
from accounts.enums import Role, Via
from accounts.models import AuditEntry
from accounts.permissions import Denied
from agents.services.values import InvalidValue
from dct_site.kernel.edits import EditConflict
from tests.factories.accounts import make_user
from tests.factories.workspaces import make_connection
from triggers.models import Generation
from triggers.services.connections import change_connection

pytestmark = pytest.mark.django_db


def test_a_change_bumps_the_generation_and_is_audited(now: datetime) -> None:
    connection = make_connection(name="A", config={"own_actors": []})
    before = Generation.objects.get().value
    change_connection(connection=connection, by=Actor.system(), now=now, name="A", is_paused=True)
    assert Generation.objects.get().value == before + 1
    assert (connection.is_paused, connection.version) == (True, 2)
    entry = AuditEntry.objects.get(action="connection.changed")
    assert (entry.before, entry.after) == ({"is_paused": False}, {"is_paused": True})


@pytest.mark.parametrize("most", [0, -1, 10_001, True, 2.5])
def test_a_number_of_runs_at_once_that_cannot_be_is_refused(now: datetime, most: object) -> None:
    with pytest.raises(InvalidValue, match="from 1 to 10000"):
        change_connection(connection=make_connection(), by=Actor.system(), now=now, max_concurrent=most)


def test_a_change_from_an_old_version_is_refused(now: datetime) -> None:
    connection = make_connection()
    with pytest.raises(EditConflict):
        change_connection(connection=connection, by=Actor.system(), now=now, version=7, name="B")


def test_what_may_not_be_changed_is_a_mistake_of_the_caller(now: datetime) -> None:
    with pytest.raises(TypeError, match="owner"):
        change_connection(connection=make_connection(), by=Actor.system(), now=now, owner=None)


@pytest.mark.parametrize(("opened", "is_allowed"), [(True, False), (False, True)])
def test_what_opens_inner_networks_is_a_developers_whoever_calls_the_service(
    now: datetime, opened: bool, is_allowed: bool
) -> None:
    connection = make_connection()
    by = Actor.person(make_user(role=Role.SUPPORT), Via.API)
    config = {"allow_private": opened}
    with nullcontext() if is_allowed else pytest.raises(Denied):
        change_connection(connection=connection, by=by, now=now, config=config)


def test_the_shell_may_open_the_way_to_inner_networks(now: datetime) -> None:
    connection = make_connection()
    change_connection(connection=connection, by=Actor.cli(), now=now, config={"allow_private": True})
    assert connection.config == {"allow_private": True}
