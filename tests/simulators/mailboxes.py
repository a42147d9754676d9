"""Real mail servers on loopback for tests: Debian's Dovecot, and the demo's own. Both keep a Maildir with its UIDs."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from imap_tools.mailbox import MailBoxUnencrypted

from dct_site.command.services import dovecot_program, free_port
from dct_site.simulators import mailserver

HOST = "127.0.0.1"
PASSWORD = 'p"ä ss\\word'
WITHIN_S = 30.0


class Server(Protocol):
    """A mail server with one mailbox that can be stopped, started again and renumbered."""

    user: str
    port: int

    def start(self) -> None: ...

    def stop(self) -> None: ...

    @property
    def maildir(self) -> Path: ...


def settings_of(server: Server, **over: Any) -> dict[str, Any]:
    """The settings of a connection to the server."""
    return {
        "host": HOST,
        "port": server.port,
        "security": "plain",
        "username": server.user,
        "folder": "INBOX",
        "allow_private": True,
        **over,
    }


def deliver(server: Server, subject: str, *, at: datetime | None = None, text: str = "Hello", **fields: str) -> bytes:
    """Put a mail into the mailbox; ``at`` is when the server is to have received it. Returns its raw bytes."""
    head = {"From": "robin@example.com", "Subject": subject, "Message-ID": f"<{subject}@example.com>", **fields}
    raw = "\r\n".join([*(f"{name.replace('_', '-')}: {value}" for name, value in head.items()), "", text]).encode()
    with signed_in(server) as box:
        box.append(raw, "INBOX", dt=at or datetime.now(UTC))
    return raw


@contextmanager
def signed_in(server: Server) -> Iterator[MailBoxUnencrypted]:
    """A client of the tests' own."""
    box = MailBoxUnencrypted(HOST, server.port, timeout=WITHIN_S)
    try:
        box.login_utf8(server.user, PASSWORD)
    except Exception:
        box.client.shutdown()
        raise
    try:
        yield box
    finally:
        box.logout()


def renumber(server: Server) -> None:
    """Give the mailbox another UIDVALIDITY, as a server does that rebuilt it."""
    server.stop()
    listed = server.maildir / "dovecot-uidlist"
    header, _, rest = listed.read_bytes().partition(b"\n")
    words = [b"V%d" % (int(word[1:]) + 1000) if word[:1] == b"V" else word for word in header.split(b" ")]
    listed.write_bytes(b" ".join(words) + b"\n" + rest)
    for index in server.maildir.glob("dovecot.index*"):
        index.unlink()
    for validity in server.maildir.glob("dovecot-uidvalidity*"):
        validity.unlink()
    server.start()


class Dovecot:
    """Debian's Dovecot, without TLS, its users in a file."""

    user = "robin"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        account = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        root = os.geteuid() == 0
        (folder / "users").write_text(f"{self.user}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
        self.maildir.mkdir(parents=True)
        if root:
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, account.pw_uid, account.pw_gid)
            # Dovecot's own users must get through to it, however deep pytest puts its directories.
            for parent in (
                folder,
                *(one for one in folder.parents if one.is_relative_to("/tmp") and len(one.parts) > 2),
            ):
                parent.chmod(parent.stat().st_mode | 0o011)
        own = "" if root else f"default_login_user = {account.pw_name}\ndefault_internal_user = {account.pw_name}\n"
        (folder / "conf").write_text(
            f"{own}base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = {folder}/log\nprotocols = imap\n"
            f"ssl = no\ndisable_plaintext_auth = no\nlisten = {HOST}\nmail_location = maildir:{self.maildir}\n"
            f"first_valid_uid = 1\nauth_mechanisms = plain login\nauth_failure_delay = 0\n"
            f"passdb {{\n  driver = passwd-file\n  args = username_format=%u {folder}/users\n}}\n"
            f"userdb {{\n  driver = static\n  args = uid={account.pw_uid} gid={account.pw_gid} home={folder}/home\n}}\n"
            f"service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {self.port}\n  }}\n"
            "  inet_listener imaps {\n    port = 0\n  }\n}\n"
            # Without its listener for penalties, who was refused once waits for seconds before the next try.
            "service anvil {\n  chroot =\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n"
            "service stats {\n  chroot =\n}\n"
        )

    @property
    def maildir(self) -> Path:
        return self._folder / "mail"

    def start(self) -> None:
        program = dovecot_program()
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-F", "-c", str(self._folder / "conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, to be ended as one
        )
        _wait_for(self.port, self._process, self._folder / "log")

    def stop(self) -> None:
        """At once: told to stop, Dovecot waits a second or more for its children."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(WITHIN_S)
            self._process = None
            _wait_until_free(self.port)


class DemoServer:
    """The demo's mail server, in a thread with a loop of its own."""

    user = mailserver.USER

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.smtp_port = free_port()
        self._thread: threading.Thread | None = None

    @property
    def maildir(self) -> Path:
        return self._folder / self.user

    def start(self) -> None:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(WITHIN_S)

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            async with mailserver.serving(
                self._folder, password=PASSWORD, smtp_port=self.smtp_port, imap_port=self.port
            ):
                ready.set()
                await self._stopped.wait()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._loop.shutdown_default_executor()

        self._loop.run_until_complete(serve())
        self._loop.close()

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(WITHIN_S)
            self._thread = None


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(errors="replace") if log.exists() else "no log"
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on {port}: {log.read_text(errors='replace')}")


def _wait_until_free(port: int) -> None:
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return
        time.sleep(0.02)
