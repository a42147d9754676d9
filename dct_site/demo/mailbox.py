"""The demo's mailbox: a real mail server on loopback, and a connection that polls it like any other."""

import asyncio
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.actor import Actor
from accounts.models import Connection, User
from dct_site.demo import content
from dct_site.demo.making import make_profile, make_template, publish_document
from dct_site.kernel.edits import edit
from dct_site.simulators.mailserver import DOMAIN, USER, folder_of, password_of, serving
from triggers.services.mailboxes import create_mail_connection
from triggers.services.poll import poll_due

ADDRESS = f"{USER}@{DOMAIN}"
BASELINE_WITHIN_S = 20.0
POLL_MS = 2_000


@dataclass(frozen=True)
class Planted:
    """Facts for whoever tries the demo, and the arguments that the mail server is started with."""

    facts: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)


def plant(*, owner: User, now: datetime) -> Planted:
    """Make the mailbox's connection and trigger where they are missing; ports that are taken by now are changed."""
    connection = Connection.objects.filter(name=content.MAIL_CONNECTION).first()
    if connection is None:
        connection = _make(owner, now)
        imap, smtp = _ports(connection, now)
        _take_baseline(imap, smtp, now)
    imap, smtp = _ports(connection, now)
    facts = {"imap": imap, "smtp": smtp, "user": USER, "address": ADDRESS}
    return Planted(facts=facts, arguments=["--imap-port", str(imap), "--smtp-port", str(smtp)])


def _make(owner: User, now: datetime) -> Connection:
    connection = create_mail_connection(
        name=content.MAIL_CONNECTION,
        owner=owner,
        password=password_of(Path(settings.DCT_DATA_DIR)),
        by=Actor.cli(),
        now=now,
        polling_interval_ms=POLL_MS,
        host="127.0.0.1",
        port=_free_port(),
        security="plain",
        username=USER,
        address=ADDRESS,
        folder="INBOX",
        allow_private=True,
    )
    template = make_template(
        name="Mail digest", notes=content.MAIL_NOTES, owner=owner, now=now, about="What somebody wrote, in one page."
    )
    profile = make_profile(owner=owner, now=now)
    ids = {"template_id": template.pk, "profile_id": profile.pk}
    publish_document(owner, content.mail_trigger(connection_id=connection.pk, **ids), now)
    return connection


def _take_baseline(imap: int, smtp: int, now: datetime) -> None:
    """The first poll only notes where the mailbox stands; made here, the first mail that somebody sends fires."""
    data = Path(settings.DCT_DATA_DIR)
    polled = threading.Event()

    async def serve() -> None:
        async with serving(folder_of(data), password=password_of(data), imap_port=imap, smtp_port=smtp):
            listening.set()
            await asyncio.to_thread(polled.wait, BASELINE_WITHIN_S)

    listening = threading.Event()
    server = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    server.start()
    try:
        listening.wait(BASELINE_WITHIN_S)
        poll_due(owner="prepare", now=now)
    finally:
        polled.set()
        server.join(BASELINE_WITHIN_S)


def _ports(connection: Connection, now: datetime) -> tuple[int, int]:
    """(IMAP, SMTP): those of the last start while they are free, else others, and the connection told."""
    config = dict(connection.config)
    imap, smtp = int(config["port"]), int(config.get("demo_smtp_port") or 0)
    wanted_imap = imap if _is_free(imap) else _free_port()
    wanted_smtp = smtp if smtp and _is_free(smtp) else _free_port()
    if (wanted_imap, wanted_smtp) != (imap, smtp):
        config |= {"port": wanted_imap, "demo_smtp_port": wanted_smtp}
        edit(connection, config=config, updated_at=now)
    return wanted_imap, wanted_smtp


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
