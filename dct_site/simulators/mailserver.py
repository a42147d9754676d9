"""The demo's mail server: IMAP (pymap, a Maildir) and SMTP (aiosmtpd) that delivers into it, on loopback only.

Run as ``python -m dct_site.simulators.mailserver --data DIR``. Prints its ports as one JSON line once it listens. UIDs
and UIDVALIDITY lie beside the mails in DIR/demo-mail, so that a restart changes nothing for those who poll.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.maildir import Identity, MaildirBackend
from pymap.imap import IMAPServer, IMAPService
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata

from dct_site.kernel.keyfile import read_or_make
from dct_site.parent import leash
from dct_site.simulators import demo

HOST = "127.0.0.1"
USER = "demo"
DOMAIN = "demo.localhost"
LARGEST = 25 * 1024 * 1024


@dataclass(frozen=True)
class Running:
    """Where the server listens."""

    smtp: int
    imap: int
    user: str
    address: str


def password_of(data: Path) -> str:
    """The password of the demo's mailbox, made on first use and kept beside the mails."""
    return read_or_make(folder_of(data) / "password")


def folder_of(data: Path) -> Path:
    """Where the mails lie."""
    return data / "demo-mail"


@asynccontextmanager
async def serving(
    folder: Path, *, password: str, user: str = USER, smtp_port: int = 0, imap_port: int = 0
) -> AsyncIterator[Running]:
    """Serve the mailbox in ``folder`` until the block ends. Raises OSError when a port is taken."""
    backend, config = await MaildirBackend.init(_pymap_arguments(folder))
    config.apply_context()
    mailbox = Identity(config, backend.login.tokens, user, None, {"admin"})
    # The password is random: a slow hash would only slow down every poll.
    hashed = config.hash_context.copy(rounds=1_000).hash(password)
    await mailbox.set(UserMetadata(config, user, password=hashed))
    answer = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
    imap = await asyncio.start_server(answer, HOST, imap_port)
    post = _Post(mailbox)
    loop = asyncio.get_running_loop()
    async with imap:
        smtp = await loop.create_server(
            lambda: SMTP(post, hostname=DOMAIN, data_size_limit=LARGEST, enable_SMTPUTF8=True, loop=loop),
            HOST,
            smtp_port,
        )
        async with smtp:
            yield Running(_port(smtp), _port(imap), user, f"{user}@{DOMAIN}")


class _Post:
    """Puts every mail into the one mailbox, whoever it is addressed to."""

    def __init__(self, mailbox: Any) -> None:
        self._mailbox = mailbox
        # One at a time: a mail is filed and numbered in two steps.
        self._turn = asyncio.Lock()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = AppendMessage(envelope.original_content, datetime.now(UTC), frozenset())
        async with self._turn, self._mailbox.new_session() as session:
            await session.append_messages("INBOX", [mail])
        return "250 OK"


def _pymap_arguments(folder: Path) -> argparse.Namespace:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    parser = argparse.ArgumentParser()
    MaildirBackend.add_subparser("maildir", parser.add_subparsers(dest="backend"))
    IMAPService.add_arguments(parser)
    parser.set_defaults(skip_services=[], passlib_cfg=None, debug=False)
    return parser.parse_args(["--no-tls", "maildir", str(folder)])


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def _serve(args: argparse.Namespace) -> None:
    data = Path(args.data)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ports = {"smtp_port": args.smtp_port, "imap_port": args.imap_port}
    async with serving(folder_of(data), password=password_of(data), user=args.user, **ports) as running:
        demo.tell(data, smtp=running.smtp, imap=running.imap, user=running.user, address=running.address)
        sys.stdout.write(json.dumps({"smtp": running.smtp, "imap": running.imap}) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; 1 with a sentence on standard error when a port is taken."""
    parser = argparse.ArgumentParser(prog="dct_site.simulators.mailserver")
    parser.add_argument("--data", required=True)
    parser.add_argument("--smtp-port", type=int, default=0)
    parser.add_argument("--imap-port", type=int, default=0)
    parser.add_argument("--user", default=USER)
    args = parser.parse_args(argv)
    leash.follow()
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(args))
    except OSError as error:
        sys.stderr.write(f"dct: the demo's mail server cannot start: {error.strerror or error}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
