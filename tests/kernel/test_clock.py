"""The clocks."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from dct_site.kernel import clock


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    assert clock.utcnow().tzinfo is UTC


def test_the_boot_clock_goes_on_and_is_the_kernels() -> None:
    before = clock.monotonic()
    assert before < clock.monotonic() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_process_is_named_by_boot_number_and_start() -> None:
    assert len(clock.boot_id()) == 36
    ticks = os.sysconf("SC_CLK_TCK")
    assert 0 < clock.process_start_time(os.getpid()) / ticks < clock.monotonic()
    assert clock.process_start_time(2**22 + 1) == 0


@pytest.mark.django_db
def test_the_databases_clock_is_aware_and_goes_on_within_a_transaction() -> None:
    first = clock.db_now(connection)
    second = clock.db_now(connection)
    assert first.tzinfo is UTC
    assert first < second
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=5)


def test_a_test_may_set_the_wall_clock_and_nobody_in_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    step = tmp_path / "clock"
    monkeypatch.setattr(clock, "_stepped_by", str(step))
    monkeypatch.setenv("DCT_ENV", "development")
    hour = timedelta(hours=1)
    assert abs(clock.utcnow() - datetime.now(UTC)) < hour
    step.write_text("-7200")
    assert datetime.now(UTC) - clock.utcnow() > hour
    monkeypatch.setenv("DCT_ENV", "production")
    assert abs(clock.utcnow() - datetime.now(UTC)) < hour
    monkeypatch.setenv("DCT_ENV", "development")
    step.write_text("half written")
    assert abs(clock.utcnow() - datetime.now(UTC)) < hour
