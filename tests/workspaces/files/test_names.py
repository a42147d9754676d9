"""Which paths are refused, and why."""

import pytest

from workspaces.files.names import parts_of, strict_parts_of
from workspaces.files.troubles import BadPath

LEADS_ELSEWHERE = [
    "",
    "/etc/passwd",
    "..",
    "../other",
    "work/../../other",
    "work/./x",
    "work//x",
    "work/",
    "work\\x",
    "work/\x00x",
    "work/a\nb",
    "work/\x7f",
    "work/\ud800",
    "work/" + "x" * 201,
    "work/" + "é" * 101,
    "/".join(["d" * 100] * 11),
]


@pytest.mark.parametrize("path", LEADS_ELSEWHERE)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        parts_of(path)


def test_a_plain_path_is_split() -> None:
    assert parts_of("work/ein Bär/read me.md") == ("work", "ein Bär", "read me.md")


def test_names_of_200_bytes_are_allowed() -> None:
    assert parts_of("x" * 200) == ("x" * 200,)


@pytest.mark.parametrize("path", ["C:/x", "file:x/y", "work/cafe\u0301"])
def test_what_is_taken_in_is_composed_and_has_no_drive(path: str) -> None:
    parts_of(path)
    with pytest.raises(BadPath):
        strict_parts_of(path)


def test_a_strict_path_may_have_colons_further_down() -> None:
    assert strict_parts_of("work/a:b") == ("work", "a:b")
