"""Topics: what an entry is under, and what a client may ask for."""

from datetime import datetime

import pytest

from accounts.models import JournalEntry
from dct_site.live.topics import agents_in, is_topic, status_message, topics_of


def test_an_entry_is_under_itself_its_kind_and_what_it_refers_to(now: datetime) -> None:
    entry = JournalEntry(kind="execution", object_id=12, to="running", at=now, refs={"trigger": 3, "item": 7})
    topics = topics_of(entry)
    assert topics == {"execution:12", "executions", "trigger:3", "item:7", "health"}
    message = status_message(entry, topics)
    assert (message["object"], message["id"], message["status"]) == ("execution", 12, "running")
    assert message["topics"] == sorted(topics)


def test_what_hangs_under_an_item_is_under_the_items_topic_too(now: datetime) -> None:
    entry = JournalEntry(kind="event", object_id=5, to="decided", at=now, refs={"item": 7, "parent": 3})
    assert topics_of(entry) == {"event:5", "events", "item:7", "item:3"}


@pytest.mark.parametrize("topic", ["executions", "health", "execution:1", "talk:4", "connection:2", "queue"])
def test_known_topics_may_be_asked_for(topic: str) -> None:
    assert is_topic(topic)


@pytest.mark.parametrize(
    "topic", ["", "secrets", "execution:", "execution:x", "user:1", "health:1", 3, None, "a" * 50, "execution:²"]
)
def test_anything_else_is_no_topic(topic: object) -> None:
    assert not is_topic(topic)


def test_conversations_are_followed_by_the_agents_topics() -> None:
    assert agents_in(["agent:3", "talk:4", "executions"]) == {3, 4}
