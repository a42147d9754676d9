"""The shim's parts on their own: lines, frames, and the walk over /proc."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dct_site.kernel.process import shim_tree
from dct_site.kernel.process.frames import Exit, ExitReason, Output, StartFailure, parse
from dct_site.kernel.process.shim_frames import BrokenFrame, Channel, SupervisorGone, decode, encode
from dct_site.kernel.process.shim_lines import Lines
from dct_site.kernel.process.spawn import SHIM

TEXT = st.text(st.characters(codec="utf-8"))


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 30))
def test_no_byte_of_any_output_is_lost_or_repeated(chunks: list[bytes], most: int) -> None:
    lines = Lines(most)
    texts = [text for chunk in chunks for text in lines.feed(chunk)] + lines.end()
    whole = b"".join(chunks)
    assert [text + "\n" * ended for text, ended in texts].count("\n") <= whole.count(b"\n")
    assert sum(ended for _, ended in texts) == whole.count(b"\n")
    if whole.isascii():
        assert "".join(text + "\n" * ended for text, ended in texts) == whole.decode()


@given(TEXT, st.integers(4, 12))
def test_valid_text_comes_back_however_it_is_cut(text: str, most: int) -> None:
    lines, raw = Lines(most), text.encode()
    texts = lines.feed(raw[: len(raw) // 2]) + lines.feed(raw[len(raw) // 2 :]) + lines.end()
    assert "".join(piece + "\n" * ended for piece, ended in texts) == text


@given(
    st.dictionaries(
        TEXT, TEXT | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_a_frame_is_what_json_says(frame: dict[str, str | int | float | bool | None]) -> None:
    line = encode(frame)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == frame
    assert decode(json.dumps(frame).encode()) == frame


@pytest.mark.parametrize("line", [b"", b"1", b"[]", b"{", b"{} {}", b'{"a": tru}', b"{" * 100_000, b"\xff"])
def test_what_is_no_object_is_a_broken_frame(line: bytes) -> None:
    with pytest.raises(BrokenFrame):
        decode(line)


def test_a_channel_ends_with_its_supervisor_and_with_nonsense() -> None:
    for ending in (b"", b"nonsense\n"):
        ours, theirs = os.pipe()
        channel = Channel(ours)
        assert channel.read() == []
        os.write(theirs, b'{"a": 1}\n{"b"')
        assert channel.read() == [{"a": 1}]
        os.write(theirs, b": 2}\n")
        assert channel.read() == [{"b": 2}]
        os.write(theirs, ending)
        os.close(theirs)
        with pytest.raises(SupervisorGone):
            channel.read()
        os.close(ours)


def test_a_channel_never_waits_for_its_reader() -> None:
    theirs, ours = os.pipe()
    channel = Channel(ours)
    channel.tell({"out": "x" * 300_000})
    assert channel.flush()
    assert channel.is_full is (len(channel._outbox) > 262_144)
    assert not channel.flush()
    received = 0
    while channel.has_more:
        received += len(os.read(theirs, 65_536))
        channel.flush()
    os.close(theirs)
    channel.tell({"more": True})
    with pytest.raises(SupervisorGone):
        channel.flush()
    os.close(ours)


def test_the_supervisor_reads_what_the_shim_tells() -> None:
    assert parse(encode({"out": "a\0\n", "fd": 2, "ended": True})) == Output("a\0\n", 2, ended=True)
    told = {
        "exit": None,
        "signal": None,
        "reason": "not_started:no_directory",
        "detail": "d",
        "left": 0,
        "out_bytes": 0,
    }
    assert parse(encode(told)) == Exit(ExitReason.NOT_STARTED, failure=StartFailure.NO_DIRECTORY, detail="d")


def test_both_ways_to_find_children_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-S", "-I", "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        listed = shim_tree.descendants(parent.pid)
        monkeypatch.setattr(shim_tree, "_children", shim_tree._children_searched)
        assert shim_tree.descendants(parent.pid) == listed
        assert [depth for _, depth in listed] == [0]
        for pid in (listed[0][0], parent.pid):
            assert shim_tree.is_alive(pid)
            assert shim_tree.send_signal(pid, shim_tree.SIGKILL)


def test_a_process_that_is_gone_is_told_as_such() -> None:
    gone = 2**22 + 1
    assert shim_tree.start_time(gone) == 0
    assert not shim_tree.is_alive(gone)
    assert not shim_tree.send_signal(gone, 0)
    assert shim_tree.descendants(gone) == []


def test_the_shim_starts_with_little_of_the_standard_library() -> None:
    code = f"import sys; sys.path.append({str(SHIM.parents[1])!r}); import process.shim_loop; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=True, env={}
    ).stdout.split()
    assert not {"json", "re", "enum", "typing", "asyncio", "socket", "subprocess", "django", "site"} & set(loaded)


def test_the_shim_is_a_program_that_ends_with_its_channel(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-S", "-I", str(SHIM), str(ours)], pass_fds=[ours], env={}) as shim:
        os.close(theirs)
        assert shim.wait(10) == 1
    os.close(ours)
    assert time.monotonic() - began < 5
