"""The promises of docs/explanation/reliability.md hold; and without any one of their guards, they do not.

A check that never fails shows nothing: for each guard, the second test takes it out and wants the check to say so.
"""

import pytest
from django.db import connection
from django.db.models import Model

from agents.models import AgentRun
from tests.promises.guards import CHECKS, GUARDS, Check, Guard
from tests.promises.keys import without
from triggers.models import Delivery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_promise_holds(check: Check) -> None:
    check()


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.promise} {guard.name}")
def test_without_its_guard_it_does_not(guard: Guard) -> None:
    with guard.out(), pytest.raises(AssertionError, match=guard.noticed):
        guard.check()


@pytest.mark.parametrize(
    ("model", "name"),
    [(Delivery, "delivery_once"), (Delivery, "rejected_claims_no_key"), (AgentRun, "run_one_alive_per_agent")],
)
def test_a_key_that_was_taken_out_is_put_back(model: type[Model], name: str) -> None:
    before = keys_of(model)
    with without(model, name):
        assert set(before) - set(keys_of(model)) == {name}
    assert keys_of(model) == before


def keys_of(model: type[Model]) -> dict[str, list[str]]:
    """{name: columns} of the keys, checks and indexes that the database has for a table."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    # What SQLite makes by itself has a number for a name, which is another one when the table is made anew.
    return {name: list(one["columns"] or []) for name, one in sorted(found.items()) if not name.startswith("__")}
