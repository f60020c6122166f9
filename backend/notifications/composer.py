"""From a row of the outbox to the message that goes out: the channel, the sighting as it is now, and its picture."""

import logging
from dataclasses import replace
from datetime import tzinfo

from backend.domain.errors import DeliveryRefused
from backend.domain.notification import Channel, Delivery, Notification
from backend.domain.sighting import Sighting
from backend.notifications.message import compose
from backend.storage import channels, people, sightings
from backend.storage.database import Database
from backend.storage.snapshots import Snapshots

logger = logging.getLogger(__name__)


class Composer:
    """Composes messages; safe to use from several threads."""

    def __init__(self, database: Database, snapshots: Snapshots, zone: tzinfo | None) -> None:
        """Tell times in `zone`; None is the server's own."""
        self._database = database
        self._snapshots = snapshots
        self._zone = zone

    def compose(self, delivery: Delivery) -> tuple[Channel, Notification, Sighting]:
        """Where a message goes, what it says, and which state of the sighting that is.

        Raises DeliveryRefused where the channel or the sighting is gone.
        """
        channel, sighting, name = self._addressed(delivery)
        picture = self._picture(sighting)
        if picture is None and sighting.picture is not None:
            # A better one may have taken its place between the two readings.
            channel, sighting, name = self._addressed(delivery)
            picture = self._picture(sighting)
        composed = compose(sighting, picture, self._zone, name)
        # The delivery's id at every attempt: a channel that had it can tell.
        return channel, replace(composed, event_id=delivery.delivery_id, sighting=sighting), sighting

    def _addressed(self, delivery: Delivery) -> tuple[Channel, Sighting, str | None]:
        with self._database.read() as tx:
            channel = channels.find(tx, delivery.channel_id)
            sighting = sightings.find(tx, delivery.sighting_id)
            known = None if sighting is None else sighting.person_id
            name = None if known is None else people.display_name(tx, known)
        if channel is None:
            raise DeliveryRefused("The channel was removed.")
        if sighting is None:
            raise DeliveryRefused("The sighting was removed.")
        return channel, sighting, name

    def _picture(self, sighting: Sighting) -> bytes | None:
        try:
            return None if sighting.picture is None else self._snapshots.read(sighting.picture)
        except OSError as error:
            logger.error("Sighting %s: its picture cannot be read: %s", sighting.sighting_id, error.strerror)
            return None
