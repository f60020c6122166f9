"""From a row of the outbox to the message that goes out: the channel, the sighting as it is now, and its picture."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from backend.domain.errors import DeliveryRefused
from backend.domain.notification import Channel, Delivery, Digest, DigestEntry, Notification
from backend.domain.sighting import Sighting
from backend.notifications.message import SMALL_SIDE, boxed_if_readable, compose, digest_text
from backend.storage import channels, people, sightings
from backend.storage.database import Database
from backend.storage.snapshots import Snapshots

logger = logging.getLogger(__name__)

MOST_PICTURES = 10
"""How many pictures a digest shows: Telegram's album holds no more."""


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
        whole = replace(composed, event_id=delivery.delivery_id, sighting=sighting, called=name)
        return channel, whole, sighting

    def compose_digest(self, deliveries: Sequence[Delivery]) -> tuple[Channel, Digest]:
        """Where the messages of one digest go, and what it says.

        Raises DeliveryRefused where the channel or every sighting is gone.
        """
        with self._database.read() as tx:
            channel = channels.find(tx, deliveries[0].channel_id)
            found = [(delivery, sightings.find(tx, delivery.sighting_id)) for delivery in deliveries]
            kept = [(delivery, sighting) for delivery, sighting in found if sighting is not None]
            names = people.display_names(tx, (sighting.person_id for _, sighting in kept))
        if channel is None:
            raise DeliveryRefused("The channel was removed.")
        if not kept:
            raise DeliveryRefused("The sightings were removed.")
        text = digest_text([(sighting, names.get(sighting.person_id or "")) for _, sighting in kept], self._zone)
        entries = tuple(self._entries(kept, names))
        return channel, Digest(text, entries, str(deliveries[0].digest_id))

    def _entries(self, kept: Sequence[tuple[Delivery, Sighting]], names: Mapping[str, str]) -> Iterator[DigestEntry]:
        """Every sighting; of the first few that show somebody else or somewhere else the picture too."""
        shown: set[tuple[str, str]] = set()
        for delivery, sighting in kept:
            # Strangers may all be different.
            what = (sighting.person_id or sighting.sighting_id, sighting.camera_id)
            wanted = what not in shown and len(shown) < MOST_PICTURES
            picture = self._small_picture(sighting) if wanted else None
            if picture is not None:
                shown.add(what)
            yield DigestEntry(delivery.delivery_id, sighting, picture, names.get(sighting.person_id or ""))

    def _small_picture(self, sighting: Sighting) -> bytes | None:
        picture = self._picture(sighting)
        return None if picture is None else boxed_if_readable(picture, sighting.face_box, SMALL_SIDE)

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
