"""How a command is found and how its arguments reach it."""

import argparse
import sys
from types import ModuleType

import pytest

from dct_site.command import __main__ as dispatch
from dct_site.command import manage


def offer(monkeypatch: pytest.MonkeyPatch, *, passes_through: bool) -> list[argparse.Namespace]:
    """Offer a command `probe` and return the list that its arguments will be put into."""
    got: list[argparse.Namespace] = []

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true")

    def run(args: argparse.Namespace) -> int:
        got.append(args)
        return 3

    module = ModuleType("dct_site.command.probe")
    vars(module).update(SUMMARY="a probe", PASSES_THROUGH=passes_through, add_arguments=add_arguments, main=run)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(dispatch, "commands", lambda: {"probe": "a probe"})
    return got


def test_unknown_words_reach_a_command_that_passes_them_through_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    got = offer(monkeypatch, passes_through=True)
    assert dispatch.main(["probe", "-k", "a or b", "--all", "tests/x", "--al"]) == 3
    assert got[0].all
    assert got[0].rest == ["-k", "a or b", "tests/x", "--al"]


def test_another_command_refuses_unknown_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, passes_through=False)
    assert dispatch.main(["probe", "--all"]) == 3
    with pytest.raises(SystemExit) as stopped:
        dispatch.main(["probe", "--al"])
    assert stopped.value.code == 2
    assert "unrecognized arguments: --al" in capsys.readouterr().err


def test_an_unknown_command_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch.main(["frobnicate"]) == 2
    assert "known are" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_without_a_command_the_commands_are_listed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch.main(words) == 0
    assert "  manage " in capsys.readouterr().out


def test_manage_gives_every_word_to_django(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[list[str]] = []
    monkeypatch.setattr(manage, "execute_from_command_line", got.append)
    assert dispatch.main(["manage", "migrate", "--help"]) == 0
    assert got == [["./dct manage", "migrate", "--help"]]
