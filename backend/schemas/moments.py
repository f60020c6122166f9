"""Moments that somebody sends: ISO 8601 with a zone, and nothing else that could be taken for one."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Strict


def _no_number(value: Any) -> Any:
    # Pydantic would count seconds or milliseconds since 1970, which of them depending on the size.
    try:
        float(value)
    except (TypeError, ValueError):
        return value
    raise ValueError("Send a time with its zone, such as 2026-11-22T12:00:00Z.")


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("Send a time that lies within the years 1 to 9999 in UTC.") from None


Moment = Annotated[AwareDatetime, Strict(strict=False), BeforeValidator(_no_number), AfterValidator(_utc)]
"""A moment, in UTC."""
