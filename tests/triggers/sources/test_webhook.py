"""The generic webhook: any JSON is an event of the connection's stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.sources.conftest import At
from triggers.enums import Refusal
from triggers.sources import registry
from triggers.sources.base import RawDelivery, Refused
from workspaces.enums import ItemKind


def raw(body: Any, **config: Any) -> RawDelivery:
    return RawDelivery(
        source="webhook",
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={},
        received_at=At,
        connection_config=config,
    )


def test_without_configuration_it_is_received_and_nothing_is_guessed() -> None:
    (event,) = registry.get("webhook").parse(raw({"type": "invoice.paid", "text": "@ana"}))
    assert event.type == "webhook.received"
    assert event.facts == {"title": "", "text": "", "kinds": [], "mentions": [], "is_reply": False}
    assert event.data == {"type": "invoice.paid", "text": "@ana"}
    assert event.item is not None
    assert event.item.kind == ItemKind.STREAM
    assert event.time == At
    assert event.change_key == ""


def test_declared_paths_are_read() -> None:
    body = {
        "t": "invoice.paid",
        "who": {"name": "Ana"},
        "lines": [{"text": "Thanks @ben"}],
        "at": "2026-01-02T03:04:05Z",
    }
    config = {
        "type_path": "t",
        "actor_path": "who.name",
        "text_path": "lines.0.text",
        "time_path": "at",
        "subject_path": "lines.7.text",
        "title_path": "who",
        "kinds": ["message", "nonsense"],
    }
    (event,) = registry.get("webhook").parse(raw(body, **config))
    assert (event.type, event.actor, event.subject, event.facts["title"]) == ("invoice.paid", "Ana", "", "")
    assert event.facts["mentions"] == ["ben"]
    assert event.facts["kinds"] == ["message"]
    assert event.time.isoformat() == "2026-01-02T03:04:05+00:00"


def test_a_body_that_is_not_json_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        registry.get("webhook").parse(raw(b"<xml/>"))
    assert refused.value.reason == Refusal.NOT_SAFE_JSON


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(values)
def test_any_json_is_one_event(value: Any) -> None:
    config = {f"{name}_path": "a.0" for name in ("type", "subject", "actor", "title", "text", "time")}
    (event,) = registry.get("webhook").parse(raw(value, **config))
    assert len(event.type) <= 100
    json.dumps(dict(event.data))
