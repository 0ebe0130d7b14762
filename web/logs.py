"""Logs: one line of JSON each on standard output, those of requests written many at a time."""

import asyncio
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

FLUSH_SECONDS = 0.1
"""For so long the line of a request may wait for those of others."""

LONGEST_PATH = 200

_REQUEST = logging.getLogger("app.request")
_encode = msgspec.json.Encoder().encode


class RequestLine(msgspec.Struct, frozen=True, gc=False):
    """What is logged of an answered request, beside what every line has."""

    time: datetime
    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    level: str = "info"
    logger: str = _REQUEST.name
    message: str = "request"


class RequestLog:
    """Writes a line for each request: not one by one, which takes longer than to answer a case."""

    def __init__(self) -> None:
        """Have nothing to write."""
        self._lines: list[bytes] = []

    def add(self, request_id: str, method: str, path: str, status: int, seconds: float) -> None:
        """Write the line within ``FLUSH_SECONDS``, if the level of the log allows it."""
        if not _REQUEST.isEnabledFor(logging.INFO):
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        now, path = datetime.now(UTC), path[:LONGEST_PATH]
        line = RequestLine(now, request_id, method, path, status, round(seconds, 6))
        self._lines.append(_encode(line))

    def flush(self) -> None:
        """Write what waits, in one piece."""
        lines, self._lines = self._lines, []
        if lines:
            sys.stdout.write(b"\n".join([*lines, b""]).decode())
            sys.stdout.flush()


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; ``extra={"fields": {...}}`` adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return _encode(line).decode()


def log_config(level: str) -> dict[str, Any]:
    """Return the configuration for ``logging.config.dictConfig``, uvicorn's own logs included."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "json",
            }
        },
        "root": {"level": level.upper(), "handlers": ["stdout"]},
    }
