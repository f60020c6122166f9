"""Telegram on the wire."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from backend.schemas.sent import Sent


class ChatsRequest(Sent):
    """Whose chats to list."""

    model_config = ConfigDict(str_strip_whitespace=True)

    telegram_api_token: SecretStr = Field(min_length=1, max_length=256, description="The bot's token.")


class ChatReply(BaseModel):
    """A chat that the bot has lately heard from."""

    chat_id: str
    kind: str = Field(description="`private`, `group`, `supergroup` or `channel`.")
    title: str = Field(description="The group's title, or the person's name.")


class ChatList(BaseModel):
    """The chats of the bot's recent updates."""

    chats: list[ChatReply]
