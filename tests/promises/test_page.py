"""The page of the promises is true: it names the guards that there are, and tests that there are."""

import re

from dct_site.command.bootstrap import ROOT
from tests.promises.guards import GUARDS

PAGE = (ROOT / "docs" / "explanation" / "reliability.md").read_text()
SECTION = re.compile(r"^## (\d+)\. .*?\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
GUARD = re.compile(r"^\* Guard: (.+)$", re.MULTILINE)
TEST = re.compile(r"^\* Also shown by `([\w/]+\.py)::(\w+)`$", re.MULTILINE)


def test_each_promise_names_its_guards_and_no_other() -> None:
    told = {int(number): GUARD.findall(text) for number, text in SECTION.findall(PAGE)}
    known: dict[int, list[str]] = {}
    for guard in GUARDS:
        known.setdefault(guard.promise, []).append(guard.name)
    assert told == known


def test_every_promise_of_intake_firing_limits_the_clock_and_of_ends_has_a_guard() -> None:
    assert {*range(1, 23), 34, 35, 36} <= {guard.promise for guard in GUARDS}


def test_each_test_that_it_names_is_there() -> None:
    named = TEST.findall(PAGE)
    assert len(named) == PAGE.count("* Also shown by") > 10
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
    ]
    assert missing == []
