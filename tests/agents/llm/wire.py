"""A local server that speaks the wire formats of Anthropic and OpenAI, by a script; and what it can do wrong."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the model says: a text, calls as (name, arguments), why it stopped; or a status and a body of its own.

    ``promised`` is the length that the head tells where that is a lie; ``waits`` an event before which it is silent.
    """

    text: str = ""
    calls: Sequence[tuple[str, Any]] = ()
    is_cut: bool = False
    tokens: int | None = 100
    status: int = 200
    raw: bytes | None = None
    promised: int = 0
    waits: threading.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Wire:
    """``asked`` are the requests as (path, headers, body). The script is told how many answers the model gave before,
    by what the request holds of its own words: the server itself remembers nothing.
    """

    script: Callable[[int, dict[str, Any]], Answer]
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def wire(*answers: Answer, script: Callable[[int, dict[str, Any]], Answer] | None = None) -> Iterator[Wire]:
    """A server that gives these answers by their number in the conversation (the last one for all that follow)."""
    found = Wire(script or (lambda number, _: answers[min(number, len(answers) - 1)]))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.asked.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
            answer = found.script(_said_before(body), body)
            if answer.waits is not None:
                answer.waits.wait(30)
            raw = answer.raw if answer.raw is not None else json.dumps(_body(self.path, answer)).encode()
            self.send_response(answer.status)
            for name, text in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(answer.promised or len(raw)))
            self.end_headers()
            self.wfile.write(raw)
            self.close_connection = bool(answer.promised)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _said_before(body: dict[str, Any]) -> int:
    if "input" in body:  # OpenAI's Responses: a call and the text before it are items of their own
        kinds = ["said" if _is_said(one) else "told" for one in body["input"]]
        return sum(now == "said" and before != "said" for before, now in zip(["told", *kinds], kinds, strict=False))
    return sum(message["role"] == "assistant" for message in body["messages"])


def _is_said(item: dict[str, Any]) -> bool:
    return item.get("role") == "assistant" or item.get("type") == "function_call"


def _body(path: str, answer: Answer) -> dict[str, Any]:
    if path == "/v1/messages":
        return _anthropic(answer)
    return _responses(answer) if path.endswith("/responses") else _chat(answer)


def _anthropic(answer: Answer) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": answer.text}] if answer.text else []
    for number, (name, given) in enumerate(answer.calls):
        content.append({"type": "tool_use", "id": f"call_{number}", "name": name, "input": given})
    reason = "max_tokens" if answer.is_cut else "tool_use" if answer.calls else "end_turn"
    usage = {"input_tokens": (answer.tokens or 0) - 10, "output_tokens": 10}
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _chat(answer: Answer) -> dict[str, Any]:
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": _arguments(given)}}
        for number, (name, given) in enumerate(answer.calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if calls:
        message["tool_calls"] = calls
    reason = "length" if answer.is_cut else "tool_calls" if calls else "stop"
    found: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
    }
    if answer.tokens is not None:
        counts = {"prompt_tokens": answer.tokens - 10, "completion_tokens": 10, "total_tokens": answer.tokens}
        found["usage"] = counts
    return found


def _responses(answer: Answer) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    if answer.text:
        content = [{"type": "output_text", "text": answer.text, "annotations": []}]
        output.append({"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": content})
    for number, (name, given) in enumerate(answer.calls):
        output.append(
            {
                "id": f"f{number}",
                "type": "function_call",
                "call_id": f"call_{number}",
                "name": name,
                "arguments": _arguments(given),
                "status": "completed",
            }
        )
    return {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": "scripted",
        "status": "incomplete" if answer.is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if answer.is_cut else None,
        "error": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "output": output,
        "usage": {
            "input_tokens": (answer.tokens or 0) - 10,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.tokens or 0,
        },
    }


def _arguments(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given)
