"""Hears what people write to the configured bots: one thread for each bot, as Telegram wants it."""

import logging
import threading
import time
from collections.abc import Callable

from backend.domain.errors import DeliveryDelayed, DeliveryError, StorageError
from backend.domain.notification import ChannelKind
from backend.notifications.courier import pause_s, place_of
from backend.notifications.telegram.bot import TelegramNotifier
from backend.notifications.telegram.hearing import Chat, Heard
from backend.storage import channels
from backend.storage.database import Database

logger = logging.getLogger(__name__)

WAIT_S = 25
"""How long Telegram may hold an empty answer back."""
LOOK_S = 2.0
"""How late a bot that was just configured may begin to hear."""
_CHATS_KEPT = 100
_REFUSED_PAUSE_S = 300.0


class _Ear:
    """Listens to one bot until it is stopped."""

    def __init__(self, token: str, telegram: TelegramNotifier, obey: Callable[[str, Heard], None]) -> None:
        self._token = token
        self._telegram = telegram
        self._obey = obey
        self._offset = 0
        self._complained = False
        self.stopping = threading.Event()
        self.chats: dict[str, Chat] = {}
        self.thread = threading.Thread(target=self._run, name="telegram-ear", daemon=True)

    def _run(self) -> None:
        failures = 0
        while not self.stopping.is_set():
            try:
                updates = self._telegram.listen(self._token, self._offset, WAIT_S)
            except DeliveryError as error:
                self._complain(error)
                self.stopping.wait(pause_s(failures) if isinstance(error, DeliveryDelayed) else _REFUSED_PAUSE_S)
                failures += 1
            else:
                failures, self._complained = 0, False
                for heard in updates:
                    self._take(heard)

    def _take(self, heard: Heard) -> None:
        self._offset = heard.update_id + 1
        if heard.chat is not None:
            self.chats.pop(heard.chat.chat_id, None)
            # Anybody can write to a bot: only the latest are kept.
            kept = list(self.chats.items())[-(_CHATS_KEPT - 1) :]
            self.chats = {**dict(kept), heard.chat.chat_id: heard.chat}
        try:
            self._obey(self._token, heard)
        except StorageError as error:
            logger.error("What was written to a bot could not be done: %s", error.message)
        except Exception as error:  # noqa: BLE001 - one message must not make the bot deaf
            logger.error("What was written to a bot could not be done: unexpected %s", place_of(error))

    def _complain(self, error: DeliveryError) -> None:
        if not self._complained and not self.stopping.is_set():
            self._complained = True
            logger.warning("A Telegram bot cannot be heard: %s", error.message)


class Listeners:
    """Keeps one thread for each bot that a channel names; safe to use from any thread."""

    def __init__(self, database: Database, telegram: TelegramNotifier, obey: Callable[[str, Heard], None]) -> None:
        """Listen through `telegram` and have everything done by `obey`."""
        self._database = database
        self._telegram = telegram
        self._obey = obey
        self._ears: dict[str, _Ear] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telegram-listeners", daemon=True)

    def start(self) -> None:
        """Begin to hear."""
        self._thread.start()

    def chats(self, token: str) -> list[Chat] | None:
        """The chats that a bot has heard from, the latest first; None where it is not listened to.

        To ask Telegram itself would take the messages from the thread that listens.
        """
        ear = self._ears.get(token)
        return None if ear is None else list(reversed(ear.chats.values()))

    def ask_to_stop(self) -> None:
        """Hear no more; `stop` waits for what is being done."""
        self._stopping.set()
        for ear in list(self._ears.values()):
            ear.stopping.set()
        self._telegram.stop_listening()

    def stop(self, deadline_s: float) -> None:
        """Hear no more; wait up to `deadline_s` seconds for what is being done."""
        deadline = time.monotonic() + deadline_s
        self.ask_to_stop()
        self._thread.join(deadline_s)
        hearing = self._hearing()
        while hearing and time.monotonic() < deadline:
            # Again and again: one may have been just about to listen. Of hundreds it is enough to wait for any.
            self.ask_to_stop()
            hearing[0].thread.join(0.05)
            hearing = self._hearing()
        if hearing:
            logger.warning("%s Telegram bots still hear somebody, and are abandoned.", len(hearing))

    def _hearing(self) -> list[_Ear]:
        return [ear for ear in self._ears.values() if ear.thread.is_alive()]

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow(self._tokens())
            except StorageError as error:
                logger.error("The channels cannot be read: %s", error.message)
            self._stopping.wait(LOOK_S)

    def _tokens(self) -> set[str]:
        with self._database.read() as tx:
            every = channels.all_by_age(tx)
        return {channel.settings["api_token"] for channel in every if channel.kind is ChannelKind.TELEGRAM}

    def _follow(self, tokens: set[str]) -> None:
        for token in self._ears.keys() - tokens:
            # It ends with its next answer from Telegram, and obeys no chat any more: none is configured.
            self._ears.pop(token).stopping.set()
        for token in tokens - self._ears.keys():
            ear = self._ears[token] = _Ear(token, self._telegram, self._obey)
            ear.thread.start()
