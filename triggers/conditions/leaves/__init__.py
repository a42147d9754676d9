"""The leaves that exist: a module and one line here for each."""

from triggers.conditions.leaves import (
    absence,
    assignee_change,
    count,
    field,
    mention,
    new_comment,
    new_message,
    priority_change,
    sender,
    sequence,
    status_change,
    string_match,
    thread_reply,
    time_window,
    trust_tier,
)
from triggers.conditions.registry import Leaves

LEAVES = Leaves()

LEAVES.register(status_change.LEAF)
LEAVES.register(new_comment.LEAF)
LEAVES.register(new_message.LEAF)
LEAVES.register(string_match.LEAF)
LEAVES.register(assignee_change.LEAF)
LEAVES.register(priority_change.LEAF)
LEAVES.register(mention.LEAF)
LEAVES.register(thread_reply.LEAF)
LEAVES.register(field.LEAF)
LEAVES.register(sender.LEAF)
LEAVES.register(trust_tier.LEAF)
LEAVES.register(time_window.LEAF)
LEAVES.register(count.LEAF)
LEAVES.register(sequence.LEAF)
LEAVES.register(absence.LEAF)
