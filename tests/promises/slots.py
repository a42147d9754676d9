"""Promises 20 to 22, as checks: a slot comes once, what was missed goes by its policy, what is absurd is refused."""

from datetime import timedelta

from tests.factories.schedules import make_schedule
from tests.factories.triggers import after
from triggers.enums import Origin
from triggers.models import Delivery, Schedule
from triggers.services import clock
from triggers.services.schedules import InvalidSchedule

HOUR = 3_600
ABSURD = ("0 0 31 2 *", "R R * * *", "* * * * * *", "61 * * * *", "@sometimes", "*/0 * * * *", "0 " * 20_000)


def a_slot_comes_once() -> None:
    """Promise 20: of two clocks that looked at the same moment, and after a restore that put the mark back."""
    row = make_schedule()
    steps = clock._steps(after(HOUR))
    clock._take(steps, after(HOUR))
    clock._take(steps, after(HOUR))
    Schedule.objects.filter(pk=row.pk).update(mark_at=after(0), mark_key="", next_at=after(HOUR))
    clock.fire_due(now=after(HOUR))
    came = _came(row)
    assert came == 1, f"one slot came {came} times"


def what_was_missed_goes_by_its_policy() -> None:
    """Promise 21: after a sleep of five hours."""
    for policy, expected in (
        ({"misfire": "skip"}, 0),
        ({"misfire": "run_once"}, 1),
        ({"misfire": "catch_up", "catch_up": 3}, 3),
    ):
        row = make_schedule(**policy)
        # Half an hour past the last one: by then that one is missed, too.
        clock.fire_due(now=after(5 * HOUR) + timedelta(minutes=30))
        came = _came(row)
        assert came == expected, f"{policy['misfire']}: what was missed came {came} times"


def what_is_absurd_is_refused() -> None:
    """Promise 22: when it is saved."""
    for cron in ABSURD:
        try:
            make_schedule(cron=cron)
        except InvalidSchedule:
            continue
        except Exception as wrong:
            raise AssertionError(f"{cron[:20]!r} was not refused, it failed: {wrong}") from wrong
        raise AssertionError(f"{cron[:20]!r} was saved")


def _came(row: Schedule) -> int:
    return Delivery.objects.filter(origin=Origin.TIMER, connection_id=row.listener.connection_id).count()
