"""The boot matrix: what cannot work, or would be open to everybody, is refused in one sentence before a start."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from dct_site.environment import HOW_TO_MAKE
from dct_site.prepare import _refuse_an_old_server

ROOT = Path(__file__).resolve().parents[2]
KEY = Fernet.generate_key().decode()
GOOD = {
    "DCT_ENV": "production",
    "DCT_SECRET_KEY": secrets.token_urlsafe(64),
    "DCT_ENCRYPTION_KEYS": KEY,
    "DCT_ALLOWED_HOSTS": "dct.example.org",
    "DCT_PUBLIC_URL": "https://dct.example.org",
}
KEYS_ARE_READ = "from django.conf import settings; settings.SECRET_KEY"
REDIS = "redis://127.0.0.1:6379/9"
REFUSED = {
    "no secret key": (GOOD | {"DCT_SECRET_KEY": ""}, "DCT_SECRET_KEY is not set"),
    "a short secret key": (GOOD | {"DCT_SECRET_KEY": "changeme"}, "DCT_SECRET_KEY can be guessed"),
    "a secret key of one letter": (GOOD | {"DCT_SECRET_KEY": "a" * 64}, "DCT_SECRET_KEY can be guessed"),
    "no encryption key": (GOOD | {"DCT_ENCRYPTION_KEYS": ""}, "DCT_ENCRYPTION_KEYS is not set"),
    "an encryption key that is none": (GOOD | {"DCT_ENCRYPTION_KEYS": f"{KEY},abc"}, "Key 2 in DCT_ENCRYPTION_KEYS"),
    "only commas for keys": (GOOD | {"DCT_ENCRYPTION_KEYS": ","}, "DCT_ENCRYPTION_KEYS is empty"),
    "no hosts": (GOOD | {"DCT_ALLOWED_HOSTS": ""}, "DCT_ALLOWED_HOSTS is not set; name the hosts"),
    "every host": (GOOD | {"DCT_ALLOWED_HOSTS": "dct.example.org,*"}, "DCT_ALLOWED_HOSTS is *; name the hosts"),
    "an address without a scheme": (GOOD | {"DCT_PUBLIC_URL": "dct.example.org"}, "DCT_PUBLIC_URL is no address"),
    "an environment that is none": ({"DCT_ENV": "prod"}, "it may be development or production"),
    "a database of another kind": ({"DCT_DATABASE_URL": "mysql://u:canary@h/d"}, "begins with mysql://; set it to"),
    "a database that is no URL": ({"DCT_DATABASE_URL": "canary"}, "begins with something that is no URL"),
    "a port that is none": ({"DCT_DATABASE_URL": "postgresql://u:canary@h:port/d"}, "DCT_DATABASE_URL cannot be read"),
    "a broker without a channel layer": ({"DCT_BROKER_URL": REDIS}, "DCT_CHANNEL_URL is not set"),
    "a broker in memory": ({"DCT_BROKER_URL": "memory://", "DCT_CHANNEL_URL": REDIS}, "which processes do not share"),
    "a broker beside SQLite": ({"DCT_BROKER_URL": REDIS, "DCT_CHANNEL_URL": REDIS}, "and the database is SQLite"),
    "an address that no host serves": (GOOD | {"DCT_PUBLIC_URL": "https://other.org"}, "names other.org, which"),
    "a channel layer that is none": ({"DCT_BROKER_URL": REDIS, "DCT_CHANNEL_URL": "memory://"}, "set it to redis://"),
}


def start(data: Path, environment: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program of the product with these variables of DCT alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DCT_", "DJANGO_"))}
    told = {"DCT_DATA_DIR": str(data), **environment}
    command = [sys.executable, *argv]
    return subprocess.run(command, cwd=ROOT, env=kept | told, capture_output=True, text=True, timeout=120, check=False)


def is_one_sentence(text: str, expected: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) == 1 and lines[0].startswith("dct: ") and expected in lines[0] and "canary" not in text


@pytest.mark.unmeasured
@pytest.mark.parametrize(("environment", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_boot_that_cannot_work_or_is_open_is_refused_in_one_sentence(
    environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    done = start(tmp_path, environment, "-m", "dct_site.prepare")
    assert done.returncode != 0
    assert is_one_sentence(done.stderr, sentence), done.stderr
    assert not list(tmp_path.glob("*.sqlite3"))


def test_run_says_the_same_sentence_and_nothing_else(tmp_path: Path) -> None:
    done = start(tmp_path, GOOD | {"DCT_SECRET_KEY": ""}, "-m", "dct_site.command", "run", "--port", "0")
    assert done.returncode == 1
    assert is_one_sentence(done.stderr, "DCT_SECRET_KEY is not set"), done.stderr


def test_manage_says_it_without_a_traceback(tmp_path: Path) -> None:
    done = start(tmp_path, {"DCT_ENV": "prod"}, "-m", "dct_site.command", "manage", "check")
    assert done.returncode == 1
    assert is_one_sentence(done.stderr, "it may be development or production"), done.stderr


def test_doctor_says_it_too(tmp_path: Path) -> None:
    done = start(tmp_path, GOOD | {"DCT_ENCRYPTION_KEYS": ""}, "-m", "dct_site.command", "doctor")
    assert done.returncode == 1
    assert "DCT_ENCRYPTION_KEYS is not set" in done.stdout


@pytest.mark.unmeasured
def test_production_with_everything_set_passes_djangos_deploy_checks_without_a_warning(tmp_path: Path) -> None:
    done = start(tmp_path, GOOD, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_the_keys_that_it_tells_how_to_make_are_good_ones(tmp_path: Path) -> None:
    made = {name: subprocess.check_output(["sh", "-c", how], text=True).strip() for name, how in HOW_TO_MAKE.items()}
    done = start(tmp_path, {**GOOD, **made, "DJANGO_SETTINGS_MODULE": "dct_site.settings"}, "-c", KEYS_ARE_READ)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "environment", [GOOD, {}, {"DEBUG": "1", "DCT_DEBUG": "1"}], ids=["production", "plain", "asked"]
)
def test_debug_is_never_on(environment: dict[str, str], tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.DEBUG, settings.SECRET_KEY)"
    told = {"DJANGO_SETTINGS_MODULE": "dct_site.settings", **environment}
    said = [start(tmp_path / name, told, "-c", code).stdout.split() for name in ("one", "two")]
    assert [debug for debug, _ in said] == ["False", "False"]
    # A trial makes a key of its own; nothing is built in.
    assert (said[0][1] == said[1][1]) is (environment is GOOD)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "99999"], "port 99999"),
        (["--host", "nowhere.invalid", "--port", "0"], "nowhere.invalid"),
        (["--port", "0", "--info", "/no/such/directory/info.json"], "--info"),
        (["--role", "worker"], "DCT_DATABASE_URL and DCT_BROKER_URL"),
        (["--port", "0", "--data", "/proc/nowhere"], "--data"),
    ],
)
def test_words_that_cannot_work_are_refused_in_one_sentence(words: list[str], sentence: str, tmp_path: Path) -> None:
    done = start(tmp_path, {}, "-m", "dct_site.command", "run", *words)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr, sentence), done.stderr


def test_a_database_that_does_not_answer_is_told_at_once_with_what_to_look_at(tmp_path: Path) -> None:
    url = "postgresql://nobody:canary@127.0.0.1:1/nothing"
    done = start(tmp_path, {"DCT_DATABASE_URL": url}, "-m", "dct_site.prepare")
    assert done.returncode != 0
    assert is_one_sentence(done.stderr, "look at DCT_DATABASE_URL"), done.stderr


NOWHERE = "postgresql://nobody:canary@127.0.0.1:1/nothing"


def test_a_broker_that_does_not_answer_is_told_before_anything_is_done(tmp_path: Path) -> None:
    silent = {"DCT_BROKER_URL": "redis://:canary@127.0.0.1:1/0", "DCT_CHANNEL_URL": "redis://:canary@127.0.0.1:1/1"}
    words = ["-m", "dct_site.command", "run", "--role", "worker"]
    done = start(tmp_path, {"DCT_DATABASE_URL": NOWHERE, **silent}, *words)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr, "redis://127.0.0.1:1/0 does not answer"), done.stderr
    assert "look at DCT_BROKER_URL" in done.stderr
    # Under settings that worked before it may be away for a while: the next in line is asked.
    again = start(tmp_path, {"DCT_DATABASE_URL": NOWHERE, **silent}, "-m", "dct_site.prepare", "--again")
    assert is_one_sentence(again.stderr, "look at DCT_DATABASE_URL"), again.stderr


@pytest.mark.redis
def test_a_channel_layer_that_does_not_answer_is_told_before_anything_is_done(tmp_path: Path) -> None:
    redis = os.environ["DCT_TEST_REDIS_URL"]
    given = {"DCT_DATABASE_URL": NOWHERE, "DCT_BROKER_URL": f"{redis}/9", "DCT_CHANNEL_URL": "redis://127.0.0.1:1/1"}
    done = start(tmp_path, given, "-m", "dct_site.prepare")
    assert done.returncode != 0
    assert is_one_sentence(done.stderr, "look at DCT_CHANNEL_URL"), done.stderr


def test_a_server_that_is_too_old_is_refused() -> None:
    _refuse_an_old_server(150_004)
    with pytest.raises(ImproperlyConfigured, match=r"is of version 14; DCT needs 15 or newer\."):
        _refuse_an_old_server(140_011)


def test_other_settings_than_last_time_are_judged_before_a_child_starts(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    code = (
        "import os; from dct_site.command.run import _fingerprint; one = _fingerprint();"
        "os.environ['DCT_ENV'] = 'production'; print(one == _fingerprint())"
    )
    assert start(tmp_path, {}, "-c", code).stdout.strip() == "False"
