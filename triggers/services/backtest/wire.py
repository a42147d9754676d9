"""A slice of a back-test as two lines of JSON: what is asked for, and what was found. Both processes read them here."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from accounts.models import User
from triggers.conditions.schema import Problem
from triggers.models import Trigger
from triggers.services.backtest.progress import Progress, Slice
from triggers.services.backtest.queue import Queueing
from triggers.services.backtest.slices import StaleCursor, backtest
from triggers.services.validation import InvalidDocument


class Broken(Exception):
    """The other process could not answer; nothing is lost, the same slice may be asked for again."""


def question(
    *,
    trigger: Trigger,
    document: Mapping[str, Any],
    by: User,
    since: datetime,
    until: datetime,
    now: datetime,
    cursor: str,
) -> bytes:
    """One line."""
    asked = {
        "trigger": trigger.pk,
        "document": document,
        "by": by.pk,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "now": now.isoformat(),
        "cursor": cursor,
    }
    return json.dumps(asked).encode() + b"\n"


def answer(line: bytes, *, for_s: float) -> bytes:
    """Do what a question asks, for about ``for_s`` seconds; one line."""
    asked = json.loads(line)
    since, until, now = (datetime.fromisoformat(asked[name]) for name in ("since", "until", "now"))
    try:
        found = backtest(
            trigger=Trigger.objects.select_related("published").get(pk=asked["trigger"]),
            document=asked["document"],
            by=User.objects.get(pk=asked["by"]),
            since=since,
            until=until,
            now=now,
            cursor=asked["cursor"],
            for_s=for_s,
        )
        said: dict[str, Any] = {
            "progress": asdict(found.progress),
            "cursor": found.cursor,
            "queue": asdict(found.queue) if found.queue is not None else None,
            "compared_with": found.compared_with,
        }
    except InvalidDocument as invalid:
        said = {"problems": [[one.path, one.code, one.message] for one in invalid.problems]}
    except StaleCursor as stale:
        said = {"stale": str(stale)}
    return json.dumps(said).encode() + b"\n"


def read_answer(line: bytes, *, since: datetime, until: datetime) -> Slice:
    """What was found. Raises InvalidDocument and StaleCursor as ``backtest`` does, and Broken for no answer."""
    if not line:
        raise Broken("The process that works on back-tests ended. Go on from where it was.")
    said = json.loads(line)
    if "problems" in said:
        raise InvalidDocument([Problem(*one) for one in said["problems"]])
    if "stale" in said:
        raise StaleCursor(said["stale"])
    return Slice(
        since=since,
        until=until,
        progress=Progress.read(said["progress"]),
        cursor=said["cursor"],
        queue=Queueing(**said["queue"]) if said["queue"] is not None else None,
        compared_with=said["compared_with"],
    )
