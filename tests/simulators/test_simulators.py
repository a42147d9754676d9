"""The demo's outside world: mails that are sent arrive, webhooks are signed as the door expects, and nothing is
hidden when no demo runs.
"""

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from imap_tools.mailbox import MailBoxUnencrypted

from dct_site.command import simulate
from dct_site.command.__main__ import main as dct
from dct_site.demo import content
from dct_site.simulators import demo, github, mail, mailserver
from tests.simulators.mailboxes import DemoServer, signed_in
from triggers.sources.base import RawDelivery
from triggers.sources.github.parse import parse

pytestmark = pytest.mark.one_pass

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoServer]:
    made = DemoServer(tmp_path / "demo-mail")
    made.start()
    demo.tell(tmp_path, smtp=made.smtp_port, imap=made.port, user=made.user, address="demo@demo.localhost")
    yield made
    made.stop()


def test_a_mail_that_is_sent_arrives_and_an_answer_names_it(
    server: DemoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dct(["simulate", "mail", "send", "--from", "Ana <ana@example.com>", "--data", str(tmp_path)]) == 0
    assert dct(["simulate", "mail", "send", "--reply-to-last", "--text", "Dear Ana ä", "--data", str(tmp_path)]) == 0
    assert dct(["simulate", "mail", "send", "--reply-to-last", "--data", str(tmp_path)]) == 0

    with signed_in(server) as box:
        first, second, third = box.fetch("ALL", mark_seen=False)
    assert (first.from_, first.subject) == ("ana@example.com", mail.SUBJECT)
    assert (second.subject, third.subject) == (f"Re: {mail.SUBJECT}", f"Re: {mail.SUBJECT}")
    assert second.headers["in-reply-to"] == first.headers["message-id"]
    assert third.headers["references"][0].split() == [*first.headers["message-id"], *second.headers["message-id"]]
    assert second.text.strip() == "Dear Ana ä"
    assert "Sent <" in capsys.readouterr().out


def test_nothing_can_be_answered_before_something_was_sent(
    server: DemoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dct(["simulate", "mail", "send", "--reply-to-last", "--data", str(tmp_path)]) == 1
    assert "send one first" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [["mail", "send"], ["github"]])
def test_without_a_demo_it_says_how_to_start_one(
    kind: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dct(["simulate", *kind, "--data", str(tmp_path)]) == 1
    assert "start one with `./dct run --demo`" in capsys.readouterr().err

    demo.tell(tmp_path, admin="x")
    assert dct(["simulate", *kind, "--data", str(tmp_path)]) == 1
    assert "wait until the demo is ready" in capsys.readouterr().err


def test_a_demo_that_has_ended_is_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.tell(tmp_path, smtp=1, github_webhook_url="http://127.0.0.1:1/hooks/x")
    assert dct(["simulate", "mail", "send", "--data", str(tmp_path)]) == 1
    assert dct(["simulate", "github", "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("is the demo running?") == 2


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mail.NotSent, match="write it as"):
        mail.send(smtp_host="127.0.0.1", port=1, sender="a b", to="x@y", subject="", text="", now=NOON)


class Door(HTTPServer):
    """Remembers what is posted to it and answers as DCT's door would."""

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secret
        self.seen: list[tuple[dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers.items()), body))
        signature = "sha256=" + hmac.new(self.server.secret.encode(), body, hashlib.sha256).hexdigest()
        self.send_response(202 if self.headers["X-Hub-Signature-256"] == signature else 401)
        self.end_headers()
        self.wfile.write(b'{"delivery": 1, "duplicate": false}')

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with Door("a secret of the demo") as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        demo.tell(
            tmp_path,
            github_webhook_url=f"http://127.0.0.1:{made.server_port}/hooks/x",
            github_webhook_secret=made.secret,
        )
        yield made
        made.shutdown()
        thread.join()


def test_a_pull_request_is_signed_and_can_be_sent_again(door: Door, tmp_path: Path) -> None:
    assert dct(["simulate", "github", "--repeat-id", "id-1", "--number", "7", "--data", str(tmp_path)]) == 0
    assert dct(["simulate", "github", "--event", "issue_comment", "--data", str(tmp_path)]) == 0

    headers, body = door.seen[0]
    assert headers["X-Github-Delivery"] == "id-1"
    assert json.loads(body)["pull_request"]["number"] == 7
    assert door.seen[1][0]["X-Github-Delivery"] != "id-1"


def test_a_spoiled_signature_is_refused_and_that_is_what_was_asked_for(door: Door, tmp_path: Path) -> None:
    assert dct(["simulate", "github", "--spoil", "--data", str(tmp_path)]) == 0
    door.secret = "not a secret of the demo"
    assert dct(["simulate", "github", "--spoil", "--data", str(tmp_path)]) == 1


@pytest.mark.parametrize("event", github.events())
def test_every_payload_is_an_event_about_the_pull_request(event: str) -> None:
    body = github.body_of(event, number=7, now=NOON)
    (found,) = parse(RawDelivery("github", body, {"x-github-event": event}, NOON))

    assert found.item is not None
    assert found.item.key == f"{content.REPOSITORY}#7"
    assert found.time == NOON
    other = github.body_of(event, number=8, now=NOON)
    assert parse(RawDelivery("github", other, {"x-github-event": event}, NOON))[0].change_key != found.change_key


def test_the_mail_server_runs_as_a_process_of_its_own_and_keeps_its_mails(tmp_path: Path) -> None:
    uids = []
    for _ in range(2):
        argv = [sys.executable, "-m", "dct_site.simulators.mailserver", "--data", str(tmp_path)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=simulate.ROOT) as process:
            assert process.stdout is not None
            ports = json.loads(process.stdout.readline())
            assert demo.read(tmp_path)["imap"] == ports["imap"]
            assert dct(["simulate", "mail", "send", "--data", str(tmp_path)]) == 0
            with MailBoxUnencrypted("127.0.0.1", ports["imap"]).login(
                mailserver.USER, mailserver.password_of(tmp_path)
            ) as box:
                uids.append((box.folder.status()["UIDVALIDITY"], box.uids()))
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert uids == [(uids[0][0], ["1"]), (uids[0][0], ["1", "2"])]
    assert (demo.path_of(tmp_path).stat().st_mode & 0o777) == 0o600


def test_a_port_that_is_taken_is_told(server: DemoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mailserver.main(["--data", str(tmp_path / "other"), "--imap-port", str(server.port)]) == 1
    assert "cannot start" in capsys.readouterr().err
