"""Messages to send: channels, notifications waiting in the outbox, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from backend.domain.sighting import Sighting


class ChannelKind(StrEnum):
    """What sort of service carries the message."""

    TELEGRAM = "telegram"
    WEBHOOK = "webhook"
    MQTT = "mqtt"
    APPRISE = "apprise"


@dataclass(frozen=True, slots=True)
class Channel:
    """A configured destination of messages."""

    channel_id: str
    kind: ChannelKind
    settings: Mapping[str, str]
    """What the kind needs to reach it (for Telegram `api_token` and `chat_id`): secrets, never shown."""
    name: str | None = None
    """None for a camera's own channel, which goes with it."""


class DeliveryState(StrEnum):
    """What became of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    WITHHELD = "withheld"
    """Not sent after all: those before it told of the same person, and the cooldown of its rules ran."""


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
    reference: str | None = None
    """By what the channel knows the message; None before it took it, and where it cannot be changed."""
    digest_id: str | None = None
    """The one message in which this and others of a burst are told together; None for a message of its own."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a channel took a message."""

    answer: str
    """What it said to that, in words; names no secret."""
    reference: str | None = None
    """By what the channel knows the message, where it can be changed later."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Of a digest: by what the channel knows the picture of a sighting, by the sighting's id."""
    moved_to: str | None = None
    """The chat's new id, where it has another one since the channel was configured."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a delivery: when, and what came back."""

    delivery_id: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    """`delivered`, `delayed`, `failed`, or `withheld` where it was not sent after all; of a change of a message that
    was sent `edited`, `edit_delayed` or `edit_refused`."""
    answer: str
    """The channel's answer, or what went wrong; names no secret."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message ready to be sent, free of any channel's way of putting it."""

    text: str
    picture: bytes | None
    """A JPEG with the face boxed; None where the picture is gone."""
    event_id: str = ""
    """The same at every attempt, so that a channel can see that it has had it."""
    sighting: Sighting | None = None
    """What it is about; None for a message that only tries the channel."""
    called: str | None = None
    """What a known person is called, where that is not their id."""


@dataclass(frozen=True, slots=True)
class DigestEntry:
    """One sighting of a digest."""

    event_id: str
    """Its delivery's id, the same at every attempt."""
    sighting: Sighting
    picture: bytes | None
    """A small JPEG with the face boxed; None where it is gone, or the digest shows enough without it."""
    called: str | None = None
    """What a known person is called, where that is not their id."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A burst's messages put together into one, free of any channel's way of putting it."""

    text: str
    """Tells of every entry."""
    entries: tuple[DigestEntry, ...]
    """In the order of their messages."""
    event_id: str
    """The same at every attempt."""

    @property
    def pictured(self) -> tuple[DigestEntry, ...]:
        """The entries that show a picture."""
        return tuple(entry for entry in self.entries if entry.picture is not None)
