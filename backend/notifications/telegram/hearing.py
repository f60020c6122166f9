"""What people write to a bot, and where; and what it answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telegram import Update


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat that a bot can write to."""

    chat_id: str
    kind: str
    """`private`, `group`, `supergroup` or `channel`."""
    title: str
    """The group's title, or the person's name."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a person wrote to a bot, or the button they pressed below one of its messages."""

    update_id: int
    chat: Chat | None
    """None where it came from no chat."""
    text: str = ""
    own_id: int | None = None
    """The written message itself."""
    message_id: int | None = None
    """The bot's message that is answered, or whose button was pressed."""
    answered: str = ""
    """The text of the message that is answered."""
    button: str | None = None
    """What the button stands for; None for a written message."""
    callback_id: str | None = None
    """By what a pressed button must be acknowledged."""
    moved_to: str | None = None
    """The chat's new id, where the group has just become a supergroup."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How something is said in a chat."""

    text: str
    picture: bytes | None = None
    answers: int | None = None
    """The message that it answers, in whose topic it then stands."""
    wants_answer: bool = False
    """Whether the person's next message is to answer it."""


def chat_of(update: "Update") -> Chat | None:
    """Where an update comes from; None where it is from no chat."""
    chat = update.effective_chat
    return None if chat is None else Chat(str(chat.id), chat.type, chat.effective_name or str(chat.id))


def heard(update: "Update") -> Heard:
    """What an update tells."""
    known = chat_of(update)
    pressed, message = update.callback_query, update.message
    if pressed is not None:
        below = None if pressed.message is None else pressed.message.message_id
        return Heard(update.update_id, known, message_id=below, button=pressed.data, callback_id=pressed.id)
    if message is None:
        return Heard(update.update_id, known)
    answered = message.reply_to_message
    moved_to = message.migrate_to_chat_id
    return Heard(
        update.update_id,
        known,
        text=message.text or "",
        own_id=message.message_id,
        moved_to=None if moved_to is None else str(moved_to),
        message_id=None if answered is None else answered.message_id,
        answered="" if answered is None else answered.text or "",
    )
