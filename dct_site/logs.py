"""Structured logs: events with fields, as text for a terminal or as one JSON object a line.

Every line carries what its work is about (``kernel.about``), whoever logs it. What smells of a secret is taken out
last, so that it is taken out of tracebacks and of other libraries' lines, too.
"""

import logging
import sys
from typing import Any

import structlog

from dct_site.kernel.redaction import redact, scrub

NOISY = ("uvicorn.access", "uvicorn.error", "celery", "httpx", "imap_tools", "asyncio")
"""Libraries that tell of each request, task or tick: 18 lines a second from a worker that has nothing to do. Their
warnings and errors are written.
"""
_SHARED = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(*, role: str, as_json: bool) -> None:
    """Set up structlog and the standard library's logging for a process of ``role`` (web, engine, worker…)."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(as_json=as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(role=role)


def formatter(*, as_json: bool) -> logging.Formatter:
    """How a line is written, whether structlog or the standard library's logging made it."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer(default=str)
    if not as_json:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(_SHARED),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            without_secrets,
            renderer,
        ],
    )


def without_secrets(
    _logger: structlog.typing.WrappedLogger, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A line without values whose name smells of a secret, and without those that stand in its texts: a password in an
    address, a bearer token, ``password=…``.
    """
    return {name: _scrubbed(redact(value, name=name)) for name, value in event.items()}


def _scrubbed(value: Any) -> Any:
    return scrub(value) if isinstance(value, str) else value
