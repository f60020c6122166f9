"""A bot of Telegram's: a channel that is sent to, and that answers."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from telegram import Bot
from telegram.error import ChatMigrated

from backend.domain.errors import DeliveryRefused, InvalidField
from backend.domain.notification import Channel, Digest, Notification, Receipt
from backend.notifications.loop_thread import CLOSING_S, LoopThread, result_of
from backend.notifications.telegram.connection import TIMEOUT_S, connection_to, speaking
from backend.notifications.telegram.hearing import Chat, Heard, chat_of, heard
from backend.notifications.telegram.writing import Wording, rewrite, shortened, write, write_together

_HEARD = ("message", "callback_query")
_ACKNOWLEDGEMENT_LENGTH = 200
"""What Telegram shows of the answer to a pressed button."""


class TelegramNotifier:
    """Sends to Telegram chats (settings `api_token` and `chat_id`), and hears what they answer; see Notifier.

    A thread of its own runs the library, which is asynchronous, and keeps connections open between messages.
    """

    def __init__(self, api_url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Use the Bot API server at `api_url`; raises ConfigurationError where the environment's proxy is unusable."""
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._connection = connection_to(api_url, timeout_s)
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
        return await self._written(channel, lambda bot, chat_id: write(bot, chat_id, notification))

    async def _send_together(self, channel: Channel, digest: Digest) -> Receipt:
        return await self._written(channel, lambda bot, chat_id: write_together(bot, chat_id, digest))

    async def _written(self, channel: Channel, send: Callable[[Bot, str], Awaitable[Receipt]]) -> Receipt:
        chat_id = channel.settings["chat_id"]
        async with self._speaking(channel.settings["api_token"]) as bot:
            try:
                return await send(bot, chat_id)
            except ChatMigrated as moved:
                # A group that became a supergroup has a new id.
                receipt = await send(bot, str(moved.new_chat_id))
                return replace(receipt, moved_to=str(moved.new_chat_id))

    async def _edit(self, channel: Channel, message_id: int, notification: Notification) -> None:
        async with self._speaking(channel.settings["api_token"]) as bot:
            await rewrite(bot, channel.settings["chat_id"], message_id, notification)

    async def _listen(self, token: str, offset: int, wait_s: int) -> list[Heard]:
        async with self._speaking(token, wait_s) as bot:
            updates = await bot.get_updates(offset, timeout=wait_s, allowed_updates=_HEARD)
        return [heard(update) for update in updates]

    async def _say(self, token: str, chat_id: str, wording: Wording) -> None:
        async with self._speaking(token) as bot:
            await write(bot, chat_id, Notification(wording.text, wording.picture), wording)

    async def _username(self, token: str) -> str:
        async with self._speaking(token) as bot:
            return (await bot.get_me()).username or ""

    async def _acknowledge(self, token: str, callback_id: str, text: str) -> None:
        async with self._speaking(token) as bot:
            await bot.answer_callback_query(callback_id, shortened(text, _ACKNOWLEDGEMENT_LENGTH))

    def _speaking(self, token: str, wait_s: int = 0) -> AbstractAsyncContextManager[Bot]:
        return speaking(token, self._api_url, self._connection, self._timeout_s + wait_s)


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
    connection = connection_to(api_url, TIMEOUT_S)
    try:
        async with speaking(token, api_url, connection, TIMEOUT_S) as bot:
            updates = await bot.get_updates()
    finally:
        await connection.shutdown()
    latest: dict[str, Chat] = {}
    for chat in map(chat_of, reversed(updates)):
        if chat is not None:
            latest.setdefault(chat.chat_id, chat)
    return list(latest.values())
