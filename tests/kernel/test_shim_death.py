"""When the supervisor or the shim dies or sleeps: nothing of the run survives, and no late write lands."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from dct_site.kernel.process.frames import ExitReason, RunSpec, boot_clock
from dct_site.kernel.process.identity import ProcessIdentity
from dct_site.kernel.process.reap import kill_marked, reap_orphan
from dct_site.kernel.process.sandbox import Sandbox, SandboxLevel, detect, sandbox
from dct_site.kernel.process.spawn import ShimProcess
from tests.kernel.runs import (
    DAEMON,
    ENV,
    assert_nothing_is_left,
    async_until,
    exit_of,
    frames_of,
    mentioning,
    python,
    size,
    spec,
    start_supervisor,
    wait_until,
)

LEVELS = [SandboxLevel.NONE, pytest.param(SandboxLevel.UNSHARE, marks=pytest.mark.sandbox)]
LEVELS.append(pytest.param(SandboxLevel.BUBBLEWRAP, marks=pytest.mark.sandbox))


def daemon(path: Path) -> list[str]:
    """A double-forked program that ignores SIGTERM and writes to `path` for ever."""
    return [sys.executable, "-S", "-I", "-c", DAEMON, str(path)]


@pytest.fixture
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    """The sandbox of the level that the test asks for."""
    return sandbox(request.param, workspace=tmp_path, readonly=[Path(sys.base_prefix), Path(sys.prefix)])


@pytest.mark.parametrize("box", LEVELS, indirect=True)
def test_a_killed_supervisor_takes_its_run_along(tmp_path: Path, box: Sandbox) -> None:
    path = tmp_path / "written"
    with start_supervisor(argv=daemon(path), cwd=tmp_path, lease=60, margin=1, sandbox=box) as supervisor:
        shim = ProcessIdentity.of(int(supervisor.stdout.readline()))
        wait_until(lambda: size(path) > 5)
        supervisor.send_signal(signal.SIGKILL)
    wait_until(lambda: not shim.is_running(), seconds=2)
    assert_nothing_is_left(path)


def test_a_supervisor_that_sleeps_beyond_the_lease_loses_its_run(tmp_path: Path) -> None:
    path = tmp_path / "written"
    with start_supervisor(argv=daemon(path), cwd=tmp_path, lease=0.6, margin=0.2) as supervisor:
        supervisor.stdout.readline()
        wait_until(lambda: size(path) > 5)
        supervisor.send_signal(signal.SIGSTOP)
        wait_until(lambda: _only_the_supervisor_is_left(path, supervisor.pid), seconds=3)
        last = size(path)
        supervisor.send_signal(signal.SIGCONT)
        assert supervisor.stdout.readline().strip() == ExitReason.KILLED_BY_LEASE
    assert size(path) == last
    assert_nothing_is_left(path)


def test_a_renewed_run_outlives_its_first_lease(tmp_path: Path) -> None:
    async def renew(run: ShimProcess) -> None:
        for _ in range(8):
            await run.renew(0.5)
            await asyncio.sleep(0.1)

    run_spec = spec("sleep", "0.8", cwd=tmp_path, lease=0.5, margin=0.1)
    assert exit_of(frames_of(run_spec, before=renew)).reason == ExitReason.EXITED
    assert exit_of(frames_of(run_spec)).reason == ExitReason.KILLED_BY_LEASE


def test_a_renewal_that_lay_in_the_channel_of_a_stopped_shim_is_as_old_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "written"

    async def hear_late() -> ExitReason:
        async with await ShimProcess.start(python(DAEMON, str(path), cwd=tmp_path, lease=60, margin=0.1)) as run:
            await run.go()
            await async_until(lambda: size(path) > 5)
            await run._send({"renew": 30, "at": boot_clock() - 40})
            return (await asyncio.wait_for(run.wait(), 5)).reason

    assert asyncio.run(hear_late()) == ExitReason.KILLED_BY_LEASE
    assert_nothing_is_left(path)


@pytest.mark.parametrize("box", LEVELS, indirect=True)
def test_a_shim_killed_outright_leaves_nothing_behind(tmp_path: Path, box: Sandbox) -> None:
    path = tmp_path / "written"
    run_spec = RunSpec(argv=daemon(path), cwd=tmp_path, env=ENV, sandbox=box, mark="mark-of-this-run")

    async def lose() -> ExitReason:
        async with await ShimProcess.start(run_spec) as run:
            await run.go()
            await async_until(lambda: size(path) > 5)
            os.kill(run.identity.pid, signal.SIGKILL)
            return (await run.wait()).reason

    assert asyncio.run(lose()) == ExitReason.LOST
    assert_nothing_is_left(path)


def test_the_reaper_kills_a_shim_and_all_below_it(tmp_path: Path) -> None:
    path = tmp_path / "written"
    with start_supervisor(argv=daemon(path), cwd=tmp_path, lease=60, margin=1) as supervisor:
        shim = ProcessIdentity.of(int(supervisor.stdout.readline()))
        wait_until(lambda: size(path) > 5)
        supervisor.send_signal(signal.SIGSTOP)  # or it would reap its shim itself
        assert reap_orphan(shim.pid, shim.start_time, shim.boot_id) == 3
        wait_until(lambda: _only_the_supervisor_is_left(path, supervisor.pid))
        supervisor.kill()
    assert_nothing_is_left(path)


@pytest.mark.parametrize("wrong", ["start_time", "boot_id"])
def test_the_reaper_spares_a_process_that_only_has_the_same_number(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "written"
    with start_supervisor(argv=daemon(path), cwd=tmp_path, lease=60, margin=1) as supervisor:
        shim = ProcessIdentity.of(int(supervisor.stdout.readline()))
        wait_until(lambda: size(path) > 5)
        given = {"pid": shim.pid, "start_time": shim.start_time, "boot_id": shim.boot_id}
        given[wrong] = 1 if wrong == "start_time" else "another-boot"
        assert reap_orphan(**given) == 0  # type: ignore[arg-type]
        assert shim.is_running()
        supervisor.kill()
    assert_nothing_is_left(path)


def test_the_reaper_finds_nothing_where_nothing_is() -> None:
    gone = ProcessIdentity.of(os.getpid())
    assert reap_orphan(2**22 + 1, 5, gone.boot_id, mark="no-such-mark") == 0
    assert kill_marked("no-such-mark") == 0


@pytest.mark.sandbox
@pytest.mark.parametrize("box", [LEVELS[2]], indirect=True)
def test_stop_in_a_sandbox_still_gives_grace(tmp_path: Path, box: Sandbox) -> None:
    code = ["sh", "-c", "trap 'echo saved; exit 7' TERM; touch up; while :; do sleep 0.01; done"]

    async def stop() -> tuple[ExitReason, int | None]:
        async with await ShimProcess.start(RunSpec(argv=code, cwd=tmp_path, env=ENV, sandbox=box)) as run:
            await run.go()
            await async_until((tmp_path / "up").exists)
            await run.stop(10)
            last = await run.wait()
            return last.reason, last.code

    assert asyncio.run(stop()) == (ExitReason.STOPPED, 7)


def test_detection_names_a_level() -> None:
    assert detect() in set(SandboxLevel)


def _only_the_supervisor_is_left(path: Path, supervisor: int) -> bool:
    return set(mentioning(str(path))) == {supervisor}
