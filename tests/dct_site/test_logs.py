"""Logs: one JSON object a line or text, what each line is about, and no secret in any of them."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from celery.signals import setup_logging

from agents.supervisor.threads import Threads
from dct_site import celery
from dct_site.kernel.about import about
from dct_site.kernel.redaction import REDACTED, scrub
from dct_site.logs import configure
from tests.factories.agents import NOON
from tests.factories.executions import make_admitted
from triggers.services.launch import admitted as launch
from triggers.services.launch import steps as launch_steps
from triggers.services.launch.admitted import launch_some


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)
    structlog.contextvars.clear_contextvars()


class Log:
    """What was written since ``configure``."""

    def __init__(self, *, as_json: bool) -> None:
        configure(role="engine", as_json=as_json)
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        self.text = StringIO()
        handler.setStream(self.text)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.getvalue().splitlines()]


def test_each_line_is_one_object_with_what_it_is_about_whoever_logs_it() -> None:
    log = Log(as_json=True)
    with about({"execution": 482, "event": 5, "start": 3}, trigger=7, delivery=None):
        structlog.get_logger("ours").info("launched", epoch=1)
        logging.getLogger("theirs").warning("slow: %s s", 3)
        with about(agent=5):
            structlog.get_logger("ours").info("deeper\nline")
    structlog.get_logger("ours").info("after")
    told = [{key: value for key, value in line.items() if key != "timestamp"} for line in log.lines()]
    common = {"role": "engine", "execution": 482, "trigger": 7}
    assert told == [
        {**common, "event": "launched", "level": "info", "epoch": 1},
        {**common, "event": "slow: 3 s", "level": "warning"},
        {**common, "event": "deeper\nline", "level": "info", "agent": 5},
        {"role": "engine", "event": "after", "level": "info"},
    ]


def test_text_says_the_same_with_a_traceback_that_can_be_read() -> None:
    log = Log(as_json=False)
    with about(execution=482):
        try:
            raise RuntimeError("no template")
        except RuntimeError:
            structlog.get_logger("ours").exception("launch_failed")
    first, *rest = log.text.getvalue().splitlines()
    assert "launch_failed" in first
    assert "execution=482" in first
    assert rest[0].startswith("Traceback")
    assert rest[-1] == "RuntimeError: no template"


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_is_written_wherever_it_stands(as_json: bool) -> None:
    log = Log(as_json=as_json)
    try:
        raise RuntimeError("cannot reach postgresql://dct:canary-1@db:5432/dct with api_key='canary-2'")
    except RuntimeError:
        structlog.get_logger("ours").exception("failed", client_secret="canary-3", given={"token": "canary-4"})
    logging.getLogger("theirs").warning("Authorization: Bearer canary-5, password=canary-6")
    written = log.text.getvalue()
    written = json.dumps(log.lines(), ensure_ascii=False) if as_json else written
    assert "canary" not in written
    assert written.count(REDACTED) >= 6
    assert "postgresql://dct:" in written


def test_what_is_no_secret_stays() -> None:
    for text in (
        "https://example.org:8000/a?b=c",
        "mailto:ann@example.org",
        "the bearer of news",
        "12:30:00 at 5 a.m.",
    ):
        assert scrub(text) in (text, text.replace("of", REDACTED))
    assert scrub("-password" * 20_000).endswith("-password")


def test_a_call_in_a_thread_is_about_what_its_caller_is() -> None:
    async def caller() -> list[dict[str, Any]]:
        threads = Threads()
        with about(execution=482):
            found = [await call(structlog.contextvars.get_contextvars) for call in (threads.database, threads.side)]
        await threads.close()
        return found

    assert [one.get("execution") for one in asyncio.run(caller())] == [482, 482]


def test_celery_s_processes_log_like_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert celery.log in [receiver() for _, receiver in setup_logging.receivers]
    monkeypatch.setattr(sys, "argv", ["celery", "beat"])
    celery.log()
    assert structlog.contextvars.get_contextvars()["role"] == "tick"
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)


def test_what_a_library_says_of_each_request_and_each_task_is_not_written_but_its_troubles_are() -> None:
    log, noisy = Log(as_json=True), ("celery.worker.strategy", "celery.app.trace", "celery.beat", "httpx")
    for name in noisy:
        logging.getLogger(name).info("one more")
        logging.getLogger(name).warning("trouble of %s", name)
    assert [line["event"] for line in log.lines()] == [f"trouble of {name}" for name in noisy]


@pytest.mark.django_db
def test_whatever_is_logged_during_a_launch_names_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        logging.getLogger("theirs").warning("the copy is slow")
        raise RuntimeError("no room")

    execution = make_admitted()
    monkeypatch.setattr(launch_steps, "run", broken)
    log = Log(as_json=True)
    monkeypatch.setattr(launch, "log", structlog.get_logger("ours"))
    launch_some(owner="test", now=NOON)
    told = [(line["event"], line["execution"], line["trigger"]) for line in log.lines()]
    ids = (execution.pk, execution.trigger_id)
    assert told == [("the copy is slow", *ids), ("launch_failed", *ids)]
    assert "execution" not in structlog.contextvars.get_contextvars()
