"""What `./dct check` judges, and that a step that fails fails the whole."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dct_site.command import check
from dct_site.command.bootstrap import ROOT
from dct_site.command.check import Result, Step


def steps(monkeypatch: pytest.MonkeyPatch, **results: Result) -> None:
    """Let these be the steps and their results."""
    made = [Step(name, lambda result=result: result) for name, result in results.items()]  # type: ignore[misc]
    monkeypatch.setattr(check, "steps_in", lambda data: made)


def test_every_step_has_a_line_with_its_time_and_a_failure_shows_its_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps(monkeypatch, types=Result(failed=False, note="as ever"), lint=Result(failed=True, output="a.py:1 wrong"))
    assert check.main(argparse.Namespace(steps=[])) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("ok      types")
    assert out[0].endswith("s  as ever")
    assert out[1].startswith("FAILED  lint")
    assert out[2] == "        a.py:1 wrong"
    assert out[3].startswith("1 of 2 failed")


def test_one_step_can_be_asked_for_and_an_unknown_one_lists_the_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps(monkeypatch, types=Result(failed=True), lint=Result(failed=False))
    assert check.main(argparse.Namespace(steps=["lint"])) == 0
    assert check.main(argparse.Namespace(steps=["lnt"])) == 2
    assert capsys.readouterr().err == "dct check: no step is called lnt; known are types, lint.\n"


def test_a_long_failure_is_cut_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    result = Result(failed=True, output="\n".join(str(number) for number in range(1000)))
    check.show(Step("types", lambda: result), result, 1.0)
    out = capsys.readouterr().out.splitlines()
    assert out[1].strip() == f"… {1000 - check.MOST_LINES} lines before …"
    assert out[-1].strip() == "999"


def test_all_promised_steps_are_there(tmp_path: Path) -> None:
    assert {step.name for step in check.steps_in(tmp_path)} == {
        "types", "known vulnerabilities", "templates", "migrations are safe", "deploy checks", "Django checks",
        "migrations are complete", "import contracts", "format", "lint", "requirements", "shell scripts",
    }  # fmt: skip


def test_a_tool_that_ends_with_an_error_fails_its_step() -> None:
    done = check.run(["sh", "-c", 'echo "$CANARY"; echo worse >&2; exit 3'], {"CANARY": "bad"})
    assert done == Result(failed=True, output="bad\nworse")
    assert not check.run(["true"]).failed


def told(*packages: dict[str, Any]) -> dict[str, Any]:
    """Make what pip-audit writes."""
    return {"dependencies": list(packages)}


CLEAN = {"name": "clean", "version": "1", "vulns": []}
UNKNOWN = {"name": "odd", "skip_reason": "not found"}
FLAWED = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


def test_a_known_vulnerability_fails_and_names_the_version_that_mends_it() -> None:
    assert check.judge_audit(told(CLEAN, FLAWED)) == Result(failed=True, output="bad 2: CVE-1, mended in 3")


def test_packages_that_the_service_does_not_know_are_named() -> None:
    assert check.judge_audit(told(CLEAN, UNKNOWN)) == Result(failed=False, note="the service does not know odd")


def test_a_service_that_knows_nothing_does_not_count_as_an_answer() -> None:
    assert check.judge_audit(told(UNKNOWN)).note.startswith("not asked")


def test_without_network_the_audit_says_that_nobody_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "INDEX", "http://127.0.0.1:9/")
    assert check.judge_vulnerabilities() == Result(failed=False, note="not asked: no network")


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (subprocess.TimeoutExpired("pip-audit", 45), "not asked: no answer within 45 s"),
        (subprocess.CompletedProcess([], 1, stdout=""), "not asked: the service did not answer"),
        (subprocess.CompletedProcess([], 0, stdout=json.dumps(told(CLEAN))), ""),
    ],
)
def test_a_service_that_fails_is_not_mistaken_for_a_clean_answer(
    monkeypatch: pytest.MonkeyPatch, outcome: Any, note: str
) -> None:
    def run(*args: object, **options: object) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(check, "network_answers", lambda: True)
    monkeypatch.setattr(subprocess, "run", run)
    assert check.judge_vulnerabilities() == Result(failed=False, note=note)


def test_a_script_that_does_not_parse_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not check.judge_shell().failed
    (tmp_path / "dct").write_text("if true; then\n")
    monkeypatch.setattr(check, "SHELL_SCRIPTS", (str(tmp_path / "dct"),))
    assert check.judge_shell().failed


def test_a_template_that_djlint_refuses_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "run", lambda argv, environment=None: Result("--lint" in argv, "H001 wrong"))
    assert check.judge_templates().failed
    monkeypatch.setattr(check, "run", lambda argv, environment=None: Result(failed=True, output="No files to check!"))
    assert not check.judge_templates().failed


MIGRATION = """
from django.db import migrations, models
class Migration(migrations.Migration):
    initial = {initial}
    dependencies = {dependencies}
    operations = [{operation}]
"""


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ('migrations.AddField("thing", "size", models.IntegerField(db_default=0))', ""),
        ('migrations.AddField("thing", "size", models.IntegerField(default=0))', "NOT NULL constraint on columns"),
        ('migrations.RemoveField("thing", "name")', "DROPPING columns"),
    ],
)
def test_a_migration_that_breaks_a_running_version_is_refused_without_a_server(
    tmp_path: Path, operation: str, said: str
) -> None:
    create = (
        'migrations.CreateModel("Thing", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())])'
    )
    migrations = tmp_path / "probe" / "migrations"
    migrations.mkdir(parents=True)
    (tmp_path / "probe" / "__init__.py").touch()
    (migrations / "__init__.py").touch()
    (migrations / "0001_initial.py").write_text(MIGRATION.format(initial=True, dependencies=[], operation=create))
    (migrations / "0002_more.py").write_text(
        MIGRATION.format(initial=False, dependencies=[("probe", "0001_initial")], operation=operation)
    )
    (tmp_path / "probe_settings.py").write_text(
        "from dct_site.command.check_settings import DATABASES\n"
        "INSTALLED_APPS = ['django.contrib.contenttypes', 'django_migration_linter', 'probe']\n"
        "SECRET_KEY = 'x'\n"
    )
    environment = {**check.development(tmp_path / "data"), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    environment |= {"DJANGO_SETTINGS_MODULE": "probe_settings"}
    done = check.run([sys.executable, "-m", check.SAFE_MIGRATIONS, "probe"], environment)
    assert done.failed == bool(said), done.output
    assert said in done.output


def test_production_is_checked_with_nothing_left_to_a_default(tmp_path: Path) -> None:
    environment = check.production(tmp_path)
    assert environment["DCT_ENV"] == "production"
    assert all(environment[name] for name in ("DCT_SECRET_KEY", "DCT_ENCRYPTION_KEYS", "DCT_ALLOWED_HOSTS"))
