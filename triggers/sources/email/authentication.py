"""How far a mail's sender may be believed: not by what the mail says of itself, but by what the receiving server found.

RFC 8601: the receiving server adds an Authentication-Results field under its own name on top, and removes any that came
in under that name. Whoever names that server for a connection vouches for that.
"""

import re
from collections.abc import Iterator

from triggers.sources.email.headers import Fields, every_address_in

_COMMENT = re.compile(r"\([^()]*\)")
_PASS = re.compile(r"\s*(dkim|spf|dmarc)\s*=\s*pass\b", re.IGNORECASE)
_PROPERTY = re.compile(r"\b(header\.d|header\.i|header\.from|smtp\.mailfrom)\s*=\s*\"?([^\s;\"]{1,300})", re.IGNORECASE)
_COUNTS = {
    "dkim": frozenset({"header.d", "header.i"}),
    "spf": frozenset({"smtp.mailfrom"}),
    "dmarc": frozenset({"header.from"}),
}


def is_verified(fields: Fields, authserv_id: str) -> bool:
    """Whether the server called ``authserv_id`` found that the mail is from the domain that its From field shows."""
    sender = only_sender(fields)
    results = fields.every("authentication-results")
    if not authserv_id or not sender or not results:
        return False
    by, _, found = _COMMENT.sub(" ", results[0]).partition(";")
    if by.split()[:1] != [authserv_id]:
        return False
    domain = sender.rpartition("@")[2]
    return any(_covers(proven, domain) for proven in _proven_domains(found))


def only_sender(fields: Fields) -> str:
    """The one address in the one From field; empty where a reader might take another one for the sender."""
    if len(fields.raw("from")) != 1:
        return ""
    shown, read = every_address_in(fields.plain("from")), fields.addresses("from")
    return read[0].address if len(read) == 1 and shown == {read[0].address} else ""


def _proven_domains(results: str) -> Iterator[str]:
    for result in results.split(";"):
        passed = _PASS.match(result)
        counts = _COUNTS[passed.group(1).lower()] if passed else frozenset()
        for name, value in _PROPERTY.findall(result):
            if name.lower() in counts:
                yield value.rpartition("@")[2].lower().rstrip(".")


def _covers(proven: str, domain: str) -> bool:
    """A domain speaks for itself and for what lies below it; a top-level domain speaks for nobody."""
    return "." in proven and (domain == proven or domain.endswith(f".{proven}"))
