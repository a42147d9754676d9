"""`./dct simulate`: sends a mail or a pull request to the running demo."""

import argparse
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from dct_site.simulators import demo, github, mail

SUMMARY = "Send a mail or a pull request to the running demo."

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    mails = kinds.add_parser("mail", help="send a mail to the demo's mailbox")
    mails.add_argument("what", choices=["send"])
    mails.add_argument("--from", dest="sender", default=mail.SENDER, help=f"who sends it (default: {mail.SENDER})")
    mails.add_argument("--subject", help=f"its subject (default: {mail.SUBJECT})")
    mails.add_argument("--text", default=mail.TEXT, help="what it says")
    mails.add_argument("--reply-to-last", action="store_true", help="answer the mail that was sent last")
    hooks = kinds.add_parser("github", help="post a signed webhook, as GitHub would")
    hooks.add_argument("--event", choices=github.events(), default="pull_request", help="what happened")
    hooks.add_argument("--number", type=int, help="number of the pull request (default: a new one)")
    hooks.add_argument("--spoil", action="store_true", help="sign it with a wrong secret: the door must answer 401")
    hooks.add_argument("--repeat-id", metavar="ID", help="use this delivery id, as GitHub does when it sends again")
    for kind in (mails, hooks):
        kind.add_argument("--data", metavar="DIR", help="the demo's data (default: DCT_DATA_DIR, else ./data)")


def main(args: argparse.Namespace) -> int:
    """0 when it was taken (or, spoiled, refused), 1 with a sentence on standard error."""
    data = Path(args.data or os.environ.get("DCT_DATA_DIR") or ROOT / "data").absolute()
    try:
        told = demo.read(data)
        return _mail(args, data, told) if args.kind == "mail" else _github(args, told)
    except (demo.NoDemo, mail.NotSent, github.NotPosted) as error:
        print(f"dct: {error}", file=sys.stderr)
        return 1


def _mail(args: argparse.Namespace, data: Path, told: dict[str, object]) -> int:
    before = mail.last(data) if args.reply_to_last else None
    if args.reply_to_last and before is None:
        raise mail.NotSent("There is no mail to answer yet: send one first.")
    if not told.get("smtp"):
        raise demo.NoDemo("The demo's mail server is not there yet: wait until the demo is ready.")
    references = [*before["references"], before["message_id"]] if before else []
    subject = args.subject or (f"Re: {before['subject'].removeprefix('Re: ')}" if before else mail.SUBJECT)
    message_id = mail.send(
        smtp_host=HOST,
        port=int(str(told["smtp"])),
        sender=args.sender,
        to=str(told.get("address") or "demo@demo.localhost"),
        subject=subject,
        text=args.text,
        now=datetime.now(UTC),
        in_reply_to=before["message_id"] if before else None,
        references=references,
    )
    mail.remember(data, message_id=message_id, references=references, subject=subject)
    print(f"Sent {message_id}: {subject}")
    return 0


def _github(args: argparse.Namespace, told: dict[str, object]) -> int:
    if not told.get("github_webhook_url"):
        raise demo.NoDemo("The demo has no webhook yet: wait until the demo is ready.")
    now = datetime.now(UTC)
    posted = github.post(
        url=str(told["github_webhook_url"]),
        secret=str(told.get("github_webhook_secret", "")),
        body=github.body_of(args.event, number=args.number or secrets.randbelow(90_000) + 10_000, now=now),
        event=args.event,
        delivery_id=args.repeat_id or "",
        is_spoiled=args.spoil,
    )
    print(f"{posted.status} {dict(posted.answer)} (delivery id {posted.delivery_id})")
    return 0 if posted.status == (401 if args.spoil else 202) else 1
