"""What each kind of channel is asked for, in the order of the form."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from backend.domain.notification import ChannelKind


class Entry(Enum):
    """How a setting is typed."""

    TEXT = "text"
    MASKED = "masked"
    NUMBER = "number"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of a channel."""

    name: str
    label: str
    entry: Entry = Entry.TEXT
    default: str | int | bool = ""
    placeholder: str = ""
    explained: str | None = None
    optional: bool = False


_PICTURE = "The best picture of the visit, as base64 in the JSON."
_SIGNED = "Signs each message (HMAC-SHA256), so that the receiver can tell that it comes from here."
_TOPIC = "What all topics begin with."
_DISCOVERY = "Home Assistant's discovery prefix; left empty, nothing is announced to it."

FIELDS: Mapping[ChannelKind, tuple[Field, ...]] = {
    ChannelKind.TELEGRAM: (
        Field("api_token", "Bot token", Entry.MASKED, placeholder="123456789:AAE…"),
        Field("chat_id", "Chat id", placeholder="123456789"),
    ),
    ChannelKind.WEBHOOK: (
        Field("url", "Address", Entry.MASKED, placeholder="https://example.org/hook"),
        Field("secret", "Shared secret", Entry.MASKED, explained=_SIGNED, optional=True),
        Field("picture", "Send the picture too", Entry.SWITCH, True, explained=_PICTURE),
    ),
    ChannelKind.MQTT: (
        Field("host", "Broker", placeholder="192.168.1.10"),
        Field("port", "Port", Entry.NUMBER, 1883),
        Field("username", "User name", optional=True),
        Field("password", "Password", Entry.MASKED, optional=True),
        Field("tls", "Encrypted connection (TLS)", Entry.SWITCH, False),
        Field(
            "ca_file", "Authorities' file", explained="On the server's disk; left empty, the system's.", optional=True
        ),
        Field("topic", "Topic", default="face-server", explained=_TOPIC),
        Field("discovery", "Discovery prefix", default="homeassistant", explained=_DISCOVERY),
    ),
    ChannelKind.APPRISE: (
        Field(
            "url",
            "Address",
            Entry.MASKED,
            placeholder="ntfy://ntfy.sh/my-topic",
            explained="As [Apprise](https://appriseit.com/services/) writes it, for one of its hundred services.",
        ),
    ),
}

WHAT_IT_IS: Mapping[ChannelKind, str] = {
    ChannelKind.TELEGRAM: "A chat with a Telegram bot: pictures on the phone, with buttons to answer.",
    ChannelKind.WEBHOOK: "A program of yours that takes JSON by POST, with the picture and a signature.",
    ChannelKind.MQTT: "A broker, with entities that Home Assistant finds by itself.",
    ChannelKind.APPRISE: "One of a hundred other services: mail, ntfy, Matrix, Signal, Discord …",
}
