"""What tests of the trigger services share."""

from collections.abc import Iterator

import pytest

from accounts.enums import Source
from tests.factories.triggers import WrittenOut
from tests.triggers.services.doomed import Doomed
from triggers.sources import registry


@pytest.fixture(autouse=True)
def written_out(monkeypatch: pytest.MonkeyPatch) -> WrittenOut:
    """The source whose deliveries are the list of their events."""
    source = WrittenOut()
    monkeypatch.setitem(registry._entries, Source.JIRA.value, source)
    return source


@pytest.fixture(scope="module")
def doomed() -> Iterator[Doomed]:
    doomed = Doomed()
    yield doomed
    doomed.close()
