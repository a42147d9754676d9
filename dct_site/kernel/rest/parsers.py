"""JSON in, through the same safe reading as at the door; and plain bytes for files."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from dct_site.kernel import safe_json


class SafeJSONParser(BaseParser):
    """Refuses what PostgreSQL, a recursion limit or a reader downstream would choke on, with a 400 that says why."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of the body; raises ParseError with the reason, RequestDataTooBig for one that is too large, and
        UnsupportedMediaType for one that is packed: what unpacks nothing meets no bomb.
        """
        if _encoding(parser_context) not in {"identity", ""}:
            raise UnsupportedMediaType(media_type or "", "Send the body as it is, without Content-Encoding.")
        most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = _at_most(stream, most)
        if not raw.strip():
            return {}
        try:
            return safe_json.loads(raw, max_bytes=most)
        except safe_json.UnsafeJson as error:
            raise ParseError(f"The body is not safe JSON: {error}") from error


class BytesParser(BaseParser):
    """The body as it is, up to 16 MiB."""

    media_type = "*/*"
    most = 16 * 1024 * 1024

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        """The bytes; raises RequestDataTooBig."""
        return _at_most(stream, self.most)


def _encoding(parser_context: Mapping[str, Any] | None) -> str:
    request = (parser_context or {}).get("request")
    return str(request.headers.get("Content-Encoding", "identity")).strip().lower() if request is not None else ""


def _at_most(stream: IO[Any], most: int) -> bytes:
    """What the stream holds. One byte too many is enough to refuse it: the rest is not read into memory."""
    raw: bytes = stream.read(most + 1)
    if len(raw) > most:
        raise RequestDataTooBig
    return raw
