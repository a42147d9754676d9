"""The process's front: what needs no Django is answered without it, and what lives as long as the process is ended."""

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import override_settings

from dct_site import asgi
from dct_site.asgi import Application
from dct_site.live.updates import follower


@pytest.mark.one_pass
async def test_the_sign_of_life_asks_no_database() -> None:
    http = {"type": "http", "method": "GET", "path": "/healthz", "headers": [], "query_string": b""}
    asked: Any = ApplicationCommunicator(Application(), http)  # type: ignore[no-untyped-call]
    begin = await asked.receive_output(1)
    assert (begin["status"], dict(begin["headers"])[b"cache-control"]) == (200, b"no-store")
    assert (await asked.receive_output(1))["body"] == b'{"status": "alive"}'


@pytest.mark.one_pass
@override_settings(ALLOWED_HOSTS=[".dct.example.org"])
async def test_a_probe_at_an_address_gets_the_answer_of_our_name(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []

    async def listen(scope: Any, *_: Any) -> None:
        heard.append(scope)

    monkeypatch.setattr(asgi, "django_application", listen)
    for path in ("/readyz", "/"):
        headers = [(b"host", b"10.0.0.7:8000"), (b"accept", b"*/*")]
        await Application()({"type": "http", "path": path, "headers": headers}, ..., ...)  # type: ignore[arg-type]
    assert [dict(scope["headers"])[b"host"] for scope in heard] == [b"dct.example.org", b"10.0.0.7:8000"]
    assert dict(heard[0]["headers"])[b"accept"] == b"*/*"


@pytest.mark.django_db(transaction=True)
async def test_the_follower_lives_as_long_as_the_process() -> None:
    process: Any = ApplicationCommunicator(Application(), {"type": "lifespan"})  # type: ignore[no-untyped-call]
    await process.send_input({"type": "lifespan.startup"})
    assert (await process.receive_output(5))["type"] == "lifespan.startup.complete"
    assert follower._tasks
    await process.send_input({"type": "lifespan.shutdown"})
    assert (await process.receive_output(5))["type"] == "lifespan.shutdown.complete"
    assert not follower._tasks
