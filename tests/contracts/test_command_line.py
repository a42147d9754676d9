"""The command line's names, which people, papers and scripts lean on."""

import os
import subprocess
from pathlib import Path

from dct_site.command.bootstrap import ROOT, commands

PROMISED = {"bench", "check", "doctor", "manage", "run", "simulate", "test"}


def test_every_promised_command_is_there() -> None:
    assert set(commands()) >= PROMISED


def test_help_names_every_command_with_its_summary() -> None:
    done = subprocess.run([ROOT / "dct", "--help"], check=True, capture_output=True, text=True)
    for name, summary in commands().items():
        assert f"  {name:<10} {summary}\n" in done.stdout


def test_every_variable_that_the_settings_read_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    settings = (ROOT / "dct_site" / "settings.py").read_text()
    read = {word.split('"')[1] for word in settings.split("environ.get(")[1:] if word.startswith('"DCT_')}
    assert read
    assert {name for name in read if f"{name}=" not in example} == set()


def test_the_scripts_can_be_run() -> None:
    for name in ("dct", "manage.py", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name


def test_the_ci_workflow_calls_the_script_that_everybody_can_run() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert "run: .ci/run" in workflow
    script = Path(ROOT / ".ci" / "run").read_text()
    assert "\n./dct check " in script
    assert "\n./dct test --all " in script
