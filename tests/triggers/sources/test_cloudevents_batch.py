"""A batch of CloudEvents: all of them or none, each refusal with its place; hops and other extension attributes."""

import json
from typing import Any

import pytest

from triggers.conditions.facts import EventFacts
from triggers.conditions.paths import look_up, wrong_with
from triggers.matching.readers import reader
from triggers.sources.cloudevents.batch import MOST_EVENTS, MOST_PROBLEMS, events_in, is_batch, read_batch
from triggers.sources.cloudevents.event import MOST_HOPS, NotACloudEvent, event_of
from triggers.sources.cloudevents.http import BATCH, NotTaken

pytestmark = pytest.mark.one_pass
LEAST: dict[str, Any] = {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "com.example.order.paid"}
HEADERS = {"content-type": BATCH}


def batch(*values: Any, **headers: str) -> list[Any]:
    return read_batch({**HEADERS, **headers}, json.dumps(list(values)).encode(), max_bytes=1_000_000)


def faults(*values: Any) -> list[tuple[str, str]]:
    with pytest.raises(NotACloudEvent) as refused:
        batch(*values)
    return [(problem.path, problem.code) for problem in refused.value.problems]


def test_each_event_has_its_own_content_in_their_order() -> None:
    found = batch({**LEAST, "data": {"b": 1, "a": "ü"}}, {**LEAST, "id": "A-2"})
    assert [event["id"] for event, _ in found] == ["A-1", "A-2"]
    assert json.loads(found[0][1]) == {**LEAST, "data": {"b": 1, "a": "ü"}}


def test_the_same_event_has_the_same_content_however_it_is_written() -> None:
    turned = dict(reversed(LEAST.items()))
    assert batch(LEAST)[0][1] == batch(turned)[0][1]


def test_it_may_be_empty() -> None:
    assert batch() == []


def test_every_wrong_event_is_named_by_its_place() -> None:
    assert faults(LEAST, {**LEAST, "source": "a b"}, 5, {"id": "x"}) == [
        ("[1].source", "not_a_uri"),
        ("[2]", "not_an_object"),
        ("[3].specversion", "required"),
        ("[3].source", "required"),
        ("[3].type", "required"),
    ]


def test_the_problems_that_are_told_have_an_end() -> None:
    assert len(faults(*([5] * (MOST_PROBLEMS + 1)))) == MOST_PROBLEMS


def test_so_many_and_no_more() -> None:
    assert len(batch(*([LEAST] * MOST_EVENTS))) == MOST_EVENTS
    assert faults(*([LEAST] * (MOST_EVENTS + 1))) == [("", "too_many")]


@pytest.mark.parametrize(("body", "code"), [(b"{}", "not_a_list"), (b"[", "not_safe_json"), (b"", "not_safe_json")])
def test_what_is_no_list_is_no_batch(body: bytes, code: str) -> None:
    with pytest.raises(NotACloudEvent) as refused:
        read_batch(HEADERS, body, max_bytes=1000)
    assert refused.value.problems[0].code == code


@pytest.mark.parametrize(
    ("headers", "words"),
    [({"content-encoding": "gzip"}, "Content-Encoding"), ({"content-type": f"{BATCH}; charset=utf-16"}, "UTF-8")],
)
def test_another_form_is_refused_with_words(headers: dict[str, str], words: str) -> None:
    with pytest.raises(NotTaken, match=words):
        batch(LEAST, **headers)


def test_a_batch_is_what_says_so() -> None:
    assert is_batch({"Content-Type": f"{BATCH}; charset=utf-8"})
    assert not is_batch({"content-type": "application/cloudevents+json"})


@pytest.mark.parametrize(("body", "count"), [(b"[]", 1), (b"[1, 2, 3]", 3), (b"{}", 1), (b"[", 1)])
def test_for_the_rate_each_event_counts_and_a_request_is_one_at_least(body: bytes, count: int) -> None:
    assert events_in(body, max_bytes=1000) == count


class TestHops:
    @pytest.mark.parametrize(
        ("said", "hops"), [({}, 0), ({"dcthops": 3}, 3), ({"dcthops": "4"}, 4), ({"dcthops": "999999999"}, MOST_HOPS)]
    )
    def test_an_event_says_how_far_it_is_from_a_change_outside(self, said: dict[str, Any], hops: int) -> None:
        assert event_of({**LEAST, **said}).hops == hops

    @pytest.mark.parametrize(
        ("value", "code"), [(-1, "out_of_range"), ("-1", "not_a_number"), ("", "not_a_number"), (True, "")]
    )
    def test_what_is_no_number_is_refused(self, value: Any, code: str) -> None:
        if value is True:
            assert event_of({**LEAST, "dcthops": value}).hops == 1
            return
        with pytest.raises(NotACloudEvent) as refused:
            event_of({**LEAST, "dcthops": value})
        assert [(problem.path, problem.code) for problem in refused.value.problems] == [("dcthops", code)]


class TestExtensions:
    def test_they_are_the_attributes_that_the_specification_does_not_name(self) -> None:
        event = event_of({**LEAST, "subject": "order 7", "region": "eu", "shard": 3, "data": 5})
        assert event.extensions == {"region": "eu", "shard": 3}

    def test_conditions_read_them_the_same_way_in_the_index_and_in_explanations(self) -> None:
        facts = EventFacts("cloudevents", "x", extensions={"region": "eu"})
        for path, value in (("event.extensions.region", "eu"), ("event.extensions.shard", None)):
            assert wrong_with(path) is None
            assert look_up(path, facts, None) is reader(path)(facts, None)
            if value:
                assert look_up(path, facts, None) == value
        assert EventFacts.from_dict(facts.as_dict()) == facts
