"""A short storm over a whole installation: everything that was acknowledged is there, ran once, and came to rest."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from dct_site.bench.installation import eventually
from dct_site.chaos.nemesis import Nemesis
from dct_site.command import chaos

pytestmark = pytest.mark.one_pass


@pytest.mark.slow
@pytest.mark.unmeasured  # what is killed tells nothing, and is slower for it
def test_a_short_storm_breaks_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    code = chaos.main(parser.parse_args(["--seconds", "3", "--seed", "2"]))
    told = capsys.readouterr().out
    assert (code, told.splitlines()[-1]) == (0, "10 passed, 0 failed"), told


def test_roles_need_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    assert chaos.main(parser.parse_args(["--broker", "redis://127.0.0.1"])) == 1
    assert "--broker needs --database" in capsys.readouterr().out


PARENT = "import subprocess; subprocess.Popen(['sleep', '600']); print('up', flush=True); import time; time.sleep(600)"


def test_the_nemesis_hits_what_is_below_its_parents_and_never_them(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        said: list[str] = []
        nemesis = Nemesis(1, lambda: [parent.pid], tmp_path, say=said.append)
        victim = nemesis._victim()
        nemesis.kill()
        assert parent.poll() is None
        assert said == [f"kill -9 {victim} (sleep)"]
        eventually(lambda: Path(f"/proc/{victim}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        parent.kill()
    nemesis._parents = list
    nemesis.kill()
    nemesis.stop_and_continue()
    assert len(said) == 1


def test_who_is_stopped_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[int] = []
    monkeypatch.setattr("dct_site.chaos.nemesis._send", lambda pid, number: sent.append(number))
    monkeypatch.setattr("dct_site.chaos.nemesis.time.sleep", lambda _: None)
    monkeypatch.setattr(Nemesis, "_victim", lambda _: os.getpid())
    Nemesis(1, list, tmp_path, say=lambda _: None).stop_and_continue()
    assert sent == [signal.SIGSTOP, signal.SIGCONT]


def test_wake_ups_are_dropped_and_redis_is_emptied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "engine.sock").touch()
    server = Mock()
    monkeypatch.setattr("dct_site.chaos.nemesis.redis.Redis.from_url", lambda url: server)
    nemesis = Nemesis(1, list, tmp_path, "redis://there", say=lambda _: None)
    nemesis.drop_wake_ups()
    nemesis.flush()
    assert list((tmp_path / "run").iterdir()) == []
    server.flushall.assert_called_once_with()
    monkeypatch.setattr("dct_site.chaos.nemesis.PAUSE_S", (0.0, 0.0))
    monkeypatch.setattr(nemesis, "_deeds", [lambda: None])
    assert nemesis.rage(0.02) > 0
