"""The `./dct` script as a person meets it: first start, later starts, and everything that can be missing."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.command.conftest import Project


def link(directory: Path, *names: str) -> Path:
    """Make a PATH with these programs of the system alone."""
    directory.mkdir()
    for name in names:
        (directory / name).symlink_to(Path("/usr/bin") / name)
    return directory


def script(path: Path, text: str) -> None:
    """Write a program."""
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_first_start_sets_up_and_runs_from_any_directory_and_with_spaces_in_the_path(
    fresh: Project, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    with fresh.start("hello", "--flag", "two words", cwd=elsewhere) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 7, err
    assert out.strip().split("|") == [
        "1.0", str(process.pid), str(elsewhere), str(fresh.venv), "--flag", "two words"
    ]  # fmt: skip
    assert "Making a virtual environment" in err
    assert "Installing 1 pinned packages" in err


def test_a_later_start_installs_nothing_and_needs_no_package_index(ready: Project) -> None:
    done = ready.run("hello", PIP_FIND_LINKS="")
    assert (done.returncode, done.stderr) == (7, "")


def test_changed_pins_are_installed_on_the_next_start(ready: Project) -> None:
    ready.pin("2.0")
    done = ready.run("hello")
    assert done.stdout.startswith("2.0|")
    assert "Installing" in done.stderr
    assert ready.run("hello").stderr == ""


def test_an_installation_that_was_cut_short_is_done_again(ready: Project) -> None:
    before = ready.home / "requirements.txt"
    pins = before.read_text()
    ready.pin("2.0", digest="0" * 64)
    assert ready.run("hello").returncode == 1
    before.write_text(pins)
    assert "Installing" in ready.run("hello").stderr


@pytest.mark.slow
def test_two_first_starts_at_once_set_up_once_and_both_run(fresh: Project) -> None:
    with fresh.start("hello") as one, fresh.start("hello") as two:
        told = [one.communicate(timeout=120), two.communicate(timeout=120)]
    assert [one.returncode, two.returncode] == [7, 7], told
    assert sum("Installing" in err for _, err in told) == 1


@pytest.mark.slow
def test_an_environment_whose_python_is_gone_is_made_anew(ready: Project) -> None:
    python = ready.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    done = ready.run("hello")
    assert done.returncode == 7, done.stderr
    assert "Making a virtual environment" in done.stderr


def test_the_environment_may_lie_elsewhere(ready: Project, tmp_path: Path) -> None:
    ready.venv.rename(tmp_path / "my env")
    done = ready.run("hello", DCT_VENV="../my env", PIP_FIND_LINKS="")
    assert done.returncode == 7, done.stderr
    assert not ready.venv.exists()


def test_a_directory_that_is_no_environment_is_refused_and_kept(fresh: Project, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    done = fresh.run("hello", DCT_VENV=str(precious))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"dct: {precious} holds something else than a virtual environment; set DCT_VENV to a new directory.\n"
    )
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_directory_that_cannot_be_made_is_named(fresh: Project) -> None:
    done = fresh.run("hello", DCT_VENV=str(fresh.dct / "below-a-file"))
    assert done.returncode == 1
    assert "cannot be written; set DCT_VENV" in done.stderr


def test_without_the_package_index_the_first_start_says_that_it_needs_the_network(ready: Project) -> None:
    ready.pin("3.0")
    done = ready.run("hello", PIP_FIND_LINKS="")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("dct: the package index cannot be reached: the first start")


def test_a_package_with_another_hash_is_refused(ready: Project) -> None:
    ready.pin("3.0", digest="0" * 64)
    done = ready.run("hello")
    assert done.returncode == 1
    assert "is not the one that was pinned" in done.stderr


def test_help_lists_the_commands_before_anything_is_set_up(fresh: Project) -> None:
    for words in ((), ("--help",), ("help",)):
        done = fresh.run(*words)
        assert done.returncode == 0
        assert "hello      says where it runs" in done.stdout
        assert "broken     cannot be imported" in done.stdout
    assert not fresh.venv.exists()


def test_an_unknown_command_lists_the_known_ones_and_sets_nothing_up(fresh: Project) -> None:
    done = fresh.run("helo")
    assert done.returncode == 2
    assert done.stderr == "dct: there is no command 'helo'; known are broken, hello.\n"
    assert not fresh.venv.exists()


def test_it_may_be_started_through_a_link(ready: Project, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(ready.dct)
    done = subprocess.run([tmp_path / "linked", "hello"], check=False, env=ready.environment(), capture_output=True)
    assert done.returncode == 7


def test_modules_in_the_working_directory_do_not_shadow_those_of_the_project(ready: Project, tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise SystemExit('shadowed')")
    assert ready.run("hello", cwd=tmp_path, PYTHONPATH=str(tmp_path)).returncode == 7


def test_an_old_python_is_named_with_what_to_install(fresh: Project) -> None:
    old = link(fresh.home / "old", "dirname", "readlink")
    script(old / "python3", 'case $1 in --version) echo "Python 3.9.2";; *) exit 1;; esac')
    done = fresh.run("hello", PATH=str(old))
    assert done.returncode == 1
    assert done.stderr == (
        "dct: Python 3.9.2 is too old; DCT needs Python 3.11 or newer "
        "(on Debian 12 or later: apt install python3 python3-venv).\n"
    )


def test_a_newer_python_beside_an_old_one_is_found(ready: Project) -> None:
    both = link(ready.home / "both", "dirname", "readlink")
    script(both / "python3", "exit 1")
    (both / "python3.12").symlink_to((ready.home / "bin" / "python3").resolve())
    assert "says where it runs" in ready.run("--help", PATH=str(both), DCT_VENV="nowhere").stdout


def test_without_python_it_says_what_to_install(fresh: Project) -> None:
    done = fresh.run("hello", PATH=str(link(fresh.home / "none", "dirname", "readlink")))
    assert done.returncode == 1
    assert "there is no python3; install Python 3.11 or newer" in done.stderr


def test_without_the_venv_module_it_names_the_debian_package(fresh: Project) -> None:
    real = (fresh.home / "bin" / "python3").resolve()
    script(fresh.home / "bin" / "python3", f'case "$*" in *ensurepip*) exit 1;; esac; exec "{real}" "$@"')
    done = fresh.run("hello")
    assert done.returncode == 1
    assert (
        done.stderr == "dct: Python's venv module is missing; install it first (on Debian: apt install python3-venv).\n"
    )


@pytest.mark.parametrize("command", ["test", "check"])
def test_developers_commands_install_the_developers_packages(ready: Project, command: str) -> None:
    (ready.home / "dct_site" / "command" / f"{command}.py").write_text(
        (ready.home / "dct_site" / "command" / "hello.py").read_text()
    )
    done = ready.run(command)
    assert "Installing" in done.stderr
    stamp = json.loads((ready.venv / ".dct-installed.json").read_text())
    assert set(stamp) == {"requirements.txt", "requirements-dev.txt"}
    assert ready.run("hello").stderr == ""
