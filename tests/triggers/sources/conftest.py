"""What the tests of the sources share."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from triggers.sources.base import RawDelivery

At = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MakeRaw = Callable[..., RawDelivery]


@pytest.fixture
def github_delivery() -> MakeRaw:
    """A function that makes GitHub's delivery of a payload."""

    def make(event: str, payload: Any, **headers: str) -> RawDelivery:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return RawDelivery(
            source="github",
            body=body,
            headers={"x-github-event": event, "x-github-delivery": "guid-1", **headers},
            received_at=At,
        )

    return make
