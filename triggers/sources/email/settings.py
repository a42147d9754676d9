"""What a mail connection's settings say, checked, in one shape. Nothing secret is in here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from triggers.conditions.schema import Problem

_HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,253}")
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNFIT_FOLDER = re.compile('[\x00-\x1f\x7f-\x9f"\\\\*%]')


class Security(models.TextChoices):
    """How the way to the server is kept private."""

    SSL = "ssl", "TLS"
    STARTTLS = "starttls", "STARTTLS"
    PLAIN = "plain", "None"


@dataclass(frozen=True)
class MailSettings:
    """``allow_plain``: an administrator lets the password travel unencrypted to a server elsewhere."""

    host: str
    port: int
    security: Security
    username: str
    folder: str = "INBOX"
    authserv_id: str = ""
    allow_plain: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "MailSettings":
        """The settings in a connection's config. Raises InvalidMailSettings."""
        if problems := problems_of(config):
            raise InvalidMailSettings(problems)
        return cls(
            host=config["host"].strip(),
            port=config["port"],
            security=Security(config["security"]),
            username=config["username"],
            folder=config.get("folder") or "INBOX",
            authserv_id=config.get("authserv_id") or "",
            allow_plain=config.get("allow_plain") is True,
        )


class InvalidMailSettings(Exception):
    """A mailbox cannot be reached by these settings; ``problems`` lists every reason with its field."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = problems


def problems_of(config: Mapping[str, Any]) -> list[Problem]:
    """All that is wrong with settings."""
    problems = []
    if not (isinstance(config.get("host"), str) and _HOST.fullmatch(config["host"].strip())):
        problems.append(Problem("host", "not_a_host", "Name the mail server, like imap.example.com."))
    port = config.get("port")
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
        problems.append(Problem("port", "not_a_port", "Use a port from 1 to 65535; TLS is usually on 993."))
    if config.get("security") not in Security.values:
        problems.append(Problem("security", "unknown", f"Choose one of {', '.join(Security.values)}."))
    if not _is_line(config.get("username"), _UNFIT):
        problems.append(Problem("username", "missing", "Enter the user name of the mailbox, on one line."))
    if config.get("folder") and not _is_line(config["folder"], _UNFIT_FOLDER):
        problems.append(Problem("folder", "not_a_folder", "Name one folder, like INBOX or Support/Open."))
    if config.get("authserv_id") and not _is_line(config["authserv_id"], re.compile("[^!-~]")):
        problems.append(
            Problem("authserv_id", "not_a_name", "Name the server as it writes itself, like mx.example.com.")
        )
    return problems


def password_problems(password: str) -> list[Problem]:
    """What is wrong with a password: it has to fit on one line of the protocol."""
    if _is_line(password, _UNFIT, longest=1000):
        return []
    return [Problem("password", "missing", "Enter the password of the mailbox, on one line.")]


def _is_line(value: Any, unfit: re.Pattern[str], longest: int = 300) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= longest and not unfit.search(value)
