"""The promises of docs/explanation/reliability.md hold; and without any one of their guards, they do not.

A check that never fails shows nothing: for each guard, the second test takes it out and wants the check to say so.
"""

import pytest

from tests.promises.guards import CHECKS, GUARDS, Check, Guard

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_promise_holds(check: Check) -> None:
    check()


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.promise} {guard.name}")
def test_without_its_guard_it_does_not(guard: Guard) -> None:
    with guard.out(), pytest.raises(AssertionError, match=guard.noticed):
        guard.check()
