# ruff: noqa: E501 - one-line programs
"""What a program behind bubblewrap can reach, tried by a program that tries."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dct_site.kernel.process.sandbox import SandboxLevel, detect, sandbox, wrap
from tests.kernel.runs import exit_of, frames_of, lines_of, spec

pytestmark = pytest.mark.sandbox


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory outside /tmp (which a sandbox replaces anyway) with a database and two workspaces."""
    folder = Path(tempfile.mkdtemp(prefix="dct-sandbox-", dir="/var/tmp"))
    (folder / "db.sqlite3").write_text("canary-database")
    for name in ("mine", "sibling"):
        (folder / name).mkdir()
        (folder / name / "secret").write_text(f"canary-{name}")
    yield folder
    shutil.rmtree(folder)


def run(data: Path, script: str, *, network: bool = False, level: SandboxLevel = SandboxLevel.BUBBLEWRAP) -> list[str]:
    box = sandbox(level, workspace=data / "mine", hidden=[data, data / "not-there"], network=network)
    frames = frames_of(spec("sh", "-c", script, cwd=data / "mine", sandbox=box))
    exit_of(frames)
    return lines_of(frames)


def test_only_the_workspace_is_writable(data: Path) -> None:
    script = "for p in ./a ../b /var/tmp/c /etc/d /usr/e; do touch $p 2>/dev/null && echo $p; done; cat secret"
    assert run(data, script) == ["./a", "../b", "canary-mine"]  # `..` is an empty directory of the sandbox's own
    assert not (data / "b").exists()
    assert (data / "mine" / "a").exists()


def test_the_database_and_other_workspaces_are_out_of_sight(data: Path) -> None:
    script = f"cat {data}/db.sqlite3 {data}/sibling/secret 2>/dev/null; ls {data}; ln -s {data}/sibling link; cat link/secret"
    assert run(data, script) == ["mine"]


def test_the_servers_environment_cannot_be_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_CANARY", "canary-of-the-server")
    me = os.getpid()
    lines = run(
        data,
        f"cat /proc/{me}/environ /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; ls -d /proc/[0-9]* | wc -l",
    )
    assert not any("canary-of-the-server" in line for line in lines)
    assert int(lines[-1]) < 8


def test_there_is_no_network_unless_it_is_granted(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('through')\" 2>/dev/null"
        assert run(data, script) == []
        assert run(data, script, network=True) == ["through"]
        assert run(data, script, level=SandboxLevel.UNSHARE) == []


def test_sockets_of_the_hosts_daemons_are_out_of_sight(data: Path) -> None:
    assert run(data, "ls -A /run /tmp | grep -v :", network=True) in ([], [""], ["systemd"], ["", "systemd"])


def test_the_program_has_no_capabilities(data: Path) -> None:
    assert run(data, "grep CapEff /proc/self/status") == ["CapEff:\t0000000000000000"]


def test_detection_really_runs_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], 1)

    monkeypatch.setattr(subprocess, "run", refused)
    assert detect.__wrapped__() == SandboxLevel.NONE


def test_a_machine_without_the_programs_has_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: None)
    assert detect.__wrapped__() == SandboxLevel.NONE


def test_no_sandbox_leaves_the_command_as_it_is(tmp_path: Path) -> None:
    assert wrap(SandboxLevel.NONE, ["a", "b"], tmp_path) == ["a", "b"]
    assert wrap(SandboxLevel.BUBBLEWRAP, ["a"], tmp_path, readonly=[Path("/usr")])[-1] == "a"
