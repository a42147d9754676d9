"""The fair write lock: exclusion, order, and that nobody waits for ever."""

import threading

import pytest

from dct_site.kernel.fairlock import DOOR_TURNS_IN_A_ROW, FairTurns, Turn, turns, write_turn
from tests.kernel.runs import wait_until


def queue_up(lock: FairTurns, line: list[tuple[str, Turn]], log: list[str]) -> list[threading.Thread]:
    """Start a thread per name, each in line before the next comes."""
    threads = []
    for place, (name, turn) in enumerate(line, start=1):

        def take(name: str = name, turn: Turn = turn) -> None:
            with lock.held(turn):
                log.append(name)

        threads.append(threading.Thread(target=take))
        threads[-1].start()
        wait_until(lambda place=place: sum(map(lock.waiting, Turn)) == place)  # type: ignore[misc]
    return threads


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def is_free(lock: FairTurns) -> bool:
    """Whether another thread gets the turn at once."""
    log: list[str] = []

    def take() -> None:
        with lock.held(Turn.WORK):
            log.append("in")

    thread = threading.Thread(target=take)
    thread.start()
    thread.join(10)
    return log == ["in"]


def test_the_door_goes_first_and_the_others_in_the_order_they_came() -> None:
    lock, log = FairTurns(), list[str]()
    line = [("w1", Turn.WORK), ("w2", Turn.WORK), ("d1", Turn.DOOR), ("w3", Turn.WORK), ("d2", Turn.DOOR)]
    with lock.held(Turn.WORK):
        threads = queue_up(lock, line, log)
    join(threads)
    assert log == ["d1", "d2", "w1", "w2", "w3"]
    assert is_free(lock)


def test_work_is_not_starved_by_a_door_that_never_ends() -> None:
    lock, log = FairTurns(), list[str]()
    with lock.held(Turn.WORK):
        doors = [(f"d{number}", Turn.DOOR) for number in range(DOOR_TURNS_IN_A_ROW + 3)]
        threads = queue_up(lock, [("w", Turn.WORK), *doors], log)
    join(threads)
    assert log.index("w") == DOOR_TURNS_IN_A_ROW


def test_only_one_thread_at_a_time_holds_it() -> None:
    lock = FairTurns()
    inside: list[int] = []
    together: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            with lock.held(Turn(number % 2)):
                inside.append(number)
                together.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    join(threads)
    assert set(together) == {1}


def test_a_turn_may_be_given_back_by_another_thread_and_only_counts_once() -> None:
    lock = FairTurns()
    handle = lock.take(Turn.WORK)
    thread = threading.Thread(target=handle.release)
    thread.start()
    thread.join()
    with lock.held(Turn.WORK):
        handle.release()  # an old handle must not free somebody else's turn
        log: list[str] = []
        threads = queue_up(lock, [("next", Turn.DOOR)], log)
        assert log == []
    join(threads)


def test_a_failure_inside_gives_the_turn_back() -> None:
    lock = FairTurns()
    with pytest.raises(ZeroDivisionError), lock.held(Turn.WORK):
        raise ZeroDivisionError
    assert is_free(lock)


def test_the_process_has_one_lock() -> None:
    with write_turn(Turn.DOOR):
        log: list[str] = []
        threads = queue_up(turns, [("w", Turn.WORK)], log)
        assert log == []
    join(threads)
