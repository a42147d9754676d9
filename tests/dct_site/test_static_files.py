"""Static files: found, kept by browsers for a year, versioned, and nothing else."""

from typing import Any

from django.templatetags.static import static

from dct_site.static_files import StaticFiles, version


async def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of one request."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await StaticFiles()({"path": path, "method": method, "headers": given}, None, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, sent[1]["body"]


async def test_a_file_is_given_with_its_type_and_for_a_year() -> None:
    status, headers, body = await ask("/static/dct/css/tokens.css")
    assert status == 200
    assert headers["content-type"].startswith("text/css")
    assert "max-age=31536000" in headers["cache-control"]
    assert headers["x-content-type-options"] == "nosniff"
    assert b"--accent" in body


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
