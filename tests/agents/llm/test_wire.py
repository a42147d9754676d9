"""Asking over HTTP in the wire formats of Anthropic and OpenAI: whole conversations, and everything that goes wrong."""

import asyncio
import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agents.runtimes.llm.bounds import bounds_of
from agents.runtimes.llm.program import access, transport
from agents.runtimes.llm.program.run import run
from tests.agents.llm.asking import CANARY, PATHS
from tests.agents.llm.wire import Answer, Wire, wire

pytestmark = pytest.mark.one_pass
APIS = list(PATHS)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "RETRIES", 0)


def asked(root: Path, url: str, api: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What a run says that asks the server at ``url``."""
    for name in ("context/run", "feedback", "work"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "context/run/run.json").write_text(json.dumps({"asked": [], "deliverables": []}))
    (root / "context/run/instructions.md").write_text("# What you are asked to do")
    model = {"provider": "scripted", "api": api, "base_url": url + PATHS[api], "model": "counts", "key": CANARY}
    left = {"tokens": None, "money": None}
    task = {"root": str(root), "model": model, "bounds": asdict(bounds_of({})), "left": left, "steps": []}
    code = asyncio.run(run(task))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == (0 if lines[-1]["type"] in ("done", "question") else 1)
    return lines


@pytest.mark.parametrize("api", APIS)
def test_a_conversation_with_tools(api: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write = ("write_file", {"path": "feedback/a.md", "content": "hello"})
    with wire(Answer("I look.", [("list_files", {}), write]), Answer("Done.")) as server:
        lines = asked(tmp_path, server.url, api, capsys)
    assert (tmp_path / "feedback/a.md").read_text() == "hello"
    assert [line["text"] for line in lines if line["type"] == "text"] == ["I look.", "Done."]
    assert [line["tokens"] for line in lines if line["type"] == "usage"] == [100, 200]
    assert lines[-1] == {"type": "done"}
    for _, headers, body in server.asked:
        assert CANARY in headers.get("x-api-key", "") + headers.get("authorization", "")
        assert CANARY not in json.dumps(body)
        assert (body["model"], len(body["tools"])) == ("counts", 7)
        assert max(body.get(name, 0) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")) == 8_192


REFUSED = {"error": {"type": "some_error", "message": "Not so."}, "type": "error"}
SAID = "(401: Not so.)"
WRONG = {
    "401": (
        Answer(status=401, raw=json.dumps(REFUSED).encode()),
        f"refused the key. A Developer can write a new one under Model providers. {SAID}",
        True,
    ),
    "403": (Answer(status=403, raw=json.dumps(REFUSED).encode()), "refused", True),
    "404": (Answer(status=404, raw=json.dumps(REFUSED).encode()), "knows no model “counts”", True),
    "400": (Answer(status=400, raw=json.dumps(REFUSED).encode()), "refused the request", True),
    "429": (Answer(status=429, raw=json.dumps(REFUSED).encode()), "takes no more requests for now", False),
    "500": (Answer(status=500, raw=json.dumps(REFUSED).encode()), "failed by itself", False),
    "503 of a proxy": (Answer(status=503, raw=b"<html>busy</html>"), "tried again later", False),
    "302": (Answer(status=302, raw=b"", headers={"Location": "http://127.0.0.1:1/"}), "“scripted”", False),
    "cut at its limit": (Answer("Half a sen", is_cut=True), "cut off at 8,192 tokens", True),
    "cut on the way": (Answer("Half", promised=100_000), "“scripted”", False),
    "nothing": (Answer(), "answered nothing", False),
    "an empty body": (Answer(raw=b""), "no answer of its kind", False),
    "no JSON": (Answer(raw=b"{{{"), "no answer of its kind", False),
    "a page": (Answer(raw=b"<html></html>", headers={"Content-Type": "text/html"}), "no answer of its kind", False),
    "null": (Answer(raw=b"null"), "no answer of its kind", False),
    "another object": (Answer(raw=b'{"hello": "world"}'), "“scripted”", False),
    "a list": (Answer(raw=b"[1, 2]"), "no answer of its kind", False),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("api", APIS)
def test_what_goes_wrong_ends_in_words_that_say_what_to_do(
    api: str, wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, said, is_hopeless = WRONG[wrong]
    with wire(answer) as server:
        lines = asked(tmp_path, server.url, api, capsys)
    assert lines[-1]["type"] == "failed", lines[-1]
    if said == "no answer of its kind" and "answered nothing" in lines[-1]["text"]:
        said = "answered nothing"
    assert said in lines[-1]["text"], lines[-1]
    assert lines[-1]["is_hopeless"] is is_hopeless, lines[-1]
    assert len(lines[-1]["text"]) < 700
    assert CANARY not in json.dumps(lines)
    assert len(server.asked) == 1


@pytest.mark.parametrize("api", APIS)
def test_nobody_there_is_told(api: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with wire() as server:
        url = server.url
    lines = asked(tmp_path, url, api, capsys)
    assert "“scripted” cannot be reached" in lines[-1]["text"]
    assert lines[-1]["is_hopeless"] is False


def test_one_that_is_silent_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.3)
    silent = threading.Event()
    with wire(Answer("Late.", waits=silent)) as server:
        lines = asked(tmp_path, server.url, "anthropic", capsys)
        silent.set()
    assert "cannot be reached, or broke off" in lines[-1]["text"]


def test_a_server_without_usage_leaves_it_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with wire(Answer("Done.", tokens=None)) as server:
        lines = asked(tmp_path, server.url, "openai_chat", capsys)
    assert lines[-1] == {"type": "done"}
    assert not [line for line in lines if line["type"] == "usage"]


# The way out


def test_no_redirect_is_followed_and_no_other_host_is_asked() -> None:
    with wire(Answer()) as other, wire(Answer(status=307, raw=b"", headers={"Location": other.url})) as server:
        assert get(server.url, server).status_code == 307
        with pytest.raises(httpx2.ConnectError, match=r"localhost is not the provider's host"):
            get(f"http://localhost:{other.port}/", server)
        assert not other.asked


@pytest.mark.parametrize("url", ["http://169.254.169.254/v1", "http://[fe80::1]/v1", "http://0.0.0.0/v1"])
def test_a_metadata_service_is_never_asked(url: str) -> None:
    with pytest.raises(httpx2.ConnectError):
        asyncio.run(_post(url, url))


def get(url: str, server: Wire) -> Any:
    return asyncio.run(_post(url, server.url))


async def _post(url: str, registered: str) -> Any:
    async with transport.client(registered) as client:
        return await client.post(url, json={"messages": []})
