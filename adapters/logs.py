"""Structured logs: one JSON object a line, in UTC, with secrets, addresses and what people wrote kept out.

Two nets hold them back: the names of fields, and the look of what stands in a sentence, which may be another's words
(a database's, a mail server's, the SDK's). Tracebacks come without the variables of their frames.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from billing.redaction import redact_card_numbers

# A field of one of these names never reaches a log, whoever put it there.
_UNSPEAKABLE = re.compile(
    r"(?:^|_)(?:tokens?|secrets?|passwords?|authorization|api_key|signatures?|body|text|html|emails?)(?:_|$)", re.I
)
# What is hidden wherever it stands in a sentence.
_PRIVATE = re.compile(
    r"(?<=://)[^\s/@]+(?=@)"  # user and password of an address
    r"|\b[sr]k_(?:live|test)_\w+"  # Stripe's keys
    r"|[^\s@<>()\[\]{},;:\"'=\\/|]+@[\w-]+(?:\.[\w-]+)+"  # mail addresses
)
_HIDDEN = "[hidden]"
# Request lines of these would repeat addresses and query strings; failures still speak.
_CHATTY = ("httpx", "stripe", "uvicorn.access")
# A server that set these up before us would keep its records from our handler, and so from what hides secrets.
_SELF_WILLED = ("uvicorn", "uvicorn.error")
# Where the Temporal SDK puts the case of its own records.
_ABOUT = ("temporal_activity", "temporal_workflow")


def write_logs(level: int = logging.INFO) -> None:
    """Write structlog's and the standard library's records to stderr as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_the_case,
        # The variables of a frame are whole tickets, letters and settings.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
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
    for name in (*_CHATTY, *_SELF_WILLED):
        logger = logging.getLogger(name)
        logger.propagate, logger.disabled, logger.handlers = True, False, []
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def name_the_case(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Give the Temporal SDK's records the `case_id` that our own carry; the workflow's id is the case's."""
    record = event.get("_record")
    for where in _ABOUT:
        if about := getattr(record, where, None):
            event.setdefault("case_id", about.get("workflow_id"))
    return event


def hide_what_is_private(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what a field's name calls secret or somebody's words, and addresses, keys and card numbers in any sentence."""
    for name, value in event.items():
        if not name.startswith("_"):  # structlog's own, which never reach the line
            event[name] = _shown(name, value)
    return event


def _shown(name: str, value: Any) -> Any:
    if _UNSPEAKABLE.search(name):
        return _HIDDEN
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact_card_numbers(_PRIVATE.sub(_HIDDEN, value))
        case Mapping():
            return {str(key): _shown(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown("", item) for item in value]
        case _:
            return _shown("", repr(value))
