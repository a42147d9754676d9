"""What makes a set of pins wrong."""

from pathlib import Path

import pytest

from dct_site.command import pins
from dct_site.command.bootstrap import ROOT, USER_REQUIREMENTS

HASH = "--hash=sha256:" + "0" * 64


def test_the_projects_own_requirements_are_pinned_hashed_and_in_step() -> None:
    user, found = pins.read_pins(ROOT / USER_REQUIREMENTS)
    assert found == []
    assert "django" in user


def test_pins_are_read_with_their_canonical_names(tmp_path: Path) -> None:
    file = tmp_path / "r.txt"
    file.write_text(
        f"# made\nRuamel_Yaml[x]==1.0 \\\n    {HASH}\n    # via y\nolder==2.0 ; python_version < '3' {HASH}\n\n"
    )
    assert pins.read_pins(file) == ({"ruamel-yaml": "1.0"}, [])


def test_what_is_not_pinned_hashed_or_from_an_index_is_named(tmp_path: Path) -> None:
    file = tmp_path / "r.txt"
    file.write_text(f"loose>=1 {HASH}\nstar==1.* {HASH}\nbare==1.0\n./local.whl {HASH}\n")
    assert pins.read_pins(file)[1] == [
        "r.txt: loose is not pinned to one version",
        "r.txt: star is not pinned to one version",
        "r.txt: bare has no hash",
        "r.txt: ./local.whl is not a pinned package of an index",
    ]


def test_what_is_asked_for_and_not_pinned_so_is_named(tmp_path: Path) -> None:
    file = tmp_path / "r.in"
    file.write_text("-r other.in\nDemo>=2  # because\nabsent\nfine[extra]>=1\nodd ; python_version < '3'\n")
    told = pins.judge_asked(pins.read_asked(file), {"demo": "1.0", "fine": "1.5"}, "r.txt")
    assert told == [
        "r.txt: Demo>=2 is asked for and 1.0 is pinned; compile it again",
        "r.txt: absent is asked for and nothing is pinned; compile it again",
    ]


def test_what_is_pinned_and_not_installed_is_named() -> None:
    assert pins.judge_installed({"no-such-package": "1.0"}) == [
        "no-such-package 1.0 is pinned and nothing is installed"
    ]


def test_both_files_must_pin_the_same_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("requirements", "1.0"), ("requirements-dev", "2.0")):
        (tmp_path / f"{name}.in").write_text("demo\n")
        (tmp_path / f"{name}.txt").write_text(f"demo=={version} {HASH}\n")
    monkeypatch.setattr(pins, "ROOT", tmp_path)
    assert pins.problems() == [
        "demo is 1.0 in requirements.txt and 2.0 in requirements-dev.txt",
        "demo 2.0 is pinned and nothing is installed",
    ]
