"""Static files straight from where they lie: no collecting, no Django in the way, and addresses that change with the
version.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise import WhiteNoise

YEAR_S = 365 * 24 * 3600
PIECE = 64 * 1024


def _found() -> Iterable[tuple[str, str]]:
    """(path below /static/, path on disk) of every static file; of two with one name the first finder's wins, as in
    Django.
    """
    seen: set[str] = set()
    for finder in get_finders():
        for path, storage in finder.list([]):
            if path not in seen:
                seen.add(path)
                yield path, storage.path(path)


@cache
def version() -> str:
    """A short hash over names, sizes and times of all static files: it changes when any of them does."""
    digest = hashlib.sha256()
    for path, place in _found():
        told = Path(place).stat()
        digest.update(f"{path}:{told.st_size}:{told.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


class VersionedStorage(StaticFilesStorage):
    """Adds ``?v=…`` to every address, so that browsers may keep files for a year and still see a new version at
    once.
    """

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        return f"{super().url(name, *args, **kwargs)}?v={version()}"


class StaticFiles:
    """The ASGI application for everything below ``STATIC_URL``: WhiteNoise answers, beside the event loop."""

    def __init__(self) -> None:
        self._whole: dict[tuple[int, ...], bytes] = {}
        self._files = WhiteNoise(_unused, max_age=YEAR_S, charset="utf-8", autorefresh=False)
        for path, place in _found():
            self._files.add_file_to_dictionary(f"{settings.STATIC_URL}{path}", place)

    async def __call__(self, scope: Mapping[str, Any], _receive: Any, send: Callable[[dict[str, Any]], Any]) -> None:
        status, headers, body = await asyncio.to_thread(self._answer, scope)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        # In pieces: the next one waits until the last was read, and what is not sent yet is the kept file itself.
        for begin in range(0, len(body) - PIECE, PIECE):
            await send({"type": "http.response.body", "body": body[begin : begin + PIECE], "more_body": True})
        rest = (max(len(body), 1) - 1) // PIECE * PIECE
        await send({"type": "http.response.body", "body": body[rest:]})

    def _answer(self, scope: Mapping[str, Any]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        file = self._files.files.get(scope["path"])
        if file is None:
            return 404, [(b"content-type", b"text/plain; charset=utf-8")], b"There is no such file.\n"
        asked = {
            f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1")
            for name, value in scope["headers"]
        }
        answer = file.get_response(scope["method"], asked)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        headers.append((b"x-content-type-options", b"nosniff"))
        if answer.file is None:
            return int(answer.status), headers, b""
        with answer.file:
            is_whole = answer.status == HTTPStatus.OK
            body = self._kept(answer.file) if is_whole else answer.file.read()
        return int(answer.status), headers, body

    def _kept(self, file: BinaryIO) -> bytes:
        """A whole file, once for all who read it at their leisure."""
        stat = os.fstat(file.fileno())
        key = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if key not in self._whole:
            self._whole[key] = file.read()
        return self._whole[key]


def _unused(_environ: Any, _start_response: Any) -> list[bytes]:
    return []
