"""The events of `bench decide`, for the triggers of `bench match`, which all listen to one webhook of GitHub here.

A pull request changes no status and says no phrase; where its sender is one that a
trigger waits for, just that trigger fires.
"""

import itertools
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dct_site.bench.installation import pull_request
from dct_site.bench.intake_load import head_of, signed_request
from dct_site.bench.match_world import person

OPEN = 500
_NUMBER, _SENDER, _EDITED = 987654321, "sender-to-be", "time-of-the-edit"
_FILLER = "Bookings fail while the tariff service restarts. " * 100


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
        sender = person(number // one_in % (triggers // 4)) if fires else "somebody-else"
        edited = (began + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        own = body.replace(b"%d" % _NUMBER, b"%d" % (number % OPEN)).replace(_SENDER.encode(), sender.encode())
        own = own.replace(_EDITED.encode(), edited.encode())
        yield signed_request(head_of(path, "pull_request", len(own)), f"{prefix}{number:016x}".encode(), own)
