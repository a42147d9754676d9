"""What the tests of the agents room share."""

import pytest

from agents.starts import starts
from tests.agents.handlers import RecordingHandler


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> RecordingHandler:
    """The handler of starts of kind ``test`` while the test runs."""
    recording = RecordingHandler()
    monkeypatch.setitem(starts._entries, "test", recording)
    return recording
