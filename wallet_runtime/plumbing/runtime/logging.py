"""JSON logs on stdout: one line per event, with request id and brand, without secrets."""

import logging
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import msgspec
import structlog

from wallet_runtime.contract.secrets import MASK, masked
from wallet_runtime.contract.text import shown_in_json

_SECRET_WORDS = (
    "token",
    "secret",
    "signature",
    "authorization",
    "password",
    "session",
    "key",
    "body",
    "payload",
)
_ALLOWED_NAMES = frozenset({"policy_key", "idempotency_key"})

EventFields = MutableMapping[str, Any]


def configure(process: str, copy: int) -> None:
    """Send structlog and the standard library's loggers to stdout, one JSON object per line."""
    _configure_structlog()
    structlog.contextvars.bind_contextvars(process=process, copy=copy)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines(process, copy))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _catch_uncaught()


def _configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Plain tracebacks, because structlog's dict formatter would print local variables, and
            # these may hold secrets.
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )


def _catch_uncaught() -> None:
    # Python would print an uncaught exception as plain text, with any secret in it.
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda fault: _log_uncaught(
        fault.exc_type, fault.exc_value, fault.exc_traceback
    )


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    structlog.get_logger("process").error("uncaught", exc_info=(kind, error, trace))


def mask_secrets(logger: object, method: str, fields: EventFields) -> EventFields:
    """Mask the fields whose names suggest a secret or a whole payload; a structlog processor."""
    for name in fields:
        lower = name.lower()
        if lower not in _ALLOWED_NAMES and any(word in lower for word in _SECRET_WORDS):
            fields[name] = MASK
    return fields


class _JsonLines(logging.Formatter):
    """Formats records of libraries' loggers as JSON lines, like those of structlog."""

    def __init__(self, process: str, copy: int) -> None:
        super().__init__()
        self._fixed = {"process": process, "copy": copy}

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            **self._fixed,
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encode(fields)


def _encode(fields: EventFields, **_: object) -> str:
    return shown_in_json(masked(msgspec.json.encode(fields, enc_hook=str).decode()))
