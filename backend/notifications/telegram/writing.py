"""What is written into Telegram's chats, and how: within its limits, and without the picture that it does not take."""

import re
from collections.abc import Sequence
from typing import Any

from telegram import (
    Bot,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    ReplyParameters,
)
from telegram.constants import MessageLimit
from telegram.error import BadRequest, TelegramError

from backend.domain.notification import Digest, DigestEntry, Notification, Receipt
from backend.notifications.buttons import buttons_of
from backend.notifications.telegram.connection import NotTheBotApi
from backend.notifications.telegram.hearing import Wording

_LEAST_OF_ALBUM = 2
"""Telegram takes no album of a single picture."""
_NOT_MODIFIED = "message is not modified"
_PICTURE_TROUBLE = re.compile(r"photo|image_process|wrong file|file is too big|entity too large", re.IGNORECASE)
_WITHOUT_PICTURE = "(Telegram does not take its picture.)"


async def rewrite(bot: Bot, chat_id: str, message_id: int, notification: Notification) -> None:
    """Have a message of the bot's show something else; raises TelegramError."""
    try:
        await _change(bot, chat_id, message_id, notification)
    except BadRequest as error:
        # It shows that already: an earlier change was made and not recorded.
        if _NOT_MODIFIED not in error.message.lower():
            raise


async def _change(bot: Bot, chat_id: str, message_id: int, notification: Notification) -> None:
    markup = _markup(notification)
    if notification.picture is None:
        text = shortened(notification.text, MessageLimit.MAX_TEXT_LENGTH)
        await bot.edit_message_text(text, chat_id, message_id, reply_markup=markup)
        return
    caption = shortened(notification.text, MessageLimit.CAPTION_LENGTH)
    media = InputMediaPhoto(notification.picture, caption, filename="sighting.jpg")
    try:
        await bot.edit_message_media(media, chat_id, message_id, reply_markup=markup)
    except TelegramError as error:
        if not _is_about_the_picture(error):
            raise
        # The name is worth telling though the better picture is not taken.
        await bot.edit_message_caption(chat_id, message_id, caption=caption, reply_markup=markup)


def _markup(notification: Notification) -> InlineKeyboardMarkup | None:
    if notification.sighting is None:
        return None
    buttons = buttons_of(notification.sighting, notification.called)
    return InlineKeyboardMarkup([[InlineKeyboardButton(button.text, callback_data=button.data)] for button in buttons])


async def write(bot: Bot, chat_id: str, notification: Notification, wording: Wording | None = None) -> Receipt:
    """Write a message, its text alone where its picture is not taken; raises TelegramError."""
    # Not only of whom it mentions: it mentions nobody, and would then ask nobody.
    question = ForceReply() if wording is not None and wording.wants_answer else None
    more: dict[str, Any] = {"reply_markup": question or _markup(notification)}
    if wording is not None and wording.answers is not None:
        more["reply_parameters"] = ReplyParameters(wording.answers, allow_sending_without_reply=True)
    if notification.picture is not None:
        try:
            return _receipt(await _send_photo(bot, chat_id, notification.text, notification.picture, more))
        except TelegramError as error:
            if not _is_about_the_picture(error):
                raise
    text = notification.text if notification.picture is None else f"{notification.text}\n{_WITHOUT_PICTURE}"
    return _receipt(await bot.send_message(chat_id, shortened(text, MessageLimit.MAX_TEXT_LENGTH), **more))


async def _send_photo(bot: Bot, chat_id: str, text: str, picture: bytes, more: dict[str, Any]) -> Message:
    caption = shortened(text, MessageLimit.CAPTION_LENGTH)
    return await bot.send_photo(chat_id, picture, caption=caption, filename="sighting.jpg", **more)


def _receipt(message: Message) -> Receipt:
    return Receipt(f"Telegram took it as message {message.message_id}.", str(message.message_id))


def _is_about_the_picture(error: TelegramError) -> bool:
    """Whether Telegram would take the text alone: the picture is broken for it, too large, or not allowed there."""
    return not isinstance(error, NotTheBotApi) and _PICTURE_TROUBLE.search(error.message) is not None


async def write_together(bot: Bot, chat_id: str, digest: Digest) -> Receipt:
    """Write an album, or its text alone where it cannot be one; raises TelegramError."""
    pictured = digest.pictured
    if len(pictured) < _LEAST_OF_ALBUM or not _fits(digest.text, MessageLimit.CAPTION_LENGTH):
        picture = pictured[0].picture if pictured and _fits(digest.text, MessageLimit.CAPTION_LENGTH) else None
        receipt = await write(bot, chat_id, Notification(digest.text, picture))
        return Receipt(receipt.answer)
    album = [
        # An album's text is that of its first picture.
        InputMediaPhoto(entry.picture or b"", None if place else digest.text, filename="sighting.jpg")
        for place, entry in enumerate(pictured)
    ]
    try:
        return _album_receipt(pictured, await bot.send_media_group(chat_id, album))
    except TelegramError as error:
        if not _is_about_the_picture(error):
            raise
    receipt = await write(bot, chat_id, Notification(digest.text, None))
    return Receipt(receipt.answer)


def _album_receipt(pictured: Sequence[DigestEntry], messages: Sequence[Message]) -> Receipt:
    numbers = [str(message.message_id) for message in messages]
    references = dict(zip([entry.sighting.sighting_id for entry in pictured], numbers, strict=False))
    return Receipt(f"Telegram took it as messages {numbers[0]}–{numbers[-1]}.", references=references)


def _fits(text: str, limit: int) -> bool:
    return len(text.encode("utf-16-le")) <= 2 * limit


def shortened(text: str, limit: int) -> str:
    """The text cut to a number of UTF-16 units, which is how Telegram counts."""
    if _fits(text, limit):
        return text
    return text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", errors="ignore") + "…"
