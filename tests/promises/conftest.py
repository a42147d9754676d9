"""What the tests of the promises share."""

import pytest

from accounts.enums import Source
from tests.factories.triggers import WrittenOut
from triggers.sources import registry


@pytest.fixture(autouse=True)
def written_out(monkeypatch: pytest.MonkeyPatch) -> WrittenOut:
    """The source whose deliveries are the list of their events."""
    source = WrittenOut()
    monkeypatch.setitem(registry._entries, Source.JIRA.value, source)
    return source
