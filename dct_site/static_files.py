"""Static files straight from where they lie: no collecting, no Django in the way, and addresses that change with the
version.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise import WhiteNoise

YEAR_S = 365 * 24 * 3600


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
        self._files = WhiteNoise(_unused, max_age=YEAR_S, charset="utf-8", autorefresh=False)
        for path, place in _found():
            self._files.add_file_to_dictionary(f"{settings.STATIC_URL}{path}", place)

    async def __call__(self, scope: Mapping[str, Any], _receive: Any, send: Callable[[dict[str, Any]], Any]) -> None:
        status, headers, body = await asyncio.to_thread(self._answer, scope)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

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
            return int(answer.status), headers, answer.file.read()


def _unused(_environ: Any, _start_response: Any) -> list[bytes]:
    return []
