"""A bot of Telegram's: a channel that is sent to, and that answers."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from backend.domain.errors import DeliveryRefused, InvalidField
from backend.domain.notification import Channel, Digest, Notification, Receipt
from backend.notifications.loop_thread import CLOSING_S, LoopThread, result_of
from backend.notifications.telegram.hearing import Chat, Heard, Wording
from backend.notifications.telegram.way import TIMEOUT_S, check_way_to

if TYPE_CHECKING:
    from backend.notifications.telegram.session import Session

Answer = TypeVar("Answer")


class TelegramNotifier:
    """Sends to Telegram chats (settings `api_token` and `chat_id`), and hears what they answer; see Notifier.

    A thread of its own runs the library, which is asynchronous, and keeps connections open between messages.
    """

    def __init__(self, api_url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Use the Bot API server at `api_url`; raises ConfigurationError where the environment's proxy is unusable."""
        check_way_to(api_url)
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._session: Session | None = None
        self._thread = LoopThread("telegram")
        self._listening: set[Future[list[Heard]]] = set()

    def send(self, channel: Channel, notification: Notification) -> Receipt:
        """Send the text with its picture, or alone where there is none; see Notifier."""
        return self._run(lambda session: session.send(channel, notification))

    def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        """Send an album whose text tells of every visit, or the text alone where it is too long for that; see Notifier.

        A picture of it can be answered with a name, as any other; an album has no buttons.
        """
        return self._run(lambda session: session.send_together(channel, digest))

    def edit(self, channel: Channel, reference: str, notification: Notification) -> None:
        """Have a message that was sent show something else; raises as `send`."""
        self._run(lambda session: session.edit(channel, int(reference), notification))

    def listen(self, token: str, offset: int, wait_s: int) -> list[Heard]:
        """Wait up to `wait_s` seconds for what people write to a bot, from update `offset` on; forgets those before.

        Raises DeliveryRefused where Telegram does not know the token, and DeliveryDelayed where it cannot be reached,
        somebody else listens, or `stop_listening` was called.
        """
        polling = self._begin(lambda session: session.listen(token, offset, wait_s))
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
        self._run(lambda session: session.say(token, chat_id, wording))

    def username(self, token: str) -> str:
        """By what name a bot is spoken to in a group, such as `face_server_bot`; raises as `send`."""
        return self._run(lambda session: session.username(token))

    def acknowledge(self, token: str, callback_id: str, text: str) -> None:
        """Tell who pressed a button what came of it; raises as `send`."""
        self._run(lambda session: session.acknowledge(token, callback_id, text))

    def close(self, within_s: float = CLOSING_S) -> None:
        """Break off what is being sent and close the connections, in `within_s` seconds; see Notifier."""
        self._thread.close(self._let_go, within_s)

    def _run(self, act: Callable[["Session"], Coroutine[Any, Any, Answer]]) -> Answer:
        return result_of(self._begin(act))

    def _begin(self, act: Callable[["Session"], Coroutine[Any, Any, Answer]]) -> "Future[Answer]":
        async def acted() -> Answer:
            # On the loop's thread alone, so that there is only ever one.
            if self._session is None:
                self._session = _session(self._api_url, self._timeout_s)
            return await act(self._session)

        return self._thread.begin(acted)

    async def _let_go(self) -> None:
        if self._session is not None:
            await self._session.close()


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
    session = _session(api_url, TIMEOUT_S)
    try:
        return await session.recent_chats(token)
    finally:
        await session.close()


def _session(api_url: str, timeout_s: float) -> "Session":
    # Here, for who has no bot need not wait at each start until Telegram's library is imported.
    from backend.notifications.telegram.session import Session

    return Session(api_url, timeout_s)
