"""Admission: the one way to capacity. Every start asks here; one function, under one lock, says when it may."""

from agents.services.admission.admit import admit
from agents.services.admission.budgets import charge, set_budget
from agents.services.admission.expiry import expire_starts, sweep_parked
from agents.services.admission.limits import pause_all, resume_all, tell_pause, update_limits
from agents.services.admission.lock import lock_capacity
from agents.services.admission.parking import unpark
from agents.services.admission.requests import cancel_start, request_start, request_starts
from agents.services.admission.slots import ask_for_room, conclude, give_up_room, holds_slot, pass_on_workspace, release
from agents.starts import AGENT_START, Block, StartHandler, held_by, holds, starts

__all__ = [
    "AGENT_START",
    "Block",
    "StartHandler",
    "admit",
    "ask_for_room",
    "cancel_start",
    "charge",
    "conclude",
    "expire_starts",
    "give_up_room",
    "held_by",
    "holds",
    "holds_slot",
    "lock_capacity",
    "pass_on_workspace",
    "pause_all",
    "release",
    "request_start",
    "request_starts",
    "resume_all",
    "set_budget",
    "starts",
    "sweep_parked",
    "tell_pause",
    "unpark",
    "update_limits",
]
