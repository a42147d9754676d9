"""What a transactional test leaves behind: nothing that it wrote, and all that migrations made."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import TransactionTestCase

from accounts.models import AuditEntry, User
from tests.factories.accounts import make_user
from tests.factories.world import make_world

pytestmark = pytest.mark.django_db(transaction=True)


def end_the_test() -> None:
    """What pytest-django does when a transactional test is over."""
    TransactionTestCase("__init__")._fixture_teardown()  # type: ignore[attr-defined]


def test_rows_that_point_at_each_other_are_taken_out() -> None:
    make_world(make_user())
    kinds = ContentType.objects.count()
    end_the_test()
    assert (User.objects.count(), AuditEntry.objects.count()) == (0, 0)
    assert ContentType.objects.count() == kinds > 0


def test_a_database_without_rows_is_left_alone() -> None:
    end_the_test()
    end_the_test()
    assert User.objects.count() == 0
