"""What the daemon logs, and what never gets into a log: values come through an allow-list of names.

A value under any other name is left out, whoever logs it, so that a buyer's data or a secret has no way in by accident.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

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

_SECRETS = re.compile(
    r"(?i)(bearer|basic)\s+[\w.~+/=-]{8,}|\b(ck|cs)_[0-9a-f]{16,}|[\w.+-]+@[\w-]+\.[\w.-]+|\beyJ[\w-]{10,}\.[\w.-]+"
)


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
    return _SECRETS.sub("***", str(value))  # an exception or a path may hold as much as a text


def configure(level: str, form: str) -> None:
    """Sets the log up: one JSON object a line on standard error, or lines for people with form "console"."""
    render: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if form == "console" else _json
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            allow,
            scrub,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr) if form == "console" else _Lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")


def _json(logger: object, name: str, event: MutableMapping[str, Any]) -> bytes:  # noqa: ARG001 - structlog's own signature
    return msgspec.json.encode(dict(event), enc_hook=str)


def _Lines(*names: object) -> structlog.BytesLogger:  # noqa: N802, ARG001 - stands where structlog wants a factory
    return structlog.BytesLogger(sys.stderr.buffer)
