"""The log: one line an event, to standard error, with the request's id."""

import logging
from logging.config import dictConfig

from backend.api.request_id import current_request_id


def configure_logging(level: str) -> None:
    """Have everything from `level` on logged; libraries that would log addresses with tokens in them are kept quiet."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request_id": {"()": _RequestId}},
            "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(request_id)s %(name)s: %(message)s"}},
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
                "uvicorn.access": {"level": "INFO"},
            },
        }
    )


class _RequestId(logging.Filter):
    """Adds the id of the request at hand to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, with the id."""
        record.request_id = current_request_id.get()
        return True
