"""Brings messages that were sent up to date: a visit may get a better picture or a name afterwards."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from backend.domain.clock import Clock, utc_now
from backend.domain.errors import DeliveryDelayed, DeliveryError
from backend.domain.notification import Attempt, ChannelKind, Delivery
from backend.notifications.composer import Composer
from backend.notifications.notifier import EditingNotifier, Notifier
from backend.storage import outbox
from backend.storage.database import Database, Transaction

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
        began_at = self._clock()
        try:
            channel, notification, sighting = self._composer.compose(delivery)
            notifier = self._notifiers.get(channel.kind)
            if isinstance(notifier, EditingNotifier) and delivery.reference is not None:
                notifier.edit(channel, delivery.reference, notification)
        except DeliveryDelayed as delay:
            with self._recording(delivery, began_at, "edit_delayed", delay.message) as tx:
                outbox.edit_delayed(tx, delivery.delivery_id, began_at + _pause(delay))
        except DeliveryError as refusal:
            logger.info("Delivery %s: stays as it is: %s", delivery.delivery_id, refusal.message)
            with self._recording(delivery, began_at, "edit_refused", refusal.message) as tx:
                outbox.edit_refused(tx, delivery.delivery_id)
        else:
            with self._recording(delivery, began_at, "edited", "It shows the visit as it is now.") as tx:
                outbox.edited(tx, delivery.delivery_id, sighting, began_at + PAUSE)

    @contextmanager
    def _recording(self, delivery: Delivery, began_at: datetime, outcome: str, answer: str) -> Iterator[Transaction]:
        with self._database.write() as tx:
            yield tx
            outbox.note_attempt(tx, Attempt(delivery.delivery_id, began_at, self._clock(), outcome, answer))


def _pause(delay: DeliveryDelayed) -> timedelta:
    """How long to leave a message alone; whatever a channel asks for, no longer than it is changed at all."""
    return DELAY if delay.retry_after is None else min(timedelta(seconds=min(delay.retry_after, 1e6)), CHANGED_FOR)
