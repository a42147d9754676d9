"""The triggers and events of `bench decide`: half wait for a status, a quarter for a sender, a quarter for a phrase.

All listen to one webhook of GitHub. A pull request changes no status and says no phrase; where its sender is one that a
trigger waits for, just that trigger fires.
"""

import itertools
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from dct_site.bench.installation import pull_request
from dct_site.bench.intake_load import head_of, signed_request

OPEN = 500
_NUMBER, _SENDER, _EDITED = 987654321, "sender-to-be", "time-of-the-edit"
_FILLER = "Bookings fail while the tariff service restarts. " * 100
_rng = Random(7)  # noqa: S311 - nothing secret comes of it
_WORDS = ["".join(_rng.choices("abcdefghijklmnoprstuvwz", k=_rng.randint(3, 9))) for _ in range(4000)]


def document_of(number: int, connection_id: int) -> dict[str, Any]:
    """What the revision of a trigger, counted from 0, says."""
    return {
        "name": f"Trigger {number}",
        "priority": 5,
        "listeners": [{"connection_id": connection_id}],
        "conditions": {"all": [_leaf_of(number)]},
        "workspace": {"template_id": 1, "title_pattern": "{item.key}: {item.title}", "deploy": "auto"},
        "agent": {"profile_id": 1, "instructions": "Read what changed, and write down what follows. " * 5},
        "deliverables": [{"name": "Report", "kind": "created", "target": "feedback/report.md", "required": True}],
        "limits": {"max_attempts": 3},
    }


def pull_requests(path: str, one_in: int, triggers: int) -> Iterator[bytes]:
    """Signed requests without end, about OPEN pull requests in turn, each time edited at another second; one in so many
    (0: none) fires a trigger, each time another one.
    """
    value = json.loads(pull_request(_NUMBER, action="edited", text=_FILLER))
    value["sender"] = {"login": _SENDER, "id": 2}
    value["pull_request"] |= {"id": _NUMBER, "updated_at": _EDITED}
    body, prefix = json.dumps(value).encode(), secrets.token_hex(12)
    began = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=secrets.randbelow(2_000))
    for number in itertools.count(1):
        fires = one_in and number % one_in == 0
        sender = _person(number // one_in % (triggers // 4)) if fires else "somebody-else"
        edited = (began + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        own = body.replace(b"%d" % _NUMBER, b"%d" % (number % OPEN)).replace(_SENDER.encode(), sender.encode())
        own = own.replace(_EDITED.encode(), edited.encode())
        yield signed_request(head_of(path, "pull_request", len(own)), f"{prefix}{number:016x}".encode(), own)


def _leaf_of(number: int) -> dict[str, Any]:
    kind, at = number % 4, number // 4
    if kind < 2:
        config: dict[str, Any] = {("from_status", "to_status")[kind]: f"Stage {at}"}
        return {"type": "status_change", "version": 1, "config": config}
    if kind == 2:
        return {"type": "sender", "version": 1, "config": {"allow": [_person(at)]}}
    phrase = f"{_WORDS[at % 4000]} {_WORDS[at // 4000 * 7 % 4000]} {at}"
    return {"type": "string_match", "version": 1, "config": {"contains_keywords": [phrase]}}


def _person(at: int) -> str:
    return f"person-{at}"
