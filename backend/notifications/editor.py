"""Brings messages that were sent up to date: a visit may get a better picture or a name afterwards."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from backend.domain.clock import Clock, utc_now
from backend.domain.errors import DeliveryDelayed, DeliveryError
from backend.domain.notification import ChannelKind, Delivery
from backend.notifications.composer import Composer
from backend.notifications.notifier import EditingNotifier, Notifier
from backend.storage import outbox
from backend.storage.database import Database

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=3)
"""How long a message stays as it is after a change: services allow few of them."""
DELAY = timedelta(seconds=30)
"""When a change that failed is tried again, where the channel does not say."""
CHANGED_FOR = timedelta(hours=48)
"""How long after it was written a message is still changed."""


class Editor:
    """Changes messages that were sent; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        composer: Composer,
        notifiers: Mapping[ChannelKind, Notifier],
        clock: Clock = utc_now,
    ) -> None:
        """Change messages through those of `notifiers` that can."""
        self._database = database
        self._composer = composer
        self._notifiers = notifiers
        self._clock = clock

    def edit(self, delivery: Delivery) -> None:
        """Have a message show its sighting as it is now; a channel that refuses keeps it as it is."""
        now = self._clock()
        try:
            channel, notification, sighting = self._composer.compose(delivery)
            notifier = self._notifiers.get(channel.kind)
            if isinstance(notifier, EditingNotifier) and delivery.reference is not None:
                notifier.edit(channel, delivery.reference, notification)
        except DeliveryDelayed as delay:
            pause = DELAY if delay.retry_after is None else timedelta(seconds=delay.retry_after)
            with self._database.write() as tx:
                outbox.edit_delayed(tx, delivery.delivery_id, now + pause)
        except DeliveryError as refusal:
            logger.info("Delivery %s: stays as it is: %s", delivery.delivery_id, refusal.message)
            with self._database.write() as tx:
                outbox.edit_refused(tx, delivery.delivery_id)
        else:
            with self._database.write() as tx:
                outbox.edited(tx, delivery.delivery_id, sighting, now + PAUSE)
