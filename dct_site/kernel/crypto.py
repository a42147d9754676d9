"""Secrets at rest: Fernet under keys that live outside the database, each ciphertext naming its key.

A ciphertext is `dct1.<key id>.<Fernet token>`; the first of `DCT_ENCRYPTION_KEYS` encrypts, all of them decrypt. To
rotate: put the new key first, run `rotate` over what is stored, then take the old key away.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PREFIX = "dct1"


class WrongKey(Exception):
    """A secret cannot be read, or no key is usable; the text says what to do."""


class Box:
    """Encrypts and decrypts texts with a list of keys, the newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Keys are 32 random bytes in URL-safe base64 (44 characters). Raises WrongKey when there is no usable one."""
        if not keys:
            raise WrongKey("DCT_ENCRYPTION_KEYS is empty: set it to the key that this data was encrypted with.")
        self._by_id: dict[str, MultiFernet] = {}
        for number, key in enumerate(keys, start=1):
            try:
                self._by_id.setdefault(key_id(key), MultiFernet([Fernet(key)]))
            except ValueError:
                raise WrongKey(
                    f"Key {number} in DCT_ENCRYPTION_KEYS is not 32 bytes in URL-safe base64: "
                    "copy it again, all 44 characters."
                ) from None
        self.current = key_id(keys[0])

    def __repr__(self) -> str:
        return f"Box({', '.join(self._by_id)})"

    def encrypt(self, text: str) -> str:
        """The ciphertext of `text` under the newest key, ASCII."""
        return f"{PREFIX}.{self.current}.{self._by_id[self.current].encrypt(text.encode()).decode('ascii')}"

    def decrypt(self, token: str) -> str:
        """What `encrypt` was given. Raises WrongKey when its key is not here or the ciphertext was changed."""
        prefix, _, rest = token.partition(".")
        named, _, secret = rest.partition(".")
        if prefix != PREFIX or not secret:
            raise WrongKey("A stored secret is damaged: enter it again.")
        if named not in self._by_id:
            raise WrongKey(
                f"A stored secret was encrypted with key {named}, which is not in DCT_ENCRYPTION_KEYS: "
                "add that key at the end of the list, or enter the secret again."
            )
        try:
            return self._by_id[named].decrypt(secret.encode("ascii", "replace")).decode()
        except InvalidToken:
            raise WrongKey("A stored secret is damaged: enter it again.") from None

    def has_key_of(self, token: str) -> bool:
        """Whether the key that a ciphertext names is here."""
        return token.removeprefix(f"{PREFIX}.").partition(".")[0] in self._by_id

    def is_current(self, token: str) -> bool:
        """Whether a ciphertext is under the newest key already."""
        return token.startswith(f"{PREFIX}.{self.current}.")

    def rotate(self, token: str) -> str:
        """The same secret under the newest key. Raises WrongKey."""
        return token if self.is_current(token) else self.encrypt(self.decrypt(token))


def key_id(key: str) -> str:
    """Eight characters that name a key and tell nothing about it."""
    return hashlib.sha256(b"dct-key-id:" + key.encode()).hexdigest()[:8]


def box() -> Box:
    """The box of `settings.DCT_ENCRYPTION_KEYS` (comma separated). Raises WrongKey."""
    return _box(str(settings.DCT_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _box(keys: str) -> Box:
    return Box([key.strip() for key in keys.split(",") if key.strip()])
