"""What is sent as JSON: each value is of the type it is written as, and no field comes unknown.

A text is no number, a number is no text and `1` is not `true`: what one of them would be taken for is rarely what was
meant, and the OpenAPI document says nothing of it. Forms and query strings hold texts only and are read as such.
"""

import re
from datetime import time
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, StringConstraints, WithJsonSchema

_CHAT_ID = {"type": ["string", "integer"], "maxLength": 64}
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"


class Sent(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _time_of_day(value: Any) -> Any:
    # Pydantic would count seconds since midnight.
    if isinstance(value, time) or (isinstance(value, str) and re.fullmatch(_TIME, value)):
        return value
    raise ValueError("Send a time of day, such as 22:00.")


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number, which may be written as 5.0: JSON knows no difference."""
ChatId = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=64), BeforeValidator(_written), WithJsonSchema(_CHAT_ID)
]
"""Telegram's chat ids are numbers or names, and its own API takes both."""
TimeOfDay = Annotated[
    time, Strict(strict=False), BeforeValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": _TIME})
]
"""Hours and minutes, or seconds too."""
