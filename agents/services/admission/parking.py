"""Those that wait behind a key are out of the ready index: ten thousand of them cost an admission nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction

from agents.enums import StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.capacity import limits_now, read_room
from agents.selectors.gate import Gate
from agents.selectors.lines import Lines
from agents.selectors.turns import is_turn, next_of_line
from agents.starts import Block
from dct_site.kernel import moves, wake

PAGE = 10
MOST_LOOKED_AT = 200  # at once, under the lock; who is left is looked at when the next slot of the key comes free


def park(wanted: Sequence[StartRequest], block: Block, *, now: datetime) -> None:
    """Take these out of the ready index, until what blocks them may have ended."""
    reason = block.reason[:300]
    moves.move_many(
        wanted, StartStatus.PARKED, now=now, journal_reason=reason, reason=reason, parked_for=block.key[:80]
    )


def unpark(*, key: str, now: datetime) -> int:
    """Put as many of those parked behind a key back into the ready queue as may run. Returns how many.

    Call it when a slot of the key came free, its limit rose, or what held it ended (a trigger was resumed). Who is kept
    back by something else by now is parked behind that instead.
    """
    with transaction.atomic():
        limits = limits_now()
        gate = Gate(limits, now)
        free: list[StartRequest] = []
        elsewhere: dict[Block, list[StartRequest]] = defaultdict(list)
        stuck = 0
        for start in islice(_parked(key, limits, gate, now), MOST_LOOKED_AT):
            block = gate.block(start)
            if block is None:
                gate.take(start)
                free.append(start)
            elif block.key != key:
                elsewhere[block].append(start)
            else:
                stuck += 1
                if stuck >= PAGE:
                    break
        ours = _ours([*free, *(start for moved in elsewhere.values() for start in moved)])
        for block, moved in elsewhere.items():
            rows = StartRequest.objects.filter(pk__in={start.pk for start in moved} & ours)
            rows.update(parked_for=block.key[:80], reason=block.reason[:300])
        mine = [start for start in free if start.pk in ours]
        woken = moves.move_many(mine, StartStatus.WAITING, now=now, reason="", parked_for="")
        if woken:
            wake.poke_on_commit(wake.Topic.ADMIT)
    return len(woken)


def _parked(key: str, limits: Limits, gate: Gate, now: datetime) -> Iterable[StartRequest]:
    """Who is parked behind a key, in the order of the queue; behind the key of a line, in that of the line."""
    if not is_turn(key):
        return Lines(limits, read_room(limits), now, page=PAGE, learn=gate.learn, parked_for=key)
    first = next_of_line(key, PAGE)
    gate.learn(first)
    return first


def _ours(wanted: Sequence[StartRequest]) -> set[int]:
    """Lock those that nobody else is about to move. Two that give slots of one key back at the same time want the same
    rows, and neither may wait for the other.
    """
    if not wanted:
        return set()
    rows = StartRequest.objects.select_for_update(skip_locked=True, no_key=True).order_by("pk")
    ids = [start.pk for start in wanted]
    return set(rows.filter(pk__in=ids, status=StartStatus.PARKED).values_list("pk", flat=True))


def parked_keys() -> list[str]:
    """The keys behind which anybody is parked; a look into the index for each, however many they are."""
    keys: list[str] = []
    with connection.cursor() as cursor:
        key = _next_key(cursor, ">=", "")
        while key is not None:
            keys.append(key)
            key = _next_key(cursor, ">", key)
    return keys


def _next_key(cursor: Any, compared: str, key: str) -> str | None:
    cursor.execute(
        f"SELECT parked_for FROM agents_startrequest WHERE status = 'parked' AND parked_for {compared} %s"  # noqa: S608
        " ORDER BY parked_for LIMIT 1",
        [key],
    )
    row = cursor.fetchone()
    return None if row is None else str(row[0])
