"""The log: one line an event, to standard error, for people or for programs, with the request's id and no secrets."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.config import dictConfig
from typing import Any, Literal

from backend.api.request_id import current_request_id

LogFormat = Literal["pretty", "json"]
_SECRETS = (
    (re.compile(r"fs_[A-Za-z0-9_-]{43}"), "fs_***"),
    # Also as they stand in a request's path or query, where a colon may be escaped.
    (re.compile(r"(?i)(?<!\d)\d{6,}(?::|%3A)[A-Za-z0-9_-]{30,}"), "***"),
    (re.compile(r"(?i)(?<=://)[^\s/@]*:[^\s/@]*(?=@)"), "***"),
    (re.compile(r"(?i)(?<=%3A%2F%2F)(?:(?!%2F|%40)[^\s/@&])*(?::|%3A)(?:(?!%2F|%40)[^\s/@&])*(?=%40|@)"), "***"),
    (re.compile(r"(?i)(?<=bearer )[^\s\"']+"), "***"),
)
"""API keys, bots' tokens, logins in addresses, tokens in headers: a last net under code that logs none of them."""


def configure_logging(level: str, log_format: LogFormat = "pretty", token: str = "") -> None:
    """Have everything from `level` on logged, with `token` and what looks like a secret left out of every line.

    Libraries that would log addresses with tokens in them are kept quiet.
    """
    formatter = {"pretty": PrettyLine, "json": JsonLine}[log_format]
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request_id": {"()": _RequestId}},
            "formatters": {"line": {"()": formatter, "token": token}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]},
            },
            "root": {"level": level, "handlers": ["stderr"]},
            "loggers": {
                # They log each address they call, and Telegram's holds the bot's token.
                "httpx": {"level": "WARNING"},
                "httpcore": {"level": "WARNING"},
                "telegram": {"level": "WARNING"},
                "alembic": {"level": "WARNING"},
            },
        }
    )


def join_log(level: str, log_format: LogFormat, token: str) -> None:
    """Log beside a server that is not ours, such as uvicorn's own command: mask what it writes too.

    What it has set up stays as it is; where it has set up nothing for us, ours is logged as `configure_logging` does.
    """
    if not logging.getLogger().handlers:
        configure_logging(level, log_format, token)
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if not isinstance(handler.formatter, PrettyLine | JsonLine | Masked):
            handler.setFormatter(Masked(handler.formatter or logging.Formatter(), token))


class Masked(logging.Formatter):
    """Somebody else's line, without secrets."""

    def __init__(self, inner: logging.Formatter, token: str) -> None:
        """Leave `token` out of what `inner` makes."""
        super().__init__()
        self._inner = inner
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """The line as the other made it, masked."""
        return without_secrets(self._inner.format(record), self._token)


class PrettyLine(logging.Formatter):
    """A line for people."""

    def __init__(self, token: str = "") -> None:
        """Leave `token` out, whatever it looks like."""
        super().__init__("%(asctime)s %(levelname)-7s %(request_id)s %(name)s: %(message)s")
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the trace of an error below it."""
        return without_secrets(super().format(record), self._token)


class JsonLine(logging.Formatter):
    """An object for programs, on one line."""

    def __init__(self, token: str = "") -> None:
        """Leave `token` out, whatever it looks like."""
        super().__init__()
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """The event as JSON."""
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["error"] = self.formatException(record.exc_info)
        return json.dumps(self._without_secrets(event), ensure_ascii=False)

    def _without_secrets(self, event: Mapping[str, Any]) -> dict[str, Any]:
        # Before they are escaped, which could hide a token from its own search.
        return {name: without_secrets(str(value), self._token) for name, value in event.items()}


def without_secrets(text: str, token: str = "") -> str:
    """The text with `token` and all that looks like a secret masked."""
    text = text.replace(token, "***") if token else text
    for pattern, mask in _SECRETS:
        text = pattern.sub(mask, text)
    return text


class _RequestId(logging.Filter):
    """Adds the id of the request at hand to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, with the id."""
        record.request_id = current_request_id.get()
        return True
