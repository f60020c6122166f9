"""What the pages say: numbers, times and verdicts in words, and other people's text made harmless."""

import re
import string
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_BREAK = ":small[]"
"""Markdown of Streamlit's for an empty piece of text: what stands on its two sides is not read as one word."""
_LINK_OR_SIGN = re.compile(r"(?<=[:@])(?=\S)|(?<=\bwww)(?=\.)", re.IGNORECASE)
_ESCAPED = str.maketrans({character: f"\\{character}" for character in string.punctuation})


def plain(text: str) -> str:
    """The text for a place that takes Markdown, so that it shows as it is: no format, link, picture or HTML in it."""
    # Addresses become links, and `:name:` a picture, even where every sign is escaped.
    pieces = _LINK_OR_SIGN.split(" ".join(text.split()))
    return _BREAK.join(piece.translate(_ESCAPED) for piece in pieces)


def count(number: int, one: str, many: str | None = None) -> str:
    """The number with its noun: `1 photo`, `3 photos`, `2 people`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def zone(name: str | None) -> tzinfo:
    """The time zone of that name; UTC where it is unknown or none is given."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def ago(moment: datetime, now: datetime) -> str:
    """How long ago a moment is, in the largest fitting unit: `just now`, `40 s ago`, `3 min ago`, `5 days ago`."""
    seconds = int((now - moment).total_seconds())
    if seconds < 3:
        return "just now"
    for size, unit in ((86_400, "day"), (3_600, " h"), (60, " min")):
        if seconds >= size:
            amount = seconds // size
            return f"{count(amount, unit)} ago" if unit == "day" else f"{amount}{unit} ago"
    return f"{seconds} s ago"


def clock(moment: datetime, zone_: tzinfo, now: datetime) -> str:
    """The moment in a time zone, with as much of the date as is needed: `today 14:03:20`, `3 May 2026, 14:03:20`."""
    local, today = moment.astimezone(zone_), now.astimezone(zone_).date()
    if local.date() == today:
        return f"today {local:%H:%M:%S}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M:%S}"
    return f"{local.day} {local:%b %Y, %H:%M:%S}"


def duration(seconds: float) -> str:
    """A length of time: `4 s`, `2 min 5 s`, `1 h 10 min`."""
    whole = round(seconds)
    hours, minutes = whole // 3_600, whole % 3_600 // 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    rest = whole % 60
    return " ".join(part for part in (minutes and f"{minutes} min", (rest or not minutes) and f"{rest} s") if part)
