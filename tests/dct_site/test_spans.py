"""Durations, ages and sizes read the same everywhere."""

from datetime import UTC, datetime, timedelta

import pytest

from dct_site.templatetags.spans import ago_words, bytes_words, duration_words

pytestmark = pytest.mark.one_pass

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (-5, "0.0 ms"),
        (0.4, "0.4 ms"),
        (14, "14 ms"),
        (999.4, "999 ms"),
        (999.6, "1 s"),
        (1100, "1.1 s"),
        (9949, "9.9 s"),
        (9960, "10 s"),
        (59_600, "1 m 00 s"),
        (124_000, "2 m 04 s"),
        (3_600_000, "1 h"),
        (10_800_000, "3 h"),
        (3_900_000, "1 h 05 m"),
        (176_400_000, "2 d 1 h"),
        (172_800_000, "2 d"),
    ],
)
def test_a_duration_reads_in_the_unit_that_fits(ms: float, words: str) -> None:
    assert duration_words(ms) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (4, "4 s ago"),
        (719, "11 m ago"),
        (7200, "2 h ago"),
        (90_000, "yesterday"),
        (3 * 86_400, "3 d ago"),
        (40 * 86_400, "2026-10-11"),
        (-774, "in 12 m"),
        (-90_000, "in 1 d"),
    ],
)
def test_an_age_reads_in_one_step(seconds: int, words: str) -> None:
    assert ago_words(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (3123, "3.1 kB"), (64_000, "64 kB"), (999_600, "1.0 MB"), (5 * 10**15, "5,000 TB")],
)
def test_a_size_reads_in_decimal_units(count: int, words: str) -> None:
    assert bytes_words(count) == words
