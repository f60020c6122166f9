"""Messages to send: channels, notifications waiting in the outbox, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ChannelKind(StrEnum):
    """What sort of service carries the message."""

    TELEGRAM = "telegram"


@dataclass(frozen=True, slots=True)
class Channel:
    """A configured destination of messages."""

    channel_id: str
    kind: ChannelKind
    settings: Mapping[str, str]
    """What the kind needs to reach it (for Telegram `api_token` and `chat_id`): secrets, never shown."""


class DeliveryState(StrEnum):
    """What became of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in the outbox: which sighting is to be told to which channel, and how far that has come."""

    delivery_id: str
    sighting_id: str
    channel_id: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Notification:
    """A message ready to be sent, free of any channel's way of putting it."""

    text: str
    picture: bytes | None
    """A JPEG with the face boxed; None where the picture is gone."""
