"""What goes wrong on the way to a mail server, in one sentence for people."""

import imaplib
import ssl

from imap_tools.errors import ImapToolsError

from dct_site.kernel.outbound import RefusalReason, RefusedAddress
from triggers.sources.base import PollFailed, PollFailure
from triggers.sources.email.settings import MailSettings

_NOT_FOR_LONG = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")


class in_words:  # noqa: N801 - reads as the `with` block that it is
    """Turns what goes wrong between here and the server into one sentence for people."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, wrong: BaseException | None, _trace: object) -> None:
        if isinstance(wrong, RefusedAddress):
            is_unknown = wrong.reason == RefusalReason.UNRESOLVED
            raise PollFailed(PollFailure.UNREACHABLE if is_unknown else PollFailure.SETTINGS, str(wrong)) from None
        if isinstance(wrong, OSError | imaplib.IMAP4.error | ImapToolsError | ValueError):
            raise failure_of(wrong, self._settings) from wrong


def failure_of(wrong: Exception, settings: MailSettings) -> PollFailed:
    """What to tell people about an error on the way to a mail server."""
    host, port = settings.host, settings.port
    what = PollFailure.UNREACHABLE
    if isinstance(wrong, ssl.SSLCertVerificationError):
        text = f"The certificate of {host} does not hold: {wrong.verify_message}."
    elif isinstance(wrong, ssl.SSLError):
        text = f"{host} does not speak TLS on port {port}: choose STARTTLS, or another port."
    elif isinstance(wrong, ConnectionRefusedError):
        text = f"{host} refuses connections on port {port}: check host and port."
    elif isinstance(wrong, TimeoutError):
        text = f"{host} did not answer in time on port {port}."
    elif isinstance(wrong, OSError):
        text = f"{host} cannot be reached on port {port}: {(wrong.strerror or 'the connection ended').lower()}."
    else:
        what, text = PollFailure.PROTOCOL, f"{host} broke off, or does not speak IMAP on port {port}."
    return PollFailed(what, text)


def refused(settings: MailSettings, answer: str) -> PollFailed:
    """What to tell about a sign-in that was refused; some refusals are the server's trouble, not the password's."""
    if any(f"[{code}" in answer.upper() for code in _NOT_FOR_LONG):
        return PollFailed(PollFailure.UNREACHABLE, f"{settings.host} takes no sign-in at the moment.")
    return PollFailed(PollFailure.CREDENTIALS, f"{settings.host} refused the user name or the password.")
