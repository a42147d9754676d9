"""CloudEvents: read strictly in both modes, every fault at its attribute, and never a surprise."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.sources.conftest import At
from triggers.enums import Refusal
from triggers.sources import registry
from triggers.sources.base import ParsedEvent, RawDelivery, Refused
from triggers.sources.cloudevents.event import CloudEvent, NotACloudEvent, event_of
from triggers.sources.cloudevents.http import BATCH, STRUCTURED, NotTaken, kept, read

LEAST: dict[str, Any] = {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "com.example.order.paid"}
HEADERS = {f"ce-{name}": value for name, value in LEAST.items()}


def structured(value: Any, content_type: str = STRUCTURED) -> CloudEvent:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read({"content-type": content_type}, body, max_bytes=10_000)


def binary(body: bytes = b"{}", content_type: str = "application/json", **attributes: str) -> CloudEvent:
    extra = {f"ce-{name}": value for name, value in attributes.items()}
    return read({**HEADERS, **extra, "content-type": content_type}, body, max_bytes=10_000)


def faults(call: Any, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
    with pytest.raises(NotACloudEvent) as wrong:
        call(*args, **kwargs)
    assert all(problem.message for problem in wrong.value.problems)
    return [(problem.path, problem.code) for problem in wrong.value.problems]


def parsed(value: Mapping[str, Any], **config: Any) -> ParsedEvent:
    raw = RawDelivery("cloudevents", json.dumps(value).encode(), {"content-type": STRUCTURED}, At, config)
    (event,) = registry.get("cloudevents").parse(raw)
    return event


def test_the_specifications_own_example_is_read() -> None:
    # https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#33-examples
    event = structured(
        {
            "specversion": "1.0",
            "type": "com.example.someevent",
            "source": "/mycontext",
            "subject": None,
            "id": "C234-1234-1234",
            "time": "2018-04-05T17:31:00Z",
            "comexampleextension1": "value",
            "comexampleothervalue": 5,
            "datacontenttype": "application/json",
            "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
        }
    )
    assert (event["type"], event["subject"], event["comexampleothervalue"]) == ("com.example.someevent", "", "5")
    assert event.time is not None
    assert event.time.isoformat() == "2018-04-05T17:31:00+00:00"
    assert event.data == {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True}
    assert "subject" not in event.attributes


def test_both_modes_say_the_same() -> None:
    data = {"order": 4711}
    one = structured({**LEAST, "subject": "Grün 100%", "datacontenttype": "application/json", "data": data})
    other = binary(json.dumps(data).encode(), subject="Gr%C3%BCn 100%25")
    assert one == other
    assert binary(subject=r'"a \"b\""')["subject"] == 'a "b"'


def test_an_event_may_have_no_data_or_any_json() -> None:
    assert not structured(LEAST).has_data
    assert not binary(b"", "").has_data
    assert structured({**LEAST, "data": None}).has_data
    assert binary(b"[1]", "application/vnd.shop+json; charset=UTF-8").data == [1]


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_every_event_has_is_asked_for_by_name(name: str) -> None:
    told = {key: value for key, value in LEAST.items() if key != name}
    assert faults(structured, told) == [(name, "required")]
    assert faults(structured, {**LEAST, name: None}) == [(name, "required")]
    headers = {key: value for key, value in HEADERS.items() if key != f"ce-{name}"}
    assert faults(read, headers, b"", max_bytes=9) == [(name, "required")]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("specversion", "0.3", "unknown_version"),
        ("specversion", 1.0, "not_text"),
        ("id", "", "empty"),
        ("id", " ", "empty"),
        ("id", 7, "not_text"),
        ("id", "x" * 201, "too_long"),
        ("id", "a\u200bb", "not_visible"),
        ("source", "two words", "not_a_uri"),
        ("source", "x" * 301, "too_long"),
        ("type", "dct.timer.elapsed", "reserved"),
        ("type", "a\nb", "not_visible"),
        ("subject", "", "empty"),
        ("subject", "a\u0007", "not_visible"),
        ("time", "yesterday", "not_a_time"),
        ("time", "2026-02-30T00:00:00Z", "not_a_time"),
        ("time", "2026-02-03", "not_a_time"),
        ("time", "0001-01-01T00:00:00+10:00", "not_a_time"),
        ("time", "2026-02-03T00:00:00", "not_a_time"),
        ("datacontenttype", "json", "not_a_media_type"),
        ("dataschema", "/schemas/1", "not_a_uri"),
        ("Extension", "x", "name"),
        ("an_extension", "x", "name"),
        ("extension", 1.5, "not_text"),
        ("extension", {"a": 1}, "not_text"),
        ("extension", 2**31, "out_of_range"),
        ("extension", "x" * 1001, "too_long"),
        ("data_base64", "AAAA", "not_taken"),
    ],
)
def test_an_attribute_that_is_wrong_is_named_with_a_reason(name: str, value: Any, code: str) -> None:
    assert faults(structured, {**LEAST, name: value}) == [(name, code)]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert faults(structured, {"id": "", "source": "a b", "time": "x"}) == [
        ("specversion", "required"),
        ("type", "required"),
        ("id", "empty"),
        ("source", "not_a_uri"),
        ("time", "not_a_time"),
    ]
    assert faults(structured, {**LEAST, **{f"x{number}": "" for number in range(50)}}) == [("", "too_many")]


@pytest.mark.parametrize("value", [True, False, -5, 2**31 - 1, "", "text", "ü"])
def test_extensions_are_kept_as_they_are(value: Any) -> None:
    assert structured({**LEAST, "extension": value}).attributes["extension"] == value


@pytest.mark.parametrize("time", ["2026-11-20T12:00:00Z", "2026-11-20t13:00:00.000000000+01:00"])
def test_a_time_is_read_in_any_zone(time: str) -> None:
    assert structured({**LEAST, "time": time}).time == At


def test_headers_are_ascii_and_percent_encoded() -> None:
    assert faults(binary, subject="Gr\u00fcn") == [("subject", "not_encoded")]
    assert faults(binary, subject="%FF") == [("subject", "not_encoded")]
    assert faults(binary, subject="%00") == [("subject", "not_visible")]
    for name in ("datacontenttype", "data", "data_base64"):
        assert faults(binary, **{name: "x"}) == [(name, "misplaced")]


@pytest.mark.parametrize(
    ("body", "path"), [(b"{", ""), (b"[" * 100, ""), (b'{"a": 1e400}', ""), (b"\xff", ""), (b'"' + b"x" * 20_000, "")]
)
def test_a_body_that_is_not_safe_json_is_refused(body: bytes, path: str) -> None:
    assert faults(structured, body) == [(path, "not_safe_json")]
    assert faults(binary, body) == [("data", "not_safe_json")]


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"text"'])
def test_a_structured_event_is_an_object(body: bytes) -> None:
    assert faults(structured, body) == [("", "not_an_object")]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"content-type": BATCH}, STRUCTURED),
        ({"content-type": "application/json"}, "ce- headers"),
        ({}, "ce- headers"),
        ({"content-type": "application/cloudevents+xml", **HEADERS}, STRUCTURED),
        ({"content-type": f"{STRUCTURED}; charset=utf-16"}, "UTF-8"),
        ({"content-type": "text/plain", **HEADERS}, "must be JSON"),
        ({"content-type": 'application/json; charset="latin-1"', **HEADERS}, "must be JSON"),
        ({"content-type": STRUCTURED, "content-encoding": "gzip"}, "Content-Encoding"),
    ],
)
def test_another_form_is_refused_with_words(headers: dict[str, str], words: str) -> None:
    with pytest.raises(NotTaken, match=re.escape(words)):
        read(headers, json.dumps(LEAST).encode(), max_bytes=10_000)


def test_of_the_headers_only_the_events_own_are_kept() -> None:
    sent = {"Authorization": "Bearer x", "Cookie": "y", "Ce-Id": "1", "Content-Type": "a/b", "User-Agent": "curl"}
    assert kept(sent) == {"ce-id": "1", "content-type": "a/b", "user-agent": "curl"}


def test_an_event_is_about_its_subject_under_the_connections_stream() -> None:
    event = parsed({**LEAST, "subject": "order 7", "data": {"total": 5}})
    assert (event.external_id, event.type, event.subject, event.time) == ("A-1", LEAST["type"], "order 7", At)
    assert event.data == {"total": 5}
    assert event.item is not None
    assert event.item.parent is not None
    assert (event.item.key, event.item.title, event.item.parent.key) == ("/shop order 7", "order 7", "stream")
    without = parsed(LEAST)
    assert without.item == event.item.parent
    assert without.facts["title"] == LEAST["type"]


def test_declared_paths_into_the_data_are_read() -> None:
    data = {"who": "Ana", "note": "Thanks @ben", "head": {"line": "Paid"}}
    config = {"actor_path": "who", "text_path": "note", "title_path": "head.line", "kinds": ["message", "nonsense"]}
    event = parsed({**LEAST, "data": data}, **config)
    assert (event.actor, event.facts["title"], event.facts["text"]) == ("Ana", "Paid", "Thanks @ben")
    assert (event.facts["kinds"], event.facts["mentions"]) == (["message"], ["ben"])


def test_data_that_is_no_object_is_a_value() -> None:
    assert parsed({**LEAST, "data": [1, 2]}).data == {"value": [1, 2]}
    assert parsed({**LEAST, "data": None}).data == {"value": None}
    assert parsed(LEAST).data == {}


def test_a_stored_delivery_that_is_none_is_refused_and_not_an_error() -> None:
    for headers in ({"content-type": STRUCTURED}, {"content-type": "text/plain"}):
        raw = RawDelivery("cloudevents", b"{}", headers, At)
        with pytest.raises(Refused) as refused:
            registry.get("cloudevents").parse(raw)
        assert refused.value.reason == Refusal.NOT_UNDERSTOOD


def test_the_key_tells_events_apart_and_is_never_too_long() -> None:
    keys = {event_of({**LEAST, "source": source, "id": one}).key for source in ("/a", "/b") for one in ("1", "2")}
    assert len(keys) == 4
    # Without a blank that no URI has, these two would read the same.
    assert (
        event_of({**LEAST, "source": "/a", "id": "b c"}).key != event_of({**LEAST, "source": "/a%20b", "id": "c"}).key
    )
    long = [event_of({**LEAST, "source": "/" + "x" * 299, "id": "y" * 199 + end}).key for end in "12"]
    assert (len(set(long)), all(len(key) <= 300 for key in long)) == (2, True)


names = st.sampled_from(["id", "source", "type", "subject", "time", "specversion", "dataschema", "data", "x", "", "é"])
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(max_size=3), max_size=2)


@given(st.dictionaries(names, values))
def test_any_object_is_an_event_or_named_faults(over: dict[str, Any]) -> None:
    try:
        event = event_of({**LEAST, **over})
    except NotACloudEvent as wrong:
        assert wrong.problems  # noqa: PT017 - either is fine
    else:
        assert event["id"]
        assert len(event.key) <= 300
