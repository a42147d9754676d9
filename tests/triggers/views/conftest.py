"""People for the page tests."""

import pytest

from accounts.enums import Role, Source
from tests.factories.triggers import WrittenOut
from tests.triggers.views.people import Visitor, visitor
from triggers.sources import registry


@pytest.fixture
def written_out(monkeypatch: pytest.MonkeyPatch) -> WrittenOut:
    """The source whose deliveries are the list of their events."""
    source = WrittenOut()
    monkeypatch.setitem(registry._entries, Source.JIRA.value, source)
    return source


@pytest.fixture
def developer() -> Visitor:
    return visitor(Role.DEVELOPER)


@pytest.fixture
def support() -> Visitor:
    return visitor(Role.SUPPORT)


@pytest.fixture
def ceo() -> Visitor:
    return visitor(Role.CEO)


@pytest.fixture
def stranger() -> Visitor:
    """Another one who sees only own things."""
    return visitor(Role.CEO)
