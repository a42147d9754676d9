"""Bytes to text, whatever character set a mail claims. Pure; never raises; linear time."""

import binascii
import codecs
import re
from functools import lru_cache

# Python knows more codecs than mail has character sets: some take quadratic time (punycode), some are no text (zlib).
_KNOWN = frozenset(
    codecs.lookup(name).name
    for name in (
        "ascii", "utf-8", "utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be",
        *(f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)),
        *(f"cp125{page}" for page in range(9)),
        "cp437", "cp850", "cp852", "cp855", "cp866", "cp874", "cp932", "cp949", "cp950", "koi8-r", "koi8-u",
        "mac-roman", "mac-cyrillic", "gb2312", "gbk", "gb18030", "hz", "big5", "big5hkscs", "shift_jis", "euc-jp",
        "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_3", "iso2022_jp_ext", "iso2022_kr", "euc-kr", "johab",
        "tis-620", "ptcp154",
    )
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:+-]{0,39}")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_HALF = re.compile("[\ud800-\udfff]")
_UTF_8 = "utf-8"
_LATIN_1 = "iso8859-1"


def decode(raw: bytes, charset: str = "") -> str:
    """The text of ``raw``: as declared, else as UTF-8, else as Latin-1, which takes everything."""
    # UTF-7 can spell half a character, which no database stores.
    return _HALF.sub("\ufffd", _decode(raw, _codec(charset)))


def _decode(raw: bytes, declared: str) -> str:
    for name in (declared, _UTF_8):
        if name:
            try:
                return raw.decode(name)
            except ValueError:
                continue
    # A text in a declared multi-byte set with one broken letter is better read as declared than letter by letter.
    return raw.decode(_LATIN_1) if declared in {"", "ascii", _UTF_8} else raw.decode(declared, "replace")


@lru_cache(maxsize=200)
def _codec(charset: str) -> str:
    """Python's name of a character set that mail may use; empty for any other."""
    name = charset.strip().strip("\"'")
    if not _NAME.fullmatch(name):
        return ""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return found if found in _KNOWN else ""


def from_base64(body: bytes) -> bytes:
    """Bytes from base64, whatever else stands between its letters and wherever it ends."""
    letters = body.translate(None, _NOT_BASE64)
    whole = letters[: len(letters) - len(letters) % 4]
    rest = letters[len(whole) :]
    if len(rest) > 1:
        whole += rest + b"=" * (4 - len(rest))
    return binascii.a2b_base64(whole)
