"""What stays is left out of later collections."""

import gc
import sys
from collections.abc import Iterator

import pytest

from dct_site import celery, interpreter

pytestmark = pytest.mark.one_pass


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    interval = sys.getswitchinterval()
    yield
    gc.unfreeze()
    sys.setswitchinterval(interval)


def test_what_is_there_when_a_process_is_ready_is_not_collected_again() -> None:
    interpreter.leave_out_what_stays()
    assert gc.get_freeze_count() > 100_000
    assert len(gc.get_objects()) < 10_000


def test_a_workers_process_leaves_it_out_too() -> None:
    celery.begin()
    assert gc.get_freeze_count() > 100_000


def test_threads_take_short_turns() -> None:
    interpreter.take_short_turns()
    assert sys.getswitchinterval() == pytest.approx(0.0001)
