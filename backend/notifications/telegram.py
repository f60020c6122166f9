"""Telegram: sends messages, and lists the chats a bot has heard from; the only door to its library."""

import asyncio
import ipaddress
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from telegram import (
    Bot,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    ReplyParameters,
    Update,
)
from telegram.constants import MessageLimit
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, TelegramError, TimedOut
from telegram.request import HTTPXRequest

from backend.domain.errors import ConfigurationError, DeliveryDelayed, DeliveryError, DeliveryRefused, InvalidField
from backend.domain.notification import Channel, Digest, DigestEntry, Notification, Receipt
from backend.notifications.buttons import buttons_of
from backend.notifications.loop_thread import CLOSING_S, LoopThread, result_of

TIMEOUT_S = 20.0
"""How long one message may take from connecting to the answer: a picture of 300 kB over 0.2 Mbit/s."""

_CONNECTIONS = 64
_LEAST_OF_ALBUM = 2
"""Telegram takes no album of a single picture."""
_HEARD = ("message", "callback_query")
_ACKNOWLEDGEMENT_LENGTH = 200
"""What Telegram shows of the answer to a pressed button."""
_TOKEN_FORM = re.compile(r"[A-Za-z0-9:_-]+")
"""What a token may consist of; anything else would change the address that it becomes a part of."""

_NOT_MODIFIED = "message is not modified"
_PICTURE_TROUBLE = re.compile(r"photo|image_process|wrong file|file is too big|entity too large", re.IGNORECASE)
_WITHOUT_PICTURE = "(Telegram does not take its picture.)"
_YEAR_S = 366 * 86_400

_UNKNOWN_TOKEN = "Telegram does not know this bot token."  # noqa: S105 - a sentence about a token


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


class TelegramNotifier:
    """Sends to Telegram chats (settings `api_token` and `chat_id`), and hears what they answer; see Notifier.

    A thread of its own runs the library, which is asynchronous, and keeps connections open between messages.
    """

    def __init__(self, api_url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Use the Bot API server at `api_url`; raises ConfigurationError where the environment's proxy is unusable."""
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._connection = _connection(api_url, timeout_s)
        self._thread = LoopThread("telegram")
        self._listening: set[Future[list[Heard]]] = set()

    def send(self, channel: Channel, notification: Notification) -> Receipt:
        """Send the text with its picture, or alone where there is none; see Notifier."""
        return self._thread.run(lambda: self._send(channel, notification))

    def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        """Send an album whose text tells of every visit, or the text alone where it is too long for that; see Notifier.

        A picture of it can be answered with a name, as any other; an album has no buttons.
        """
        return self._thread.run(lambda: self._send_together(channel, digest))

    def edit(self, channel: Channel, reference: str, notification: Notification) -> None:
        """Have a message that was sent show something else; raises as `send`."""
        self._thread.run(lambda: self._edit(channel, int(reference), notification))

    def listen(self, token: str, offset: int, wait_s: int) -> list[Heard]:
        """Wait up to `wait_s` seconds for what people write to a bot, from update `offset` on; forgets those before.

        Raises DeliveryRefused where Telegram does not know the token, and DeliveryDelayed where it cannot be reached,
        somebody else listens, or `stop_listening` was called.
        """
        polling = self._thread.begin(lambda: self._listen(token, offset, wait_s))
        self._listening.add(polling)
        try:
            return result_of(polling)
        finally:
            self._listening.discard(polling)

    def stop_listening(self) -> None:
        """Break off all that listens."""
        for polling in list(self._listening):
            polling.cancel()

    def say(self, token: str, chat_id: str, wording: Wording) -> None:
        """Write into a chat; raises as `send`."""
        self._thread.run(lambda: self._say(token, chat_id, wording))

    def username(self, token: str) -> str:
        """By what name a bot is spoken to in a group, such as `face_server_bot`; raises as `send`."""
        return self._thread.run(lambda: self._username(token))

    def acknowledge(self, token: str, callback_id: str, text: str) -> None:
        """Tell who pressed a button what came of it; raises as `send`."""
        self._thread.run(lambda: self._acknowledge(token, callback_id, text))

    def close(self, within_s: float = CLOSING_S) -> None:
        """Break off what is being sent and close the connections, in `within_s` seconds; see Notifier."""
        self._thread.close(self._connection.shutdown, within_s)

    async def _send(self, channel: Channel, notification: Notification) -> Receipt:
        return await self._written(channel, lambda bot, chat_id: _write(bot, chat_id, notification))

    async def _send_together(self, channel: Channel, digest: Digest) -> Receipt:
        return await self._written(channel, lambda bot, chat_id: _write_together(bot, chat_id, digest))

    async def _written(self, channel: Channel, write: Callable[[Bot, str], Awaitable[Receipt]]) -> Receipt:
        token, chat_id = channel.settings["api_token"], channel.settings["chat_id"]
        with _translated_errors(token):
            async with asyncio.timeout(self._timeout_s):
                bot = _bot(token, self._api_url, self._connection)
                try:
                    return await write(bot, chat_id)
                except ChatMigrated as moved:
                    # A group that became a supergroup has a new id.
                    receipt = await write(bot, str(moved.new_chat_id))
                    return replace(receipt, moved_to=str(moved.new_chat_id))

    async def _edit(self, channel: Channel, message_id: int, notification: Notification) -> None:
        token, chat_id = channel.settings["api_token"], channel.settings["chat_id"]
        with _translated_errors(token):
            async with asyncio.timeout(self._timeout_s):
                bot = _bot(token, self._api_url, self._connection)
                try:
                    await _rewrite(bot, chat_id, message_id, notification)
                except BadRequest as error:
                    # It shows that already: an earlier change was made and not recorded.
                    if _NOT_MODIFIED not in error.message.lower():
                        raise

    async def _listen(self, token: str, offset: int, wait_s: int) -> list[Heard]:
        with _translated_errors(token):
            async with asyncio.timeout(self._timeout_s + wait_s):
                bot = _bot(token, self._api_url, self._connection)
                updates = await bot.get_updates(offset, timeout=wait_s, allowed_updates=_HEARD)
        return [_heard(update) for update in updates]

    async def _say(self, token: str, chat_id: str, wording: Wording) -> None:
        with _translated_errors(token):
            async with asyncio.timeout(self._timeout_s):
                bot = _bot(token, self._api_url, self._connection)
                await _write(bot, chat_id, Notification(wording.text, wording.picture), wording)

    async def _username(self, token: str) -> str:
        with _translated_errors(token):
            async with asyncio.timeout(self._timeout_s):
                return (await _bot(token, self._api_url, self._connection).get_me()).username or ""

    async def _acknowledge(self, token: str, callback_id: str, text: str) -> None:
        with _translated_errors(token):
            async with asyncio.timeout(self._timeout_s):
                bot = _bot(token, self._api_url, self._connection)
                await bot.answer_callback_query(callback_id, _shortened(text, _ACKNOWLEDGEMENT_LENGTH))


def recent_chats(api_url: str, token: str) -> list[Chat]:
    """The chats that a bot has heard from in the last 24 hours, each once, the latest first.

    Telegram forgets what it has answered only when told to, which is not done here: listing takes no message away from
    anybody. Raises InvalidField where Telegram does not know the token, and DeliveryDelayed where it cannot be reached
    or somebody else is taking the bot's messages.
    """
    try:
        return asyncio.run(_recent_chats(api_url, token))
    except DeliveryRefused as refusal:
        raise InvalidField("telegram_api_token", refusal.message) from None


async def _recent_chats(api_url: str, token: str) -> list[Chat]:
    connection = _connection(api_url, TIMEOUT_S)
    try:
        with _translated_errors(token):
            async with asyncio.timeout(TIMEOUT_S):
                updates = await _bot(token, api_url, connection).get_updates()
    finally:
        await connection.shutdown()
    heard_from = [update.effective_chat for update in reversed(updates)]
    chats = (Chat(str(chat.id), chat.type, chat.effective_name or str(chat.id)) for chat in heard_from if chat)
    latest: dict[str, Chat] = {}
    for chat in chats:
        latest.setdefault(chat.chat_id, chat)
    return list(latest.values())


class _Flooded(TelegramError):
    """Telegram asks to wait: `RetryAfter`, which the library cannot raise without a warning of its own."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("Telegram asks to wait" + ("." if retry_after is None else f" {retry_after} s."))
        self.retry_after = retry_after


class _NotTheBotApi(TelegramError):
    """What answered speaks no Bot API, such as a proxy, a login page of a network, or a web server in distress."""


class _Connection(HTTPXRequest):
    """The library's HTTP client, stricter about what is an answer of Telegram.

    A page saying 403 or 404 comes from somebody on the way, and must not pass for Telegram's refusal; the library would
    also log it, and such pages often repeat the address with the token.
    """

    async def do_request(self, *arguments: Any, **options: Any) -> tuple[int, bytes]:
        status, body = await super().do_request(*arguments, **options)
        answer = _json_object(body)
        if answer is None:
            raise _NotTheBotApi(f"The Bot API server did not answer as Telegram does (status {status}).")
        if status == 429:
            raise _Flooded(_retry_after(answer))
        return status, body


def _connection(api_url: str, timeout_s: float) -> _Connection:
    # These libraries log addresses, and so tokens, and people's messages; what goes wrong they raise as well.
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # A server on this machine is never reached through a proxy, whatever the environment says of others.
    environment = {"trust_env": not _is_on_this_machine(api_url)}
    try:
        return _Connection(
            connection_pool_size=_CONNECTIONS,
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            write_timeout=timeout_s,
            media_write_timeout=timeout_s,
            pool_timeout=timeout_s,
            httpx_kwargs=environment,
        )
    except (RuntimeError, ValueError):
        message = "The proxy that HTTPS_PROXY or ALL_PROXY names cannot be used; it must be http:// or https://."
        raise ConfigurationError(message) from None


def _is_on_this_machine(api_url: str) -> bool:
    try:
        host = urlsplit(api_url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bot(token: str, api_url: str, connection: _Connection) -> Bot:
    if not _TOKEN_FORM.fullmatch(token):
        raise DeliveryRefused(_UNKNOWN_TOKEN)
    return Bot(token, f"{api_url.rstrip('/')}/bot", request=connection, get_updates_request=connection)


async def _rewrite(bot: Bot, chat_id: str, message_id: int, notification: Notification) -> None:
    markup = _markup(notification)
    if notification.picture is None:
        text = _shortened(notification.text, MessageLimit.MAX_TEXT_LENGTH)
        await bot.edit_message_text(text, chat_id, message_id, reply_markup=markup)
        return
    caption = _shortened(notification.text, MessageLimit.CAPTION_LENGTH)
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


def _heard(update: Update) -> Heard:
    chat = update.effective_chat
    known = None if chat is None else Chat(str(chat.id), chat.type, chat.effective_name or str(chat.id))
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


async def _write(bot: Bot, chat_id: str, notification: Notification, wording: Wording | None = None) -> Receipt:
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
    return _receipt(await bot.send_message(chat_id, _shortened(text, MessageLimit.MAX_TEXT_LENGTH), **more))


async def _send_photo(bot: Bot, chat_id: str, text: str, picture: bytes, more: dict[str, Any]) -> Message:
    caption = _shortened(text, MessageLimit.CAPTION_LENGTH)
    return await bot.send_photo(chat_id, picture, caption=caption, filename="sighting.jpg", **more)


def _receipt(message: Message) -> Receipt:
    return Receipt(f"Telegram took it as message {message.message_id}.", str(message.message_id))


def _is_about_the_picture(error: TelegramError) -> bool:
    """Whether Telegram would take the text alone: the picture is broken for it, too large, or not allowed there."""
    return not isinstance(error, _NotTheBotApi) and _PICTURE_TROUBLE.search(error.message) is not None


async def _write_together(bot: Bot, chat_id: str, digest: Digest) -> Receipt:
    pictured = digest.pictured
    if len(pictured) < _LEAST_OF_ALBUM or not _fits(digest.text, MessageLimit.CAPTION_LENGTH):
        picture = pictured[0].picture if pictured and _fits(digest.text, MessageLimit.CAPTION_LENGTH) else None
        receipt = await _write(bot, chat_id, Notification(digest.text, picture))
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
    receipt = await _write(bot, chat_id, Notification(digest.text, None))
    return Receipt(receipt.answer)


def _album_receipt(pictured: Sequence[DigestEntry], messages: Sequence[Message]) -> Receipt:
    numbers = [str(message.message_id) for message in messages]
    references = dict(zip([entry.sighting.sighting_id for entry in pictured], numbers, strict=False))
    return Receipt(f"Telegram took it as messages {numbers[0]}–{numbers[-1]}.", references=references)


def _fits(text: str, limit: int) -> bool:
    return len(text.encode("utf-16-le")) <= 2 * limit


def _shortened(text: str, limit: int) -> str:
    """The text cut to a number of UTF-16 units, which is how Telegram counts."""
    if _fits(text, limit):
        return text
    return text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", errors="ignore") + "…"


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(answer: dict[str, Any]) -> float | None:
    parameters = answer.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    # Whatever it is, it is not believed beyond a year: nobody waits so long, and arithmetic ends somewhere.
    return float(min(seconds, _YEAR_S)) if isinstance(seconds, int) and seconds >= 0 else None


@contextmanager
def _translated_errors(token: str) -> Iterator[None]:
    try:
        yield
    except TelegramError as error:
        raise _domain_error(error, token) from None
    except TimeoutError:
        raise DeliveryDelayed("Telegram did not answer in time.") from None
    except (LookupError, TypeError, ValueError):
        # The library builds its objects from the answer without looking first.
        raise DeliveryDelayed("The Bot API server's answer makes no sense.") from None


def _domain_error(error: TelegramError, token: str) -> DeliveryError:
    match error:
        case _Flooded():
            return DeliveryDelayed(error.message, error.retry_after)
        case _NotTheBotApi():
            return DeliveryDelayed(error.message)
        case InvalidToken():
            return DeliveryRefused(_UNKNOWN_TOKEN)
        case Forbidden() | BadRequest() | ChatMigrated():
            return DeliveryRefused(f"Telegram refuses: {_masked(error.message, token)}.")
        case Conflict():
            return DeliveryDelayed("Another program, or a webhook, is taking this bot's messages from Telegram.")
        case TimedOut():
            return DeliveryDelayed("Telegram did not answer in time.")
        case _:
            reason = _masked(_reason(error), token)
            return DeliveryDelayed(
                f"Telegram cannot be reached ({reason}); is the network up, and TELEGRAM_API_URL right?"
            )


def _reason(error: TelegramError) -> str:
    """What went wrong, in the HTTP client's words where it was the one to notice."""
    cause = error.__cause__
    return error.message if cause is None else str(cause) or type(cause).__name__


def _masked(text: str, token: str) -> str:
    return text.replace(token, "***")
