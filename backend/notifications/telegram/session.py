"""What is said to Telegram and heard from it, by its library: asynchronous, for one event loop."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from telegram import Bot
from telegram.error import ChatMigrated

from backend.domain.notification import Channel, Digest, Notification, Receipt
from backend.notifications.telegram.connection import connection_to, speaking
from backend.notifications.telegram.hearing import Chat, Heard, Wording, chat_of, heard
from backend.notifications.telegram.writing import rewrite, shortened, write, write_together

_HEARD = ("message", "callback_query")
_ACKNOWLEDGEMENT_LENGTH = 200
"""What Telegram shows of the answer to a pressed button."""


class Session:
    """Speaks as any bot, over connections that are kept open; every method raises DeliveryError."""

    def __init__(self, api_url: str, timeout_s: float) -> None:
        """Give each message `timeout_s` seconds."""
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._connection = connection_to(api_url, timeout_s)

    async def send(self, channel: Channel, notification: Notification) -> Receipt:
        """Send the text with its picture, or alone where there is none."""
        return await self._written(channel, lambda bot, chat_id: write(bot, chat_id, notification))

    async def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        """Send an album whose text tells of every visit."""
        return await self._written(channel, lambda bot, chat_id: write_together(bot, chat_id, digest))

    async def edit(self, channel: Channel, message_id: int, notification: Notification) -> None:
        """Have a message that was sent show something else."""
        async with self._speaking(channel.settings["api_token"]) as bot:
            await rewrite(bot, channel.settings["chat_id"], message_id, notification)

    async def listen(self, token: str, offset: int, wait_s: int) -> list[Heard]:
        """Wait up to `wait_s` seconds for what people write, from update `offset` on; forgets those before."""
        async with self._speaking(token, wait_s) as bot:
            updates = await bot.get_updates(offset, timeout=wait_s, allowed_updates=_HEARD)
        return [heard(update) for update in updates]

    async def say(self, token: str, chat_id: str, wording: Wording) -> None:
        """Write into a chat."""
        async with self._speaking(token) as bot:
            await write(bot, chat_id, Notification(wording.text, wording.picture), wording)

    async def username(self, token: str) -> str:
        """By what name a bot is spoken to in a group."""
        async with self._speaking(token) as bot:
            return (await bot.get_me()).username or ""

    async def acknowledge(self, token: str, callback_id: str, text: str) -> None:
        """Tell who pressed a button what came of it."""
        async with self._speaking(token) as bot:
            await bot.answer_callback_query(callback_id, shortened(text, _ACKNOWLEDGEMENT_LENGTH))

    async def recent_chats(self, token: str) -> list[Chat]:
        """The chats that a bot has heard from, each once, the latest first; takes no message away from anybody."""
        async with self._speaking(token) as bot:
            updates = await bot.get_updates()
        latest: dict[str, Chat] = {}
        for chat in map(chat_of, reversed(updates)):
            if chat is not None:
                latest.setdefault(chat.chat_id, chat)
        return list(latest.values())

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.shutdown()

    async def _written(self, channel: Channel, send: Callable[[Bot, str], Awaitable[Receipt]]) -> Receipt:
        chat_id = channel.settings["chat_id"]
        async with self._speaking(channel.settings["api_token"]) as bot:
            try:
                return await send(bot, chat_id)
            except ChatMigrated as moved:
                # A group that became a supergroup has a new id.
                receipt = await send(bot, str(moved.new_chat_id))
                return replace(receipt, moved_to=str(moved.new_chat_id))

    def _speaking(self, token: str, wait_s: int = 0) -> AbstractAsyncContextManager[Bot]:
        return speaking(token, self._api_url, self._connection, self._timeout_s + wait_s)
