"""A short storm over a whole installation: everything that was acknowledged is there, ran once, and came to rest."""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from dct_site.bench.installation import eventually
from dct_site.chaos.nemesis import STEP_S, Nemesis
from dct_site.chaos.points import POINTS
from dct_site.command import chaos
from dct_site.kernel.crashpoints import SPRUNG

pytestmark = pytest.mark.one_pass
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.unmeasured  # what is killed tells nothing, and is slower for it
def test_a_short_storm_breaks_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    code = chaos.main(parser.parse_args(["--seconds", "3", "--seed", "2"]))
    told = capsys.readouterr().out
    assert (code, told.splitlines()[-1]) == (0, "12 passed, 0 failed"), told


def test_roles_need_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    assert chaos.main(parser.parse_args(["--broker", "redis://127.0.0.1"])) == 1
    assert "--broker needs --database" in capsys.readouterr().out


def test_who_is_told_to_end_takes_its_demo_along(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Mock(environment={})
    place.start_all.side_effect = lambda: os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(chaos, "Place", lambda *_: place)
    before = signal.getsignal(signal.SIGTERM)
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    with pytest.raises(SystemExit) as ended:
        chaos.main(parser.parse_args(["--seed", "2"]))
    assert ended.value.code == 143
    place.cut_the_power.assert_called_once()
    assert signal.getsignal(signal.SIGTERM) is before


def a_nemesis(place: Path, parents: Callable[[], Sequence[int]] = list, **over: Any) -> Nemesis:
    given = {"trap": place / "trap", "clock": place / "clock", "say": lambda _: None, **over}
    return Nemesis(1, parents, place, **given)


PARENT = "import subprocess; subprocess.Popen(['sleep', '600']); print('up', flush=True); import time; time.sleep(600)"


def test_the_nemesis_hits_what_is_below_its_parents_and_never_them(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        said: list[str] = []
        nemesis = a_nemesis(tmp_path, lambda: [parent.pid], say=said.append)
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
    a_nemesis(tmp_path).stop_and_continue()
    assert sent == [signal.SIGSTOP, signal.SIGCONT]


def test_wake_ups_are_dropped_and_redis_is_emptied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "engine.sock").touch()
    server = Mock()
    monkeypatch.setattr("dct_site.chaos.nemesis.redis.Redis.from_url", lambda url: server)
    nemesis = a_nemesis(tmp_path, broker="redis://there")
    nemesis.drop_wake_ups()
    nemesis.flush()
    assert list((tmp_path / "run").iterdir()) == []
    server.flushall.assert_called_once_with()
    monkeypatch.setattr("dct_site.chaos.nemesis.PAUSE_S", (0.0, 0.0))
    monkeypatch.setattr(nemesis, "_deeds", [lambda: None])
    assert nemesis.rage(0.02) > 0


def test_traps_are_set_at_places_that_there_are() -> None:
    sources = [
        path.read_text() for room in ("agents", "triggers", "workspaces") for path in (ROOT / room).rglob("*.py")
    ]
    named = {name for source in sources for name in re.findall(r'crashpoint\("([^"]+)"\)', source)}
    assert set(POINTS) <= named
    assert {"supervisor", "launch", "decide", "door", "clone", "settle"} <= {name.partition(".")[0] for name in POINTS}


def test_a_trap_stays_until_somebody_died_in_it_or_nobody_came(tmp_path: Path) -> None:
    said: list[str] = []
    nemesis, trap = a_nemesis(tmp_path, say=said.append), tmp_path / "trap"
    nemesis.set_a_trap()
    first = trap.read_text()
    assert first in POINTS
    nemesis.set_a_trap()
    assert said == [f"who comes by {first} dies"]
    os.utime(trap, (0, 0))
    nemesis.set_a_trap()
    assert len(said) == 2
    second = trap.read_text()
    trap.rename(f"{trap}{SPRUNG}")
    nemesis.rage(0)
    assert nemesis.sprung == [second]
    assert said[-1] == f"one has died at {second}"
    assert list(tmp_path.iterdir()) == []


def test_the_clock_is_set_for_all_and_right_again_at_the_end(tmp_path: Path) -> None:
    nemesis = a_nemesis(tmp_path)
    nemesis.set_the_clock()
    assert float((tmp_path / "clock").read_text()) in STEP_S
    nemesis.rage(0)
    assert not (tmp_path / "clock").exists()
