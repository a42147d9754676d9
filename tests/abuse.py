"""Bodies that are made to break whoever reads them: each with what is wrong with it."""

import gzip
import zlib

ZIPPED = gzip.compress(b"[" + b"0," * 500_000 + b"0]")
DEFLATED = zlib.compress(b'{"a": "' + b"x" * 1_000_000 + b'"}')

# Read as JSON, each must be refused for what it is, at every door that takes JSON.
NOT_SAFE: dict[str, bytes] = {
    "nothing": b"",
    "half an object": b'{"a": ',
    "no JSON": b"<a/>",
    "two values": b"{} {}",
    "a comment": b'{"a": 1 /* one */}',
    "single quotes": b"{'a': 1}",
    "a control character": b'{"a": "\x00"}',
    "arrays 65 deep": b"[" * 65 + b"]" * 65,
    "objects 1,000 deep": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "a million brackets": b"[" * 1_000_000,
    "NUL": b'{"a": "\\u0000"}',
    "NUL in a name": b'{"\\u0000": 1}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "a pair the wrong way round": b'{"a": "\\ude00\\ud83d"}',
    "a surrogate in bytes": b'{"a": "\xed\xa0\x80"}',
    "beyond a double": b'{"a": 1e400}',
    "below a double": b'{"a": -1e400}',
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "1,001 digits": b'{"a": ' + b"9" * 1_001 + b"}",
    "5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "UTF-16": '{"a": "é"}'.encode("utf-16"),
    "UTF-32": '{"a": "é"}'.encode("utf-32"),
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "a gzip bomb": ZIPPED,
    "a deflate bomb": DEFLATED,
}

# Of equal names the last one counts, as most readers have it; everybody reads the same one.
TWICE = b'{"action": "opened", "action": "closed", "number": 1}'
TAKEN_TWICE = {"action": "closed", "number": 1}

# What a client may say of its body's coding; none is undone, so that none can be a bomb.
ENCODINGS = ("gzip", "deflate", "br", "zstd", "GZIP, gzip", "x-gzip")
# Charsets that a client may claim: JSON is UTF-8, whatever is said of it (RFC 8259, section 8.1).
CHARSETS = ("latin-1", "utf-16", "utf-7", "nonsense", "idna", "punycode", "unicode_escape", "hex", "zlib", "x" * 5_000)
