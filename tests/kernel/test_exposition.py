"""Prometheus' text format: names, labels, escapes and numbers as it wants them."""

import pytest

from dct_site.kernel.exposition import Gauge, Sample, exposition


def test_a_family_is_its_help_its_type_and_its_samples() -> None:
    page = exposition(
        [Gauge("dct_slots", "How many.", [Sample(4, {"pool": "agents"}), Sample(0.25)]), Gauge("x", "", [])]
    )
    assert page == (
        "# HELP dct_slots How many.\n# TYPE dct_slots gauge\n"
        'dct_slots{pool="agents"} 4\ndct_slots 0.25\n'
        "# HELP x \n# TYPE x gauge\n"
    )


def test_what_would_end_a_value_or_a_line_is_escaped() -> None:
    page = exposition([Gauge("a", "one\ntwo\\", [Sample(1, {"l": 'say "no"\n\\'})])])
    assert page.splitlines() == ["# HELP a one\\ntwo\\\\", "# TYPE a gauge", 'a{l="say \\"no\\"\\n\\\\"} 1']


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
        (1e21, "1000000000000000000000"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_are_written_as_the_format_has_them(value: float, words: str) -> None:
    assert exposition([Gauge("a", "", [Sample(value)])]).endswith(f"a {words}\n")


@pytest.mark.parametrize("gauge", [Gauge("1a", "", []), Gauge("a-b", "", []), Gauge("a", "", [Sample(1, {"b c": ""})])])
def test_a_name_that_the_format_does_not_take_is_refused(gauge: Gauge) -> None:
    with pytest.raises(ValueError, match="no name"):
        exposition([gauge])
