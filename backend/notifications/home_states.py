"""Keeps Home Assistant told which cameras are online, and a broker that forgot it, who was seen last."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from backend.domain.errors import DeliveryError, StorageError
from backend.domain.notification import Channel, ChannelKind
from backend.notifications.home_assistant import CameraOnline, LastSeen
from backend.notifications.mqtt import MqttNotifier
from backend.storage import channels, people, sightings
from backend.storage.database import Database

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
"""How late an outage may be told."""


class HomeStates:
    """Looks at the cameras every few seconds, on a thread of its own."""

    def __init__(
        self,
        database: Database,
        notifier: MqttNotifier,
        cameras: Callable[[], Sequence[CameraOnline]],
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Tell the MQTT channels of `database` what `cameras` answers and what they were told, through `notifier`."""
        self._database = database
        self._notifier = notifier
        self._cameras = cameras
        self._interval_s = interval_s
        self._complained: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="home-states", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Tell no more; `stop` waits for what is being told."""
        self._stopping.set()

    def stop(self, deadline_s: float) -> None:
        """Tell no more; wait up to `deadline_s` seconds for what is being told.

        A broker that does not answer holds it up until its connection is closed; nothing is lost with it.
        """
        self.ask_to_stop()
        self._thread.join(deadline_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._tell()
            except StorageError as error:
                logger.error("The channels cannot be read: %s", error.message)
            self._stopping.wait(self._interval_s)

    def _tell(self) -> None:
        with self._database.read() as tx:
            brokers = [channel for channel in channels.all_by_age(tx) if channel.kind is ChannelKind.MQTT]
        self._notifier.keep_only([broker.channel_id for broker in brokers])
        if not brokers:
            return
        cameras = self._cameras()
        for broker in brokers:
            if self._stopping.is_set():
                return
            try:
                self._notifier.report(broker, cameras, partial(self._past, broker.channel_id))
            except DeliveryError as error:
                self._complain(broker, error)
            else:
                self._complained.discard(broker.channel_id)

    def _past(self, channel_id: str) -> list[LastSeen]:
        with self._database.read() as tx:
            told = sightings.last_told(tx, channel_id)
            names = people.display_names(tx, (sighting.person_id for sighting in told))
        return [LastSeen(sighting, names.get(sighting.person_id or "")) for sighting in told]

    def _complain(self, broker: Channel, error: DeliveryError) -> None:
        """Log a trouble, once until the broker was told something again: it is tried every few seconds."""
        if broker.channel_id not in self._complained:
            self._complained.add(broker.channel_id)
            logger.warning("Channel %s: not told which cameras are online: %s", broker.name, error.message)
