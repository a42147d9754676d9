"""Secrets at rest: round trips, rotation, and the sentence for each way a key can be wrong."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from dct_site.kernel.crypto import Box, WrongKey, box, key_id

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@given(st.text())
def test_a_text_comes_back_and_is_not_seen_in_its_ciphertext(text: str) -> None:
    token = Box([NEW]).encrypt(text)
    assert token.startswith(f"dct1.{key_id(NEW)}.")
    assert token.isascii()
    assert Box([OTHER, NEW]).decrypt(token) == text


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    token = Box([OLD]).encrypt("s3cret")
    both = Box([NEW, OLD])
    assert both.decrypt(token) == "s3cret"
    assert not both.is_current(token)
    rotated = both.rotate(token)
    assert Box([NEW]).decrypt(rotated) == "s3cret"
    assert both.rotate(rotated) == rotated


def test_a_missing_key_is_named_with_what_to_do() -> None:
    token = Box([OLD]).encrypt("s3cret")
    with pytest.raises(WrongKey, match=f"encrypted with key {key_id(OLD)}, .* add that key at the end"):
        Box([NEW]).decrypt(token)


@pytest.mark.parametrize(
    "change",
    [lambda t: t[:-4] + "AAA=", lambda t: "plain", lambda t: t.rpartition(".")[0], lambda t: t[:60] + "é" + t[61:]],
)
def test_a_damaged_secret_is_told_as_such(change: object) -> None:
    token = Box([OLD]).encrypt("s3cret")
    with pytest.raises(WrongKey, match="damaged: enter it again"):
        Box([OLD]).decrypt(change(token))  # type: ignore[operator]


@pytest.mark.parametrize("bad", ["short", "ä" * 44, NEW[:-2]], ids=["short", "not ASCII", "cut"])
def test_an_unusable_key_is_named_by_its_place_and_not_by_its_value(bad: str) -> None:
    with pytest.raises(WrongKey, match="Key 2 in DCT_ENCRYPTION_KEYS") as caught:
        Box([OLD, bad])
    assert bad not in str(caught.value)


def test_no_key_at_all_is_told() -> None:
    with pytest.raises(WrongKey, match="DCT_ENCRYPTION_KEYS is empty"):
        Box([])


def test_a_box_shows_ids_and_no_keys() -> None:
    assert repr(Box([NEW, OLD])) == f"Box({key_id(NEW)}, {key_id(OLD)})"


def test_the_projects_box_reads_the_settings_each_time(settings: object) -> None:
    settings.DCT_ENCRYPTION_KEYS = f"{NEW}, {OLD},"  # type: ignore[attr-defined]
    assert box().current == key_id(NEW)
    settings.DCT_ENCRYPTION_KEYS = OLD  # type: ignore[attr-defined]
    assert box().current == key_id(OLD)
