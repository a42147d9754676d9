"""Static files: found, kept by browsers for a year, versioned, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.templatetags.static import static

from dct_site.static_files import PIECE, StaticFiles, version


async def ask(
    path: str, method: str = "GET", files: StaticFiles | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of one request."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await (files or StaticFiles())({"path": path, "method": method, "headers": given}, None, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    pieces = [message["body"] for message in sent[1:]]
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * (len(pieces) - 1) + [False]
    assert max(map(len, pieces)) <= PIECE
    return sent[0]["status"], told, b"".join(pieces)


async def test_a_file_is_given_with_its_type_and_for_a_year() -> None:
    status, headers, body = await ask("/static/dct/css/tokens.css")
    assert status == 200
    assert headers["content-type"].startswith("text/css")
    assert "max-age=31536000" in headers["cache-control"]
    assert headers["x-content-type-options"] == "nosniff"
    assert b"--accent" in body


def bytes_of(path: str) -> bytes:
    place = finders.find(path)
    assert place is not None
    return Path(place).read_bytes()


async def test_a_large_file_comes_in_pieces_and_is_kept_once_for_all_who_read_it() -> None:
    files, path = StaticFiles(), "dct/vendor/bootstrap/bootstrap.min.css"
    whole = bytes_of(path)
    assert len(whole) > 3 * PIECE
    for _ in range(2):
        assert (await ask(f"/static/{path}", files=files))[2] == whole
    assert [len(kept) for kept in files._whole.values()] == [len(whole)]
    status, _, part = await ask(f"/static/{path}", files=files, range="bytes=10-19")
    assert (status, part) == (206, whole[10:20])
    assert len(files._whole) == 1


async def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    files, place = StaticFiles(), tmp_path / "a.css"
    for text in (b"first", b"then another"):
        place.write_bytes(text)
        with place.open("rb") as file:
            assert files._kept(file) == text


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1])
async def test_a_file_of_any_size_ends_where_it_ends(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files, body = StaticFiles(), bytes(size)
    monkeypatch.setattr(files, "_answer", lambda scope: (200, [], body))
    assert (await ask("/static/x", files=files))[2] == body


async def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    _, headers, _ = await ask("/static/dct/css/tokens.css")
    status, _, body = await ask("/static/dct/css/tokens.css", if_modified_since=headers["last-modified"])
    assert (status, body) == (304, b"")


async def test_what_is_no_static_file_is_not_found() -> None:
    for path in ("/static/", "/static/../settings.py", "/static/dct/none.css", "/static/%2e%2e/manage.py"):
        assert (await ask(path))[0] == 404


async def test_static_files_are_only_read() -> None:
    assert (await ask("/static/dct/css/tokens.css", "POST"))[0] == 405
    assert (await ask("/static/dct/css/tokens.css", "HEAD"))[2] == b""


def test_addresses_carry_the_version() -> None:
    assert static("dct/css/tokens.css") == f"/static/dct/css/tokens.css?v={version()}"
