"""Token buckets: so many a minute, a burst for who was quiet, and one first refusal in a burst."""

import pytest

from dct_site.kernel.rates import Rates, Turned


def taken(rates: Rates, at: float, *, times: int, per_minute: int = 60, key: str = "a") -> list[Turned | None]:
    return [rates.take(key, per_minute, at) for _ in range(times)]


def test_a_quiet_sender_may_send_ten_seconds_worth_at_once() -> None:
    answers = taken(Rates(), 0.0, times=12)
    assert answers == [*[None] * 10, Turned(1, is_first=True), Turned(1, is_first=False)]


def test_what_was_sent_comes_back_with_time_and_never_more_than_there_is_room_for() -> None:
    rates = Rates()
    taken(rates, 0.0, times=10)
    assert taken(rates, 2.0, times=3)[:2] == [None, None]
    assert taken(rates, 1_000.0, times=11) == [*[None] * 10, Turned(1, is_first=True)]


def test_everybody_has_a_bucket_of_their_own() -> None:
    rates = Rates()
    taken(rates, 0.0, times=10)
    assert taken(rates, 0.0, times=1, key="b") == [None]


def test_a_flood_is_one_burst_however_long_it_lasts() -> None:
    rates = Rates()
    answers = [one for tenth in range(6_000) for one in taken(rates, tenth / 10, times=1)]
    assert answers.count(None) == 609
    assert sum(one.is_first for one in answers if one is not None) == 1


def test_who_was_quiet_for_long_enough_begins_another_burst() -> None:
    rates = Rates()
    for at, firsts in ((0.0, 1), (5.0, 0), (64.0, 0), (124.0, 1)):
        assert sum(one.is_first for one in taken(rates, at, times=15) if one is not None) == firsts, at


def test_a_flood_at_a_rate_below_one_in_ten_seconds_is_one_burst_too() -> None:
    rates = Rates()
    answers = [one for second in range(600) for one in taken(rates, second, times=1, per_minute=2)]
    assert answers.count(None) == 20
    assert sum(one.is_first for one in answers if one is not None) == 1


@pytest.mark.parametrize(("per_minute", "retry_after_s"), [(1, 60), (6, 10), (6000, 1), (0, 60)])
def test_it_is_told_when_there_is_room_again(per_minute: int, retry_after_s: int) -> None:
    rates = Rates()
    turned = taken(rates, 0.0, times=1_001, per_minute=per_minute)[-1]
    assert turned is not None
    assert turned.retry_after_s == retry_after_s
    again = taken(rates, float(retry_after_s), times=1, per_minute=per_minute)
    assert (again == [None]) is bool(per_minute)


def test_many_at_once_take_as_many_and_more_than_a_full_bucket_leaves_a_debt() -> None:
    rates = Rates()
    assert rates.take("a", 60, 0, cost=9) is None
    assert rates.take("a", 60, 0, cost=2) == Turned(retry_after_s=1, is_first=True)
    assert rates.take("a", 60, 1, cost=2) is None
    assert rates.take("b", 60, 0, cost=25) is None
    assert rates.take("b", 60, 15) == Turned(retry_after_s=1, is_first=True)
    assert rates.take("b", 60, 16) is None
