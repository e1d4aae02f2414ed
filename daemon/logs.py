"""What the daemon logs, and what never gets into a log: values come through an allow-list of names.

A value under any other name is left out, whoever logs it, so that a buyer's data or a secret has no way in by accident.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

from daemon.core.redaction import scrubbed

ALLOWED = frozenset(
    {
        "account", "accounts", "attempt", "changed", "cause", "code", "count", "cursor", "data_dir", "detail", "error",
        "event", "events", "exception", "external_id", "fate", "form", "health", "hook", "items", "job", "jobs", "kind",
        "level", "left", "limit", "logger", "malformed", "method", "missing", "new", "number", "order", "orders",
        "outcome", "pages", "path", "pid", "platform", "plugin", "reason", "revision", "route", "seconds", "shop_order",
        "signal", "sku", "socket", "stage", "state", "status", "sweep", "timestamp", "uid", "url", "version", "wait",
        "warnings", "what",
    }
)  # fmt: skip


def allow(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ARG001 - structlog's own signature
    """Leaves out every value whose name is not on the list."""
    return {key: value for key, value in event.items() if key in ALLOWED}


def scrub(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ARG001 - structlog's own signature
    """Blots out what looks like a token, a key or an e-mail address in any text."""
    for key, value in event.items():
        event[key] = _scrubbed(value)
    return event


def _scrubbed(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(part) for part in value]
    if isinstance(value, dict):
        return {str(_scrubbed(key)): _scrubbed(part) for key, part in value.items()}
    return scrubbed(str(value))  # an exception or a path may hold as much as a text


CHAIN = (structlog.processors.add_log_level, structlog.processors.format_exc_info, allow, scrub)
"""What every event goes through before it is written."""


def configure(level: str, form: str) -> None:
    """Sets the log up: one JSON object a line on standard error, or lines for people with form "console"."""
    render: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if form == "console" else _json
    structlog.configure(
        processors=[*CHAIN, structlog.processors.TimeStamper(fmt="iso", utc=True), render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr) if form == "console" else _Lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[FromLibraries()], force=True)


class FromLibraries(logging.Handler):
    """Takes what libraries say in Python's own way into the log, with the same guards."""

    def emit(self, record: logging.LogRecord) -> None:
        """Logs it; `logger` is the library's."""
        try:
            say = structlog.get_logger().error if record.levelno >= logging.ERROR else structlog.get_logger().warning
            say("library", logger=record.name, detail=record.getMessage(), exc_info=record.exc_info or None)
        except Exception:  # noqa: BLE001 - logging's own rule: a record that can't be written must not stop the program
            self.handleError(record)


def _json(logger: object, name: str, event: MutableMapping[str, Any]) -> bytes:  # noqa: ARG001 - structlog's own signature
    return msgspec.json.encode(dict(event), enc_hook=str)


def _Lines(*names: object) -> structlog.BytesLogger:  # noqa: N802, ARG001 - stands where structlog wants a factory
    return structlog.BytesLogger(sys.stderr.buffer)
