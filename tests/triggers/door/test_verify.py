"""Signatures: the published vector, everything mutated, and nothing that opens by accident."""

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.door.verify import refusal_of, sign
from triggers.enums import Refusal, Verification

SECRET = b"It's a Secret to Everybody"
BODY = b"Hello, World!"
VECTOR = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass
class Settings:
    verification: str = Verification.HMAC_SHA256
    signature_header: str = "X-Signature"
    timestamp_header: str = ""


GITHUB = Settings(Verification.GITHUB, "", "")


def judged(headers: dict[bytes, bytes], *, settings: Settings = GITHUB, body: bytes = BODY, now: datetime = NOW,
           secrets: tuple[bytes, ...] = (SECRET,)) -> Refusal | None:  # fmt: skip
    return refusal_of(settings, secrets, headers, body, now)


def test_githubs_published_example_holds() -> None:
    assert sign(SECRET, BODY) == VECTOR
    assert judged({b"x-hub-signature-256": VECTOR.encode()}) is None


@pytest.mark.parametrize("place", range(len(VECTOR)))
def test_any_other_character_in_the_signature_does_not_hold(place: int) -> None:
    for other in "0f,":
        if VECTOR[place] != other:
            spoiled = VECTOR[:place] + other + VECTOR[place + 1 :]
            assert judged({b"x-hub-signature-256": spoiled.encode()}) == Refusal.BAD_SIGNATURE


@pytest.mark.parametrize("place", range(len(BODY)))
def test_any_other_byte_in_the_body_does_not_hold(place: int) -> None:
    spoiled = bytearray(BODY)
    spoiled[place] ^= 1
    headers = {b"x-hub-signature-256": VECTOR.encode()}
    assert judged(headers, body=bytes(spoiled)) == Refusal.BAD_SIGNATURE
    assert judged(headers, body=BODY + b" ") == Refusal.BAD_SIGNATURE


@pytest.mark.parametrize(
    "value",
    [b"", b"sha256=", b"sha256", b"\xff\xfe", "sha256=é".encode(), b"sha1=" + b"0" * 40, VECTOR.encode()[:-1],
     VECTOR.encode() + b"0", VECTOR.encode() + b", " + VECTOR.encode(), b"sha256=" + "٣".encode() * 64, b"=" * 44],
)  # fmt: skip
def test_what_is_no_signature_does_not_hold(value: bytes) -> None:
    assert judged({b"x-hub-signature-256": value}) == Refusal.BAD_SIGNATURE


def test_githubs_older_header_is_not_looked_at() -> None:
    sha1 = "sha1=" + hmac.digest(SECRET, BODY, "sha1").hex()
    assert judged({b"x-hub-signature": sha1.encode()}) == Refusal.BAD_SIGNATURE


def test_without_a_secret_nothing_holds() -> None:
    assert judged({b"x-hub-signature-256": sign(b"", BODY).encode()}, secrets=()) == Refusal.NO_SECRET


def test_either_of_two_live_secrets_holds() -> None:
    for secrets in [(SECRET, b"new"), (b"new", SECRET)]:
        assert judged({b"x-hub-signature-256": VECTOR.encode()}, secrets=secrets) is None


@pytest.mark.parametrize("prefix", [b"", b"sha256="])
@pytest.mark.parametrize(
    "encode", [bytes.hex, lambda raw: raw.hex().upper(), lambda raw: base64.b64encode(raw).decode()]
)
def test_a_generic_signature_may_be_hex_or_base64_with_or_without_its_name(prefix: bytes, encode: object) -> None:
    value = prefix + encode(hmac.digest(SECRET, BODY, "sha256")).encode()  # type: ignore[operator]
    assert judged({b"x-signature": value}, settings=Settings()) is None
    assert judged({b"x-other": value}, settings=Settings()) == Refusal.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("seconds", "refusal"),
    [(0, None), (300, None), (-300, None), (301, Refusal.STALE_TIMESTAMP), (-301, Refusal.STALE_TIMESTAMP)],
)
def test_a_timestamp_may_be_five_minutes_off(seconds: int, refusal: Refusal | None) -> None:
    stamp = int(NOW.timestamp())
    headers = {b"x-signature": sign(SECRET, BODY, timestamp=stamp).encode(), b"x-time": str(stamp).encode()}
    at = NOW + timedelta(seconds=seconds)
    assert judged(headers, settings=Settings(timestamp_header="X-Time"), now=at) == refusal


@pytest.mark.parametrize("stamp", [b"", b"-1", b"1e9", b" 1", b"\xff", b"9" * 400, "١".encode()])
def test_a_timestamp_that_is_none_does_not_hold(stamp: bytes) -> None:
    headers = {b"x-signature": sign(SECRET, BODY).encode(), b"x-time": stamp}
    assert judged(headers, settings=Settings(timestamp_header="X-Time")) == Refusal.BAD_SIGNATURE


def test_a_timestamp_is_part_of_what_is_signed() -> None:
    stamp = int(NOW.timestamp())
    headers = {b"x-signature": sign(SECRET, BODY).encode(), b"x-time": str(stamp).encode()}
    assert judged(headers, settings=Settings(timestamp_header="X-Time")) == Refusal.BAD_SIGNATURE


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []

    def spy(left: bytes, right: bytes) -> bool:
        compared.append(left == right)
        return left == right

    monkeypatch.setattr("triggers.door.verify.hmac.compare_digest", spy)
    judged({b"x-hub-signature-256": VECTOR.encode()}, secrets=(SECRET, b"old"))
    assert compared == [True, False]


@given(st.binary(max_size=100), st.dictionaries(st.binary(max_size=20), st.binary(max_size=80), max_size=4))
def test_no_bytes_raise(body: bytes, headers: dict[bytes, bytes]) -> None:
    for settings in (GITHUB, Settings(), Settings(timestamp_header="X-Time")):
        values = {**headers, b"x-hub-signature-256": body, b"x-signature": body, b"x-time": body}
        assert judged(values, settings=settings, body=body) in {Refusal.BAD_SIGNATURE, Refusal.STALE_TIMESTAMP}
