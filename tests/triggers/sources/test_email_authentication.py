"""From is not identity: only what the own server found counts (T16)."""

import pytest

from triggers.sources.email.authentication import is_verified, only_sender
from triggers.sources.email.headers import Fields

pytestmark = pytest.mark.one_pass

MX = "mx.example.com"
FROM = "From: Robin <robin@example.org>"


def fields(*lines: str) -> Fields:
    return Fields("\r\n".join(lines).encode())


@pytest.mark.parametrize(
    "found",
    [
        "dkim=pass header.d=example.org",
        "spf=fail smtp.mailfrom=other.test; dkim=pass (2048-bit key; a note) header.i=@example.org header.s=s1",
        "spf=pass smtp.mailfrom=bounce@example.org",
        "spf=pass smtp.mailfrom=EXAMPLE.org",
        "dmarc=pass (p=none) header.from=example.org",
    ],
)
def test_a_sender_that_the_own_server_vouches_for_is_verified(found: str) -> None:
    assert is_verified(fields(f"Authentication-Results: {MX}; {found}", FROM), MX)


@pytest.mark.parametrize(
    "lines",
    [
        (FROM,),
        (f"Authentication-Results: {MX}; dkim=fail header.d=example.org", FROM),
        (f"Authentication-Results: {MX}; dkim=pass header.d=evil.test", FROM),
        (f"Authentication-Results: {MX}; dkim=pass header.d=org", FROM),
        (f"Authentication-Results: {MX}; dkim=pass header.d=sub.example.org", FROM),
        (f"Authentication-Results: {MX}; dkim=pass header.d=ample.org", FROM),
        (f"Authentication-Results: {MX}; dkim=pass smtp.mailfrom=example.org", FROM),
        (f"Authentication-Results: {MX}; dkim=fail (dkim=pass header.d=example.org)", FROM),
        (f"Authentication-Results: {MX}; none", FROM),
        ("Authentication-Results: mx.evil.test; dkim=pass header.d=example.org", FROM),
        (
            f"Authentication-Results: {MX}; dkim=fail header.d=example.org",
            f"Authentication-Results: {MX}; dkim=pass header.d=example.org",
            FROM,
        ),
        (
            "Authentication-Results: other.test; none",
            f"Authentication-Results: {MX}; dkim=pass header.d=example.org",
            FROM,
        ),
    ],
)
def test_anything_less_is_not(lines: tuple[str, ...]) -> None:
    assert not is_verified(fields(*lines), MX)


def test_without_the_own_servers_name_nobody_is_verified() -> None:
    assert not is_verified(fields(f"Authentication-Results: {MX}; dkim=pass header.d=example.org", FROM), "")


@pytest.mark.parametrize(
    "lines",
    [
        ("From: robin@example.org, evil@evil.test",),
        ('From: "robin@example.org" <evil@evil.test>',),
        ("From: robin@example.org <evil@evil.test>",),
        ("From: <evil@evil.test> (robin@example.org)",),
        ("From: robin@example.org", "From: evil@evil.test"),
        ("From: =?utf-8?q?robin=40example.org?= <evil@evil.test>",),
        ("From: nobody",),
        ("To: robin@example.org",),
    ],
)
def test_a_mail_that_shows_more_than_one_sender_has_none(lines: tuple[str, ...]) -> None:
    assert only_sender(fields(*lines)) == ""


@pytest.mark.parametrize("line", ["From: robin@example.org", 'From: "robin@example.org" <Robin@Example.org>', FROM])
def test_a_mail_that_shows_one_sender_has_that_one(line: str) -> None:
    assert only_sender(fields(line)) == "robin@example.org"
