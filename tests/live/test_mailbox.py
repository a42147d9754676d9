"""The mailbox: numbered without gaps, bounded, honest about what was dropped."""

from accounts.models import User
from dct_site.live.mailbox import Mailbox


async def test_messages_are_numbered_when_taken_without_gaps() -> None:
    mailbox = Mailbox(User(), capacity=10)
    mailbox.put({"type": "a"})
    mailbox.put({"type": "b"})
    first = await mailbox.take()
    mailbox.put({"type": "c"})
    assert [message["seq"] for message in [*first, *await mailbox.take()]] == [1, 2, 3]


async def test_an_overflow_is_told_once_and_numbering_goes_on() -> None:
    mailbox = Mailbox(User(), capacity=3)
    for number in range(10):
        mailbox.put({"type": "status", "id": number})
    taken = await mailbox.take()
    assert taken[0] == {"type": "resync", "seq": 1}
    assert [message["seq"] for message in taken] == list(range(1, len(taken) + 1))
    assert len(taken) <= 3


def test_topics_are_added_and_taken_away() -> None:
    mailbox = Mailbox(User())
    mailbox.subscribe(["a", "b"])
    mailbox.unsubscribe(["a"])
    assert mailbox.topics == {"b"}
