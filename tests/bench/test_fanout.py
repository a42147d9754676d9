"""`./dct bench fanout`: what clients heard is judged, its baseline speaks the same, its figures are complete."""

import asyncio
import json
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dct_site.bench import fanout, fanout_child, noop_work
from dct_site.bench.fanout_child import Bare, Listener, summed_up

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def heard(*messages: dict[str, Any]) -> Listener:
    listener = Listener()
    for message in messages:
        listener.hear(json.dumps({"at": AT.isoformat(), **message}), AT + timedelta(milliseconds=20))
    return listener


def status(number: int, seq: int) -> dict[str, Any]:
    return {"type": "status", "id": number, "seq": seq}


def test_a_client_is_wrong_that_missed_one_heard_one_twice_or_has_a_gap() -> None:
    right = heard({"type": "pong", "seq": 3}, status(1, 4), status(2, 5))
    missed, twice = heard(status(1, 4)), heard(status(1, 4), status(2, 5), status(2, 6))
    gap, again = heard(status(1, 4), status(2, 6)), heard(status(1, 4), status(2, 5), {"type": "resync", "seq": 6})
    told = summed_up([right, missed, twice, gap, again], 2)
    assert told["wrong"] == 4
    assert (told["heard"], told["p50_ms"], told["p99_ms"]) == (9, 20.0, 20.0)
    assert summed_up([right], 2)["wrong"] == 0
    assert summed_up([Listener()], 1)["wrong"] == 1


async def test_the_baseline_sends_what_is_posted_to_every_socket() -> None:
    bare, sent = Bare(), asyncio.Queue[dict[str, Any]]()
    said = asyncio.Queue[dict[str, Any]]()
    said.put_nowait({"type": "websocket.connect"})
    said.put_nowait({"type": "websocket.receive", "text": '{"type": "auth"}'})
    one = asyncio.create_task(bare({"type": "websocket"}, said.get, sent.put))
    assert (await sent.get())["type"] == "websocket.accept"
    assert json.loads((await sent.get())["text"]) == {"type": "pong"}

    async def body() -> dict[str, Any]:
        return {"body": json.dumps(fanout.SAMPLE).encode()}

    await bare({"type": "http"}, body, asyncio.Queue[dict[str, Any]]().put)
    message = json.loads((await sent.get())["text"])
    assert (message["type"], message["id"], message["status"]) == ("status", 1, "queued")
    said.put_nowait({"type": "websocket.disconnect"})
    await one
    assert bare._sends == set()


def test_clients_listen_to_the_baseline_over_real_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "CLIENTS", 3)
    with fanout.bare() as port:
        told = fanout.heard(f"ws://127.0.0.1:{port}/", "any", lambda _: fanout.say(port), range(2), every_s=0.0)
    assert (told["heard"], told["wrong"]) == (6, 0)
    assert told["rate"] > 0


def test_its_figures_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    def listened(url: str, *_: Any, every_s: float) -> dict[str, float]:
        return {"rate": 50.0 if "status" in url else 100.0, "p50_ms": 4.0, "p99_ms": 8.0, "wrong": 0.0}

    class Nothing:
        info = {"url": "http://dct", "api_token": "t"}

    monkeypatch.setattr(fanout, "heard", listened)
    monkeypatch.setattr(fanout, "Installation", lambda *_: nullcontext(Nothing()))
    monkeypatch.setattr(fanout, "bare", lambda: nullcontext(1))
    monkeypatch.setattr(noop_work, "pause", lambda *_, **__: None)
    lines = [json.loads(figure.line()) for figure in fanout.measure()]
    assert [(line["figure"], line["ratio"]) for line in lines] == [
        ("rate", 0.5), ("late_p50", 1.0), ("late_p99", 1.0), ("wrong", None)
    ]  # fmt: skip


def test_its_words_lead_to_what_they_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def listen(*words: object) -> dict[str, object]:
        return {"words": words}

    monkeypatch.setattr(fanout_child, "listen", listen)
    fanout_child.main(["listen", "ws://x", "t", "5", "2"])
    assert json.loads(capsys.readouterr().out) == {"words": ["ws://x", "t", 5, 2]}
    assert sys.modules[fanout.PROGRAM] is fanout_child
