"""Mails into events: threads, senders, text, and anything that somebody may send."""

import json
import time
from datetime import UTC, datetime
from email.header import Header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dct_site.command.services import SHARED_DATA
from dct_site.kernel import safe_json
from triggers.conditions.facts import EventFacts
from triggers.enums import Refusal
from triggers.sources.base import ParsedEvent, RawDelivery, Refused
from triggers.sources.email import content, html
from triggers.sources.email.charsets import decode
from triggers.sources.email.headers import Fields, addresses_in, decoded_words
from triggers.sources.email.parse import ARRIVED, FOLDER, LARGEST, SIZE, parse
from workspaces.enums import ItemKind

pytestmark = pytest.mark.one_pass

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MB = 1_000_000
SECONDS = 15.0
"""What a mail of 20 MB made to take long may take on a busy machine; unbounded ones take hours."""


def read(body: bytes, **headers: str) -> ParsedEvent:
    config = {"username": "support@example.com", "folder": "INBOX"}
    raw = RawDelivery("email", body, {name.replace("_", "-"): value for name, value in headers.items()}, NOON, config)
    (event,) = parse(raw)
    return event


def mail(*lines: str, text: str = "Hello") -> bytes:
    return "\r\n".join([*lines, "", text]).encode()


def test_a_first_mail_begins_a_thread_under_its_mailbox() -> None:
    event = read(
        mail(
            "From: Robin Field <Robin@Example.com>",
            "To: support@example.com, =?utf-8?q?Ana_L=C3=ADma?= <ana@example.com>",
            "Subject: =?utf-8?q?Where_are_my_ch=C3=A4irs=3F?=",
            "Date: Fri, 20 Nov 2026 11:58:00 +0100",
            "Message-ID: <one@example.com>",
        )
    )

    assert (event.type, event.subject, event.external_id) == ("email.message", "one@example.com", "one@example.com")
    assert event.actor == "robin@example.com"
    assert event.time == NOON
    assert event.facts == {
        "title": "Where are my chäirs?",
        "text": "Hello",
        "kinds": ["message"],
        "mentions": ["support@example.com", "ana@example.com"],
        "is_reply": False,
    }
    assert event.item is not None
    assert event.item.parent is not None
    assert (event.item.kind, event.item.key) == (ItemKind.MAIL_THREAD, "one@example.com")
    assert event.item.title == "Where are my chäirs?"
    assert (event.item.parent.kind, event.item.parent.key) == (ItemKind.MAILBOX, "support@example.com")
    assert event.state["last_from"] == "robin@example.com"
    assert event.state["participants"] == ["ana@example.com", "robin@example.com", "support@example.com"]
    assert event.data["to"][1] == {"address": "ana@example.com", "name": "Ana Líma"}
    assert event.data["date"] == "2026-11-20T11:58:00+01:00"


def test_a_reply_belongs_to_the_thread_of_its_first_reference() -> None:
    event = read(
        mail(
            "From: ana@example.com",
            "Subject: Re: AW: Where are my chairs?",
            "Message-ID: <three@example.com>",
            "In-Reply-To: <two@example.com>",
            "References: <one@example.com> <two@example.com>",
        )
    )

    assert event.subject == "one@example.com"
    assert event.facts["kinds"] == ["message", "reply"]
    assert event.facts["is_reply"] is True
    assert event.item is not None
    assert event.item.title == "Where are my chairs?"


def test_a_reply_without_references_belongs_to_what_it_answers() -> None:
    assert read(mail("In-Reply-To: <two@example.com>", "Message-ID: <x@y>")).subject == "two@example.com"


def test_a_mail_without_an_id_is_known_by_its_bytes() -> None:
    first, again, other = read(mail("Subject: a")), read(mail("Subject: a")), read(mail("Subject: b"))

    assert first.external_id.startswith("sha256:")
    assert first.external_id.endswith("@dct")
    assert first.external_id == again.external_id != other.external_id


def test_an_endless_id_stays_a_key() -> None:
    assert len(read(mail(f"Message-ID: <{'x' * 399}@example.com>")).external_id) < 410
    assert read(mail(f"Message-ID: <{'x' * 5000}@example.com>")).external_id.startswith("sha256:")


def test_a_forged_mail_with_a_known_id_does_not_swallow_the_real_one() -> None:
    real = read(mail("From: a@example.com", "Message-ID: <one@example.com>"))
    forged = read(mail("From: b@example.com", "Message-ID: <one@example.com>"))
    fetched_again = read(mail("From: a@example.com", "Message-ID: <one@example.com>"), x_imap_folder="INBOX")

    assert real.change_key != forged.change_key
    assert real.change_key == fetched_again.change_key


def test_the_receiving_servers_clock_orders_mails_not_the_senders() -> None:
    event = read(
        mail("Date: Fri, 1 Jan 2100 00:00:00 +0000"), **{ARRIVED.replace("-", "_"): "2026-11-20T11:00:00+00:00"}
    )

    assert event.time == datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    assert event.upstream_version == "2026-11-20T11:00:00+00:00"
    assert event.data["date"].startswith("2100")


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 2026 00:00:00", "Fri, 20 Nov 99999 1:1:1 +9999"])
def test_a_date_that_is_none_is_left_out(date: str) -> None:
    assert read(mail(f"Date: {date}")).data["date"] == ""


def test_another_folder_is_a_mailbox_of_its_own() -> None:
    event = read(mail("Subject: a"), **{FOLDER.replace("-", "_"): "Support/Open"})

    assert event.item is not None
    assert event.item.parent is not None
    assert event.item.parent.key == "support@example.com/Support/Open"


def test_a_mail_of_which_only_the_beginning_was_fetched_says_so() -> None:
    event = read(mail("Subject: a"), **{SIZE.replace("-", "_"): "99999999"})

    assert event.data["is_cut"] is True
    assert event.data["size"] == 99_999_999


@pytest.mark.parametrize(
    ("body", "reason"), [(b" \r\n", Refusal.NOT_UNDERSTOOD), (b"x" * (LARGEST + 1), Refusal.TOO_LARGE)]
)
def test_what_is_no_mail_or_too_large_is_refused(body: bytes, reason: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        read(body)
    assert refused.value.reason == reason


def test_plain_text_is_preferred_and_attachments_are_listed() -> None:
    event = read(
        b"Content-Type: multipart/mixed; boundary=outer\n\npreamble\n--outer\n"
        b'Content-Type: multipart/alternative; boundary="in ner"\n\n'
        b"--in ner\nContent-Type: text/plain; charset=latin1\nContent-Transfer-Encoding: quoted-printable\n\ncaf=E9\n"
        b"--in ner\nContent-Type: text/html\n\n<b>caf&eacute;</b>\n--in ner--\n"
        b"--outer\nContent-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\n"
        b"\nxxxx\n--outer--\nepilogue"
    )

    assert event.facts["text"] == "café"
    assert event.data["attachments"] == [{"name": "ä.pdf", "type": "application/pdf", "size": 4}]


def test_a_mail_in_html_alone_is_read_as_text() -> None:
    event = read(
        b"Content-Type: text/html; charset=utf-8\n\n<html><head><title>x</title><style>a{}</style></head><body>"
        b"<!-- ignore all instructions --><p>Dear&nbsp;Ana,</p>one<br>two <script>alert(1)</script>3 &lt; 4</body>"
    )

    assert event.facts["text"] == "Dear Ana,\none\ntwo 3 < 4"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a < b", "a < b"),
        ("a<!-- never closed", "a"),
        ("<script>never closed", ""),
        ("a<style/>b", "ab"),
        ("a<b", "a"),
        ("</p", ""),
        ("&#99999999999;x", "x"),
        ("&#xD800;", "\ufffd"),
        ("<SCRIPT>a</Script >b", "b"),
        ("<script>İ</script>b", "b"),
        ("<!doctype html>x", "x"),
    ],
)
def test_html_that_is_broken_is_read_as_far_as_it_goes(source: str, text: str) -> None:
    assert html.text_of(source, 1000) == text


def test_text_that_is_not_seen_is_cut() -> None:
    event = read(
        mail("Subject: a\u202eb\x07c", "From: \u200b=?utf-8?q?x=00?= <a@example.com>", text="one\x00\u200btwo")
    )

    assert event.facts["title"] == "abc"
    assert event.facts["text"] == "onetwo"
    assert event.data["from"]["name"] == "x"


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        (b"caf\xe9", "", "café"),
        ("café".encode(), "us-ascii", "café"),
        (b"caf\xe9", "utf-8", "café"),
        ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
        (b"\x93\xfa\xff", "shift_jis", "日\ufffd"),
        (b"abc", "punycode", "abc"),
        (b"abc", "zlib", "abc"),
        (b"abc", "no\x00such", "abc"),
        (b"abc", "x-unknown", "abc"),
        (b"abc", "../../etc", "abc"),
        (b"+2AA-", "utf-7", "\ufffd"),
    ],
)
def test_a_bogus_character_set_does_not_lose_the_text(raw: bytes, charset: str, text: str) -> None:
    assert decode(raw, charset) == text


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ('"Field, Robin" <a@example.com>, b@example.com', [("a@example.com", "Field, Robin"), ("b@example.com", "")]),
        ('"ceo@good.example" <evil@bad.example>', [("evil@bad.example", "ceo@good.example")]),
        ("a@example.com (a comment, <c@example.com>)", [("a@example.com", "")]),
        ("friends: a@example.com, b@example.com;", [("a@example.com", ""), ("b@example.com", "")]),
        ("undisclosed-recipients:;", []),
        ("<>", []),
        ("\x000\x00 <a@example.com>", [("a@example.com", "0")]),
        ("(((((((" * 1000, []),
    ],
)
def test_addresses_are_read_as_people_write_them(field: str, found: list[tuple[str, str]]) -> None:
    assert [tuple(one) for one in addresses_in(field)] == found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a =?utf-8?q?b_=C3=A4?= c", "a b ä c"),
        ("=?utf-8?b?w6Q=?= =?UTF-8?q?b?=\t=?iso-8859-1?q?=E9?=", "äbé"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),
        ("=?utf-8*en?q?b?=", "b"),
        ("ä =?utf-8?q?b?= ö", "ä b ö"),
        ("=?utf-8?b?@@@?=", ""),
        ("=?utf-8?b?YQ?=", "a"),
        ("=?nope?q?a?=", "a"),
        ("=?utf-8?q?=ZZ?=", "=ZZ"),
        ("=?utf-8?q?never closed", "=?utf-8?q?never closed"),
        ("a =? b ?= c", "a =? b ?= c"),
    ],
)
def test_encoded_words_are_decoded_as_far_as_they_can_be(value: str, text: str) -> None:
    assert decoded_words(value) == text


def test_fields_are_unfolded_and_lines_that_are_none_passed_over() -> None:
    fields = Fields(b"Subject: a\r\n b\r\nnot a field\r\n c\r\nTo : x@y\r\nsubject: second")

    assert fields.plain("subject") == "a b"
    assert fields.every("subject") == ["a b", "second"]
    assert fields.plain("to") == "x@y"
    assert fields.plain("nothing") == ""


def _as_stored(event: ParsedEvent) -> None:
    """Everything that goes into the database: JSON that both take, and keys within their columns."""
    for part in (event.facts, event.data, event.state):
        safe_json.loads(json.dumps(part, allow_nan=False).encode(), max_bytes=50 * MB)
    EventFacts.from_dict({**event.facts, "source": "email", "type": event.type})
    assert event.item is not None
    for text in (event.external_id, event.subject, event.actor, event.item.key, event.item.title):
        assert "\x00" not in text
        text.encode()
    assert len(event.item.key) <= 500
    assert len(event.facts["title"]) <= 300
    assert len(event.facts["text"]) <= content.LONGEST_TEXT
    assert len(event.change_key) <= 300


_PIECES = st.sampled_from(
    [
        b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: <", b"References: <a@b> ", b"In-Reply-To: ", b"\r\n",
        b"\n", b"\n\n", b"\r", b"Content-Type: multipart/mixed; boundary=b\n\n", b"--b\n", b"--b--\n", b"; name=", b" ",
        b"Content-Type: text/html\n\n", b"Content-Type: text/plain; charset=", b"utf-7", b"utf-16", b"punycode", b'"',
        b"=?utf-8?q?", b"?=", b"=?gb2312?b?", b"Content-Transfer-Encoding: base64\n\n", b"=", b"<", b">", b"&#",
        b"Content-Transfer-Encoding: quoted-printable\n\n", b"<script", b"<!--", b"a@b.c", b"\x00", b"\xff", b"\xc3(",
        b"filename*0*=utf-8''%ff; filename*9=",
    ]
)  # fmt: skip


@given(
    st.one_of(st.binary(max_size=400), st.lists(st.one_of(_PIECES, st.binary(max_size=6)), max_size=40).map(b"".join))
)
@example(b"Content-Type: multipart/mixed; boundary=\n\n--\n")
@example(b"Content-Type: text/plain; charset*=utf-8''%00\n\nx")
@example(b"Content-Disposition: attachment; filename*=''\n\nx")
def test_any_bytes_give_an_event_that_can_be_stored(body: bytes) -> None:
    if body.strip():
        _as_stored(read(body))


@given(st.text(st.characters(exclude_categories=("C", "Z", "M")), min_size=1, max_size=60))
def test_what_the_standard_library_encodes_is_read_back(subject: str) -> None:
    assert decoded_words(Header(subject, "utf-8").encode(linesep="")) == subject


@pytest.mark.shared_data
def test_the_corpus_of_broken_mail_raises_nothing() -> None:
    mails = sorted((SHARED_DATA / "mail").rglob("*.eml"))
    assert len(mails) > 40
    for path in mails:
        _as_stored(read(path.read_bytes()))


def bombs() -> dict[str, bytes]:
    multipart = b"Content-Type: multipart/mixed; boundary=b\n\n"
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(3000))
    named = b'--b\nContent-Type: text/plain; name="' + b'";' * 4000 + b"\n\nx\n"
    encoded = b'--b\nContent-Disposition: attachment; filename="' + b"=?a?q?x" * 2000 + b"\n\nx\n"
    return {
        "nested": nested + b"x\n" * (4 * MB),
        "many parts": multipart + b"--b\n" * (4 * MB),
        "nested in itself": (multipart + b"--b\n") * 300_000,
        "nearly delimiters": multipart + b"--bx\n" * (3 * MB),
        "many fields": b"A: b\n" * (3 * MB),
        "an endless field": b"A: b\n" + b" \n" * (8 * MB),
        "a long address": b"From: " + b"a@" * (8 * MB) + b"\n\nx",
        "many addresses": b"".join(b"To: " + b"a" * 7900 + b"\n" for _ in range(2000)) + b"\n",
        "nested comments": b"From: " + b"(" * (16 * MB) + b"\n\nx",
        "encoded words": b"Subject: " + b"=?a?q?x" * (2 * MB) + b"\n\nx",
        "parameters": multipart + named * 900 + encoded * 900,
        "tags": b"Content-Type: text/html\n\n" + b"<b>" * (6 * MB),
        "open tags": b"Content-Type: text/html\n\n" + b"<" * (16 * MB),
        "references": b"Content-Type: text/html\n\n" + b"&#9" * (6 * MB),
        "a long number": b"Content-Type: text/html\n\n&#" + b"9" * (16 * MB) + b";",
        "scripts": b"Content-Type: text/html\n\n" + b"<script>" * (2 * MB),
        "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * (16 * MB),
    }


@pytest.mark.parametrize("name", bombs())
def test_a_mail_made_to_take_long_does_not(name: str) -> None:
    body = bombs()[name]
    began = time.thread_time()
    _as_stored(read(body))
    assert time.thread_time() - began < SECONDS
