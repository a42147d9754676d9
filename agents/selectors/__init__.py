"""What pages, interfaces and services read of agents and capacity."""

from agents.selectors.agents import (
    agents_visible_to,
    commands_visible_to,
    messages_of,
    profiles_visible_to,
    providers_visible_to,
)
from agents.selectors.capacity import PoolSlots, slots
from agents.selectors.queue import Waiting, queue, waiting

__all__ = [
    "PoolSlots",
    "Waiting",
    "agents_visible_to",
    "commands_visible_to",
    "messages_of",
    "profiles_visible_to",
    "providers_visible_to",
    "queue",
    "slots",
    "waiting",
]
