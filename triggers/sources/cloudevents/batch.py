"""A batch of CloudEvents out of one HTTP request. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format

The specification leaves open what becomes of a batch with a wrong event. Here all are taken or none: a refusal names
every one that is wrong by its place, and whoever sends the batch again, mended, sends nothing twice.
"""

import json
from collections.abc import Mapping
from typing import Any

from dct_site.kernel import safe_json
from triggers.conditions.schema import Problem
from triggers.sources.cloudevents.event import CloudEvent, NotACloudEvent, event_of
from triggers.sources.cloudevents.http import BATCH, NotTaken, media_of, only_as_it_is

MOST_EVENTS = 500
MOST_PROBLEMS = 50


def is_batch(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it is one, whatever is in it."""
    return media_of(headers)[0] == BATCH


def read_batch(headers: Mapping[str, str], body: bytes, *, max_bytes: int) -> list[tuple[CloudEvent, bytes]]:
    """(event, its JSON by itself) in their order; a batch may be empty. Raises NotTaken and NotACloudEvent."""
    only_as_it_is(headers)
    if media_of(headers)[1] not in {"", "utf-8", "utf8", "us-ascii"}:
        raise NotTaken(f"Send {BATCH} in UTF-8.")
    values = _values(body, max_bytes)
    if len(values) > MOST_EVENTS:
        words = f"It holds {len(values)} events; at most {MOST_EVENTS} are taken at once."
        raise NotACloudEvent([Problem("", "too_many", words)])
    found, problems = [], []
    for at, value in enumerate(values):
        try:
            found.append((event_of(value) if isinstance(value, dict) else _no_object(), _bytes(value)))
        except NotACloudEvent as wrong:
            problems += [_placed(problem, at) for problem in wrong.problems]
    if problems:
        raise NotACloudEvent(problems[:MOST_PROBLEMS])
    return found


def events_in(body: bytes, *, max_bytes: int) -> int:
    """How many a batch holds; 1 for what is none."""
    try:
        values = safe_json.loads(body, max_bytes=max_bytes)
    except safe_json.UnsafeJson:
        return 1
    return max(1, len(values)) if isinstance(values, list) else 1


def _values(body: bytes, max_bytes: int) -> list[Any]:
    try:
        values = safe_json.loads(body, max_bytes=max_bytes)
    except safe_json.UnsafeJson as unsafe:
        raise NotACloudEvent([Problem("", "not_safe_json", f"The body is not safe JSON: {unsafe}")]) from None
    if not isinstance(values, list):
        raise NotACloudEvent([Problem("", "not_a_list", "A batch is a JSON list of CloudEvents.")])
    return values


def _no_object() -> CloudEvent:
    raise NotACloudEvent([Problem("", "not_an_object", "A CloudEvent is a JSON object.")])


def _placed(problem: Problem, at: int) -> Problem:
    path = f"[{at}].{problem.path}" if problem.path else f"[{at}]"
    return Problem(path, problem.code, f"[{at}] {problem.message}")


def _bytes(value: Any) -> bytes:
    """The same bytes for the same event, so that one that is sent again is known."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
