"""Channels on the wire: what each kind needs. Secrets come in and never go out."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints, WithJsonSchema

from backend.domain.notification import ChannelKind
from backend.schemas.rules import Name
from backend.schemas.sent import ChatId, Sent, Whole

Secret = Annotated[SecretStr, Field(min_length=1, max_length=2048)]
_WORD = r"^[!-~]+$"
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256, pattern=_WORD)]
Chat = Annotated[
    ChatId,
    StringConstraints(pattern=_WORD),
    WithJsonSchema({"type": ["string", "integer"], "maxLength": 64, "pattern": _WORD}),
]


class TelegramSettings(Sent):
    """A chat of a Telegram bot."""

    api_token: Secret = Field(description="The bot's token.")
    chat_id: Chat = Field(description="The chat that the bot writes to.")


class WebhookSettings(Sent):
    """An address that gets JSON by POST."""

    url: Secret = Field(description="`http://` or `https://`; shown without what may be secret in it.")
    secret: Secret | None = Field(default=None, description="Signs each message, see the documentation of webhooks.")
    picture: bool = Field(default=True, description="Whether the picture is sent too.")


def _resolvable(name: str) -> str:
    # As the system's own look-up writes it; what cannot be written so would end the thread that looks it up.
    try:
        name.encode("idna")
    except UnicodeError:
        raise ValueError("This is no name or address of a host.") from None
    return name


HostName = Annotated[Word, AfterValidator(_resolvable)]


class MqttSettings(Sent):
    """A broker that gets events, and entities for Home Assistant."""

    host: HostName
    port: Whole = Field(default=1883, ge=1, le=65535)
    username: str | None = Field(default=None, max_length=256)
    password: Secret | None = None
    tls: bool = Field(default=False, description="Whether the connection is encrypted, and the broker's name checked.")
    ca_file: str | None = Field(
        default=None, max_length=1024, description="A file with the authorities to trust, on the server's disk."
    )
    topic: Annotated[str, StringConstraints(pattern=r"^[\w-]+(/[\w-]+)*$", max_length=128)] = Field(
        default="face-server", description="What all its topics begin with."
    )
    discovery: Annotated[str, StringConstraints(pattern=r"^([\w-]+(/[\w-]+)*)?$", max_length=128)] = Field(
        default="homeassistant", description="Home Assistant's discovery prefix; empty for none."
    )


class AppriseSettings(Sent):
    """One of the services that Apprise reaches."""

    url: Secret = Field(description="As in Apprise's documentation, such as `ntfy://…`.")


SETTINGS: dict[ChannelKind, type[Sent]] = {
    ChannelKind.TELEGRAM: TelegramSettings,
    ChannelKind.WEBHOOK: WebhookSettings,
    ChannelKind.MQTT: MqttSettings,
    ChannelKind.APPRISE: AppriseSettings,
}


class TelegramChannel(Sent):
    """A new Telegram channel."""

    kind: Literal[ChannelKind.TELEGRAM]
    name: Name
    settings: TelegramSettings


class WebhookChannel(Sent):
    """A new webhook."""

    kind: Literal[ChannelKind.WEBHOOK]
    name: Name
    settings: WebhookSettings


class MqttChannel(Sent):
    """A new broker."""

    kind: Literal[ChannelKind.MQTT]
    name: Name
    settings: MqttSettings


class AppriseChannel(Sent):
    """A new channel of Apprise."""

    kind: Literal[ChannelKind.APPRISE]
    name: Name
    settings: AppriseSettings


ChannelRequest = Annotated[TelegramChannel | WebhookChannel | MqttChannel | AppriseChannel, Field(discriminator="kind")]


class ChannelChange(Sent):
    """What to change of a channel; what is left out stays, secrets too."""

    name: Name | None = None
    settings: dict[str, Any] = Field(default={}, description="The settings to replace.")


class ChannelReply(BaseModel):
    """A channel without its secrets."""

    channel_id: str
    kind: ChannelKind
    name: str | None = Field(description="None for a camera's own channel, which is changed with the camera.")
    settings: dict[str, str | int | bool] = Field(description="As they are sent; secrets are masked.")


class ChannelEntries(BaseModel):
    """Every channel, the oldest first."""

    channels: list[ChannelReply]
    total: int
    next_cursor: str | None = None


class ChannelRemoved(BaseModel):
    """The channel that is no more."""

    channel_id: str


class TestReply(BaseModel):
    """What the channel said to a test message."""

    answer: str
