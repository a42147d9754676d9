"""What contradicts itself in a trigger's limits about runs that wait: debounce, batches, cooldown and overlap."""

from collections.abc import Iterator, Mapping
from typing import Any

from triggers.conditions.schema import Problem
from triggers.enums import BatchBy, CooldownPolicy, OverlapPolicy, QueuePolicy

_LEAVES_OUT = (
    "is skip, which leaves out an event while a run of its item waits, and {other} adds it to that run. Take queue or"
    " allow"
)
_CANCELS = (
    "is cancel_running, which cancels the run of an item at the next event, for one that only begins later by {other}."
    " Take queue or allow"
)


def waiting_problems(limits: Mapping[str, Any]) -> Iterator[Problem]:
    """Why these limits, each right by itself, cannot hold together; paths name the one to change."""
    yield from _debounce_problems(limits)
    yield from _batch_problems(limits)
    yield from _overlap_problems(limits)


def _debounce_problems(limits: Mapping[str, Any]) -> Iterator[Problem]:
    quiet, longest = limits.get("debounce_s"), limits.get("debounce_max_s")
    if longest is not None and quiet is None:
        yield _wrong("debounce_max_s", "says nothing without limits.debounce_s. Set that too, or take this out")
    elif longest is not None and quiet is not None and longest < quiet:
        told = f"is {longest}, and no run begins before {quiet} s without another event (limits.debounce_s)"
        yield _wrong("debounce_max_s", f"{told}. Raise it, or lower the other", "out_of_range")
    if quiet is not None and limits.get("batch_s") is not None:
        yield _wrong("debounce_s", "and limits.batch_s both say when a run begins. Take one of them out")


def _batch_problems(limits: Mapping[str, Any]) -> Iterator[Problem]:
    if limits.get("batch_s") is None:
        for name in ("batch_size", "batch_by"):
            if limits.get(name) not in (None, BatchBy.ITEM):
                yield _wrong(name, "needs limits.batch_s: a batch that never fills has to begin at some time")
        return
    if limits.get("cooldown_s") and limits.get("cooldown_policy") in (CooldownPolicy.DELAY, CooldownPolicy.COALESCE):
        told = "puts off what limits.batch_size lets begin. Let the cooldown skip, or take longer batches instead"
        yield _wrong("cooldown_policy", f"is {limits['cooldown_policy']}, which {told}")
    if limits.get("queue_policy") == QueuePolicy.COALESCE and limits.get("max_queued") is not None:
        yield _wrong(
            "queue_policy", "is coalesce, which would add events to a batch that is full. Take skip or drop_oldest"
        )


def _overlap_problems(limits: Mapping[str, Any]) -> Iterator[Problem]:
    overlap = limits.get("overlap", OverlapPolicy.ALLOW)
    other = _waits_by(limits)
    if overlap == OverlapPolicy.SKIP and other and not other.endswith(CooldownPolicy.DELAY):
        yield _wrong("overlap", _LEAVES_OUT.format(other=other))
    if overlap == OverlapPolicy.CANCEL_RUNNING and other:
        yield _wrong("overlap", _CANCELS.format(other=other))
    if limits.get("batch_s") is None:
        return
    if overlap == OverlapPolicy.COALESCE:
        yield _wrong("overlap", "is coalesce, which would add events to a batch that is full. Take queue or allow")
    if overlap == OverlapPolicy.QUEUE and limits.get("batch_by") == BatchBy.TRIGGER:
        told = "is queue, which is about one item, and the batch is about many. Take allow, and max_concurrent 1"
        yield _wrong("overlap", told)


def _waits_by(limits: Mapping[str, Any]) -> str:
    """What lets a run begin later than its first event; empty where nothing does."""
    for name in ("debounce_s", "batch_s"):
        if limits.get(name) is not None:
            return f"limits.{name}"
    policy = limits.get("cooldown_policy")
    if limits.get("cooldown_s") and policy in (CooldownPolicy.DELAY, CooldownPolicy.COALESCE):
        return f"cooldown_policy {policy}"
    return ""


def _wrong(name: str, words: str, code: str = "contradicts") -> Problem:
    return Problem(f"limits.{name}", code, f"limits.{name} {words}.")
