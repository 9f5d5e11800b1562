"""Structured logs: one JSON object a line, in UTC, with secrets and letter texts kept out by name."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# A field of one of these names never reaches a log, whoever put it there.
_UNSPEAKABLE = ("token", "secret", "password", "authorization", "api_key", "signature", "body", "text", "html", "email")
_HIDDEN = "[hidden]"


def write_logs(level: int = logging.INFO) -> None:
    """Write structlog's and the standard library's records to stderr as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
        hide_what_is_private,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Request lines of these would repeat addresses and query strings; failures still speak.
    for chatty in ("httpx", "stripe", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def hide_what_is_private(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field whose name speaks of a secret or of what somebody wrote."""
    for name in event:
        if any(word in name.lower() for word in _UNSPEAKABLE):
            event[name] = _HIDDEN
    return event
