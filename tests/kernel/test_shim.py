# ruff: noqa: E501 - one-line programs
"""One run under its shim, from the go to the exit: what goes in, what comes out, and every limit."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from dct_site.kernel.process.frames import (
    Exit,
    ExitReason,
    Frame,
    Limits,
    Output,
    RunSpec,
    Spawned,
    StartFailure,
    StdinRefused,
)
from dct_site.kernel.process.identity import ProcessIdentity
from dct_site.kernel.process.spawn import ShimGone, ShimProcess
from tests.kernel.runs import (
    DAEMON,
    assert_nothing_is_left,
    async_until,
    exit_of,
    frames_of,
    lines_of,
    mentioning,
    python,
    size,
    spec,
    wait_until,
)

pytestmark = pytest.mark.usefixtures("measured_shim")


def test_a_run_tells_its_lines_and_its_exit_code(tmp_path: Path) -> None:
    frames = frames_of(spec("sh", "-c", "echo one; echo two >&2; printf three; exit 3", cwd=tmp_path))
    assert isinstance(frames[0], Spawned)
    assert lines_of(frames, 1) == ["one", "three"]
    assert lines_of(frames, 2) == ["two"]
    assert Output("three", 1, ended=False) in frames
    assert (exit_of(frames).reason, exit_of(frames).code, exit_of(frames).out_bytes) == (ExitReason.EXITED, 3, 13)


def test_a_program_that_a_signal_ended_tells_the_signal(tmp_path: Path) -> None:
    last = exit_of(frames_of(spec("sh", "-c", "kill -SEGV $$", cwd=tmp_path)))
    assert (last.reason, last.code, last.signal) == (ExitReason.EXITED, None, 11)


def test_nothing_runs_before_the_go(tmp_path: Path) -> None:
    async def without_go() -> Exit:
        run = await ShimProcess.start(spec("touch", "here", cwd=tmp_path, lease=0.3, margin=0.1))
        async with run:
            return await run.wait()

    last = asyncio.run(without_go())
    assert last.reason == ExitReason.KILLED_BY_LEASE
    assert not (tmp_path / "here").exists()


def test_a_run_gives_way_to_whoever_has_not_asked_to_wait(tmp_path: Path) -> None:
    frames = frames_of(python("import os; print(os.nice(0))", cwd=tmp_path))
    assert lines_of(frames, 1) == [str(os.nice(0) + 10)]


def test_a_shim_may_be_started_before_its_spec_is_known(tmp_path: Path) -> None:
    async def later() -> list[Frame]:
        async with await ShimProcess.start() as run:
            await run.give(spec("echo", "here", cwd=tmp_path))
            await run.go()
            return [frame async for frame in run]

    assert lines_of(asyncio.run(later()), 1) == ["here"]


def test_a_shim_without_a_spec_ends_with_its_supervisor() -> None:
    async def close() -> ProcessIdentity:
        async with await ShimProcess.start() as run:
            return run.identity

    assert not asyncio.run(close()).is_running()


def test_a_run_stopped_before_its_go_never_starts(tmp_path: Path) -> None:
    async def stop_first() -> Exit:
        async with await ShimProcess.start(spec("touch", "here", cwd=tmp_path)) as run:
            await run.stop(1.0)
            await run.go()
            return await run.wait()

    assert asyncio.run(stop_first()).reason == ExitReason.STOPPED
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("command", ["no-such-command", "./no-such-file"])
def test_a_missing_command_is_told_by_name(tmp_path: Path, command: str) -> None:
    last = exit_of(frames_of(spec(command, cwd=tmp_path)))
    assert (last.reason, last.failure) == (ExitReason.NOT_STARTED, StartFailure.COMMAND_NOT_FOUND)
    assert last.detail == f"The command {command} was not found."


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    (tmp_path / "broken").write_text("#!/no/such/interpreter\n")
    (tmp_path / "broken").chmod(0o755)
    plain = exit_of(frames_of(spec("./plain", cwd=tmp_path)))
    broken = exit_of(frames_of(spec("./broken", cwd=tmp_path)))
    assert plain.failure == broken.failure == StartFailure.NOT_EXECUTABLE
    assert plain.detail == "The command ./plain is not executable."
    assert "No such file" in broken.detail


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    last = exit_of(frames_of(spec("true", cwd=tmp_path / "gone")))
    assert last.failure == StartFailure.NO_DIRECTORY


def test_the_environment_holds_only_what_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_CANARY", "canary-of-the-server")
    frames = frames_of(spec("/usr/bin/env", cwd=tmp_path, env={"ONLY": "this", "ÄÖ": "ü"}))
    assert sorted(lines_of(frames)) == ["ONLY=this", "ÄÖ=ü"]


def test_the_shim_itself_holds_nothing_of_the_servers_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCT_CANARY", "canary-of-the-server")
    code = "import os; print(open(f'/proc/{os.getppid()}/environ', 'rb').read() if os.getuid() == 0 else b'')"
    assert not any("canary" in line for line in lines_of(frames_of(python(code, cwd=tmp_path))))


def test_any_bytes_come_out_as_text(tmp_path: Path) -> None:
    code = "import os; os.write(1, b'a\\xff\\xfe\\x00b\\n\\xc3\\xa9\\n\\xed\\xa0\\x80\\n\"\\\\\\x1b[0m')"
    frames = frames_of(python(code, cwd=tmp_path))
    assert lines_of(frames) == ["a��\0b", "é", "���", '"\\\x1b[0m']


def test_a_line_longer_than_the_limit_comes_in_pieces_that_split_no_character(tmp_path: Path) -> None:
    frames = frames_of(python("print('é' * 1000)", cwd=tmp_path, line_bytes=301))
    pieces = [frame for frame in frames if isinstance(frame, Output)]
    assert "".join(piece.text for piece in pieces) == "é" * 1000
    assert [piece.ended for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_a_line_of_many_mebibytes_comes_whole(tmp_path: Path) -> None:
    frames = frames_of(python("print('x' * 15_000_000)", cwd=tmp_path))
    assert [len(line) for line in lines_of(frames)] == [15_000_000]


def test_a_slow_reader_makes_the_program_wait_and_not_the_memory_grow(tmp_path: Path) -> None:
    code = "import os\nfor _ in range(20): os.write(2, b'.'); os.write(1, (b'y' * 99 + b'\\n') * 10_000)"
    most = 0

    async def read_slowly() -> tuple[int, int]:
        nonlocal most
        count = reads = 0
        async with await ShimProcess.start(python(code, cwd=tmp_path)) as run:
            await run.go()
            async for frame in run:
                count += isinstance(frame, Output) and len(frame.text) + 1
                reads += 1
                if reads % 20_000 == 1:
                    await asyncio.sleep(0.02)
                    if run.identity.is_running():
                        most = max(most, _resident_kilobytes(run.identity.pid))
        return count, most

    count, most = asyncio.run(read_slowly())
    assert count >= 20_000_000
    assert 0 < most < 40_000


def test_output_that_nobody_reads_stops_at_what_the_pipes_hold(tmp_path: Path) -> None:
    code = "import os\nfor n in range(2000): os.write(1, b'z' * 9_999 + b'\\n'); open('progress', 'w').write(str(n))"

    async def do_not_read() -> int:
        async with await ShimProcess.start(python(code, cwd=tmp_path, limits=Limits(output_bytes=0))) as run:
            await run.go()
            progress = tmp_path / "progress"
            seen = -1
            while size(progress) == 0 or seen != int(progress.read_text() or -1):
                seen = int(progress.read_text() or -1) if size(progress) else -1
                await asyncio.sleep(0.3)
            return seen

    assert asyncio.run(do_not_read()) < 500


def test_output_over_the_cap_ends_the_run(tmp_path: Path) -> None:
    frames = frames_of(spec("yes", cwd=tmp_path, limits=Limits(output_bytes=100_000)))
    assert exit_of(frames).reason == ExitReason.KILLED_BY_OUTPUT
    assert sum(len(line) + 1 for line in lines_of(frames)) == pytest.approx(100_000, abs=2)


def test_the_wall_clock_ends_a_run(tmp_path: Path) -> None:
    began = time.monotonic()
    last = exit_of(frames_of(spec("sleep", "3600", cwd=tmp_path, limits=Limits(wall_clock=0.3))))
    assert last.reason == ExitReason.KILLED_BY_WALL_CLOCK
    assert 0.25 < time.monotonic() - began < 5


def test_too_many_processes_end_a_run(tmp_path: Path) -> None:
    bomb = "import os, time\nfor _ in range(9): os.fork(); time.sleep(0.01)\ntime.sleep(3600)"
    last = exit_of(frames_of(python(bomb, str(tmp_path), cwd=tmp_path, limits=Limits(processes=50))))
    assert last.reason == ExitReason.KILLED_BY_PROCESSES
    assert last.left == 0
    assert mentioning(str(tmp_path)) == []


def test_limits_of_files_memory_and_descriptors_reach_the_program(tmp_path: Path) -> None:
    code = "import resource as r; print([r.getrlimit(n)[0] for n in (r.RLIMIT_NOFILE, r.RLIMIT_FSIZE, r.RLIMIT_AS, r.RLIMIT_CORE)])"
    limits = Limits(nofile=64, fsize_bytes=1_000_000, memory_bytes=1_000_000_000)
    assert lines_of(frames_of(python(code, cwd=tmp_path, limits=limits))) == ["[64, 1000000, 1000000000, 0]"]


def test_a_program_cannot_gain_privileges_and_ignores_no_signal(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        _check_privileges_and_signals(tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)


def _check_privileges_and_signals(tmp_path: Path) -> None:
    lines = lines_of(frames_of(spec("grep", "-E", "NoNewPrivs|SigIgn", "/proc/self/status", cwd=tmp_path)))
    assert sorted(lines) == ["NoNewPrivs:\t1", "SigIgn:\t0000000000000000"]


def test_a_program_holds_none_of_the_shims_descriptors(tmp_path: Path) -> None:
    code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:-1])"
    assert lines_of(frames_of(python(code, cwd=tmp_path))) == ["[0, 1, 2]"]


def test_stop_gives_the_program_its_grace(tmp_path: Path) -> None:
    code = "trap 'echo saved; exit 7' TERM; echo up; while :; do sleep 0.01; done"
    frames = _stopped_after_first_line(spec("sh", "-c", code, cwd=tmp_path), grace=10.0)
    assert lines_of(frames) == ["up", "saved"]
    assert (exit_of(frames).reason, exit_of(frames).code) == (ExitReason.STOPPED, 7)


def test_what_ignores_the_stop_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    frames = _stopped_after_first_line(
        spec("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done", cwd=tmp_path), grace=0.2
    )
    assert (exit_of(frames).reason, exit_of(frames).signal) == (ExitReason.STOPPED, 9)


def test_kill_ends_fifty_children_and_a_daemon(tmp_path: Path) -> None:
    path = tmp_path / "written"
    fan = f"import os, time\nfor _ in range(50):\n    if not os.fork(): time.sleep(3600)\n{DAEMON}"

    async def kill_when_writing(run: ShimProcess) -> None:
        await async_until(lambda: size(path) > 5)
        await run.kill()

    frames = frames_of(python(fan, str(path), cwd=tmp_path), before=kill_when_writing)
    assert exit_of(frames).reason == ExitReason.KILLED_ON_REQUEST
    assert_nothing_is_left(path)


def test_what_a_finished_program_left_running_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "written"
    code = DAEMON.replace(
        "time.sleep(3600)", f"\n    while not (os.path.exists({str(path)!r})): time.sleep(0.001)\n    os._exit(0)"
    )
    frames = frames_of(python(code, str(path), cwd=tmp_path))
    assert (exit_of(frames).reason, exit_of(frames).code) == (ExitReason.EXITED, 0)
    assert_nothing_is_left(path)


def test_text_reaches_the_programs_input_until_its_end(tmp_path: Path) -> None:
    async def talk(run: ShimProcess) -> None:
        await run.send("grüße\n" * 50_000)
        await run.send("last")
        await run.end_input()

    frames = frames_of(spec("cat", cwd=tmp_path), before=talk)
    assert lines_of(frames) == ["grüße"] * 50_000 + ["last"]


def test_input_that_nobody_will_read_is_refused_aloud(tmp_path: Path) -> None:
    async def talk(run: ShimProcess) -> None:
        await run.send("x" * 9_000_000)
        await run.send("y" * 9_000_000)
        await asyncio.sleep(0)
        await run.stop(0)

    frames = frames_of(spec("sleep", "60", cwd=tmp_path), before=talk)
    assert StdinRefused(9_000_000) in frames


def test_closing_a_handle_ends_its_run(tmp_path: Path) -> None:
    path = tmp_path / "written"

    async def leave() -> ProcessIdentity:
        async with await ShimProcess.start(python(DAEMON, str(path), cwd=tmp_path)) as run:
            await run.go()
            await async_until(lambda: size(path) > 5)
        return run.identity

    assert not asyncio.run(leave()).is_running()
    assert_nothing_is_left(path)


def test_sending_to_an_ended_shim_is_told(tmp_path: Path) -> None:
    async def send_late() -> None:
        async with await ShimProcess.start(spec("true", cwd=tmp_path)) as run:
            await run.go()
            await run.wait()
            wait_until(lambda: not run.identity.is_running())
            with pytest.raises(ShimGone):
                await run.renew(5)

    asyncio.run(send_late())


def test_a_run_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a command"):
        spec(cwd=Path("/")).as_frame()


def test_secrets_in_the_environment_stay_out_of_repr_and_command_line(tmp_path: Path) -> None:
    run_spec = spec("cat", "/proc/self/cmdline", cwd=tmp_path, env={"KEY": "canary-secret", "PATH": "/bin"})
    assert "canary-secret" not in repr(run_spec)
    assert "canary-secret" not in "".join(lines_of(frames_of(run_spec)))


def _stopped_after_first_line(run_spec: RunSpec, *, grace: float) -> list[Frame]:
    async def collect() -> list[Frame]:
        frames: list[Frame] = []
        async with await ShimProcess.start(run_spec) as run:
            await run.go()
            async for frame in run:
                frames.append(frame)
                if frame == Output("up", 1, ended=True):
                    await run.stop(grace)
        return frames

    return asyncio.run(collect())


def _resident_kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0
