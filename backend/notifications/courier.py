"""One attempt to bring one message to its channel, and the record of what became of it."""

import logging
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from backend.domain.clock import Clock, utc_now
from backend.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused, FaceServerError, StorageError
from backend.domain.notification import Attempt, Channel, ChannelKind, Delivery, DeliveryState, Receipt
from backend.domain.sighting import Sighting
from backend.notifications.composer import Composer
from backend.notifications.notifier import Notifier
from backend.notifications.routing import told_meanwhile
from backend.storage import channels, outbox
from backend.storage.database import Database, Transaction

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
JITTER = 0.2
"""By what share a pause may be longer, so that channels that failed together do not come back together."""
RECORDING_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Taken:
    """That a channel took a parcel, and which state of its sightings, by their ids, that shows."""

    channel: Channel
    receipt: Receipt
    sightings: Mapping[str, Sighting]

    def reference(self, sighting_id: str) -> str | None:
        """By what the channel knows the message of a sighting."""
        return self.receipt.references.get(sighting_id, self.receipt.reference)


Parcel = Sequence[Delivery]
"""What goes as one message: a delivery alone, or those of one digest, the oldest first."""


class Courier:
    """Delivers messages, one at a time for each channel; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        composer: Composer,
        notifiers: Mapping[ChannelKind, Notifier],
        give_up_after: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        """Give a message up at the attempt that fails `give_up_after` from when it was written, which is the last."""
        self._database = database
        self._composer = composer
        self._notifiers = notifiers
        self._give_up_after = give_up_after
        self._clock = clock
        self._stopping = threading.Event()
        self._abandoned = threading.Event()

    def stop(self) -> None:
        """Begin nothing more; what is being sent may still finish and be recorded."""
        self._stopping.set()

    def abandon(self) -> None:
        """Record nothing more: the database is about to close. What is being sent stays waiting, and may come twice."""
        self._abandoned.set()

    def deliver(self, parcel: Parcel) -> datetime | None:
        """Try once, and record the outcome before coming back: no second attempt may begin without it.

        Answers when the channel took it; None where it did not.
        """
        if self._stopping.is_set():
            return None
        parcel = self._still_wanted(parcel)
        if not parcel:
            return None
        began_at = self._clock()
        result = self._result_of_sending(parcel)
        if isinstance(result, DeliveryDelayed):
            result = self._given_up_if_late(parcel, result)
        answered_at = self._clock()
        self._record(parcel, result, began_at, answered_at)
        return answered_at if isinstance(result, _Taken) else None

    def _still_wanted(self, parcel: Parcel) -> Parcel:
        """The parcel without those whose news was told by the messages before them; they are recorded as withheld."""
        now = self._clock()
        with self._database.read() as tx:
            reasons = {delivery.delivery_id: told_meanwhile(tx, delivery, now) for delivery in parcel}
        withheld = [delivery for delivery in parcel if reasons[delivery.delivery_id] is not None]
        if withheld:
            with self._database.write() as tx:
                for delivery in withheld:
                    reason = str(reasons[delivery.delivery_id])
                    outbox.withheld(tx, delivery.delivery_id, reason)
                    outbox.note_attempt(tx, Attempt(delivery.delivery_id, now, now, DeliveryState.WITHHELD, reason))
                channels.remove_unused(tx)
        return [delivery for delivery in parcel if reasons[delivery.delivery_id] is None]

    def _result_of_sending(self, parcel: Parcel) -> _Taken | DeliveryError:
        try:
            return self._send(parcel)
        except DeliveryError as error:
            return error
        except FaceServerError as error:
            return DeliveryDelayed(error.message)
        except Exception as error:  # noqa: BLE001 - a mistake in one channel must not end the others' messages
            logger.error("Delivery %s: unexpected %s", parcel[0].delivery_id, place_of(error))
            return DeliveryDelayed(f"Sending ended in an unexpected {type(error).__name__}.")

    def _send(self, parcel: Parcel) -> _Taken:
        if parcel[0].digest_id is None:
            channel, notification, sighting = self._composer.compose(parcel[0])
            receipt = self._notifier_of(channel).send(channel, notification)
            return _Taken(channel, receipt, {sighting.sighting_id: sighting})
        channel, digest = self._composer.compose_digest(parcel)
        receipt = self._notifier_of(channel).send_together(channel, digest)
        told = {entry.sighting.sighting_id: entry.sighting for entry in digest.entries}
        return _Taken(channel, receipt, told)

    def _notifier_of(self, channel: Channel) -> Notifier:
        notifier = self._notifiers.get(channel.kind)
        if notifier is None:
            raise DeliveryRefused(f"This server sends nothing by {channel.kind}.")
        return notifier

    def _given_up_if_late(self, parcel: Parcel, delay: DeliveryDelayed) -> DeliveryError:
        tried = max(delivery.attempts for delivery in parcel)
        pause = pause_s(tried) if delay.retry_after is None else delay.retry_after
        # A digest is as old as the last of its messages: none of them is given up too early.
        waited = self._clock() - max(delivery.created_at for delivery in parcel)
        left = (self._give_up_after - waited).total_seconds()
        if left <= 0:
            return DeliveryRefused(f"Given up at attempt {tried + 1}: {delay.message}")
        # A channel may ask for any time, even for more than is left. Giving up before the end would send those behind
        # it at once, to a channel that wants to be left alone.
        return DeliveryDelayed(delay.message, min(pause, left))

    def _record(
        self, parcel: Parcel, result: _Taken | DeliveryError, began_at: datetime, answered_at: datetime
    ) -> None:
        """Write down the outcome, as often as it takes: a message whose delivery is forgotten is sent again."""
        while not self._abandoned.is_set():
            # Asked before: what fails while the stop comes is tried once more after it.
            is_last_try = self._stopping.is_set()
            try:
                with self._database.write() as tx:
                    for delivery in parcel:
                        _write_outcome(tx, delivery, result, answered_at)
                        outbox.note_attempt(tx, _attempt(delivery, len(parcel), result, began_at, answered_at))
                    _follow_moved(tx, result)
                    # This may have been the last message of a camera that is gone: its token must not linger.
                    channels.remove_unused(tx)
            except StorageError as error:
                logger.error("Delivery %s: not recorded: %s", parcel[0].delivery_id, error.message)
                if is_last_try:
                    return
                self._stopping.wait(RECORDING_PAUSE_S)
            else:
                _log_outcome(parcel, result)
                return


def pause_s(attempts: int) -> float:
    """How many seconds to wait after one more attempt than these: 1, 2, 4 … 300, and up to a fifth longer."""
    pause = min(FIRST_PAUSE_S * 2.0 ** min(attempts, 30), LONGEST_PAUSE_S)
    return pause * (1 + JITTER * random.random())  # noqa: S311 - spreads load, guards nothing


def place_of(error: Exception) -> str:
    """What kind of error was raised where, for the log: its text may hold a secret, and stays out."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__}{where}"


def _write_outcome(tx: Transaction, delivery: Delivery, result: _Taken | DeliveryError, answered_at: datetime) -> None:
    match result:
        case DeliveryDelayed():
            next_attempt_at = answered_at + timedelta(seconds=result.retry_after or 0.0)
            outbox.delayed(tx, delivery.delivery_id, result.message, next_attempt_at)
        case DeliveryError():
            outbox.failed(tx, delivery.delivery_id, result.message)
        case _:
            reference, shown = result.reference(delivery.sighting_id), result.sightings.get(delivery.sighting_id)
            outbox.delivered(tx, delivery.delivery_id, reference, shown, answered_at)


def _follow_moved(tx: Transaction, result: _Taken | DeliveryError) -> None:
    """Have the channel lead to where its chat is now."""
    if isinstance(result, _Taken) and result.receipt.moved_to is not None:
        settings = result.channel.settings
        channels.follow_chat(tx, settings["api_token"], settings["chat_id"], result.receipt.moved_to)


def _attempt(
    delivery: Delivery, together: int, result: _Taken | DeliveryError, began_at: datetime, ended_at: datetime
) -> Attempt:
    match result:
        case DeliveryDelayed():
            outcome, answer = "delayed", result.message
        case DeliveryError():
            outcome, answer = "failed", result.message
        case _:
            outcome, answer = "delivered", result.receipt.answer
    if delivery.digest_id is not None:
        answer = f"In digest {delivery.digest_id} of {together}: {answer}"
    return Attempt(delivery.delivery_id, began_at, ended_at, outcome, answer)


def _log_outcome(parcel: Parcel, result: _Taken | DeliveryError) -> None:
    name = parcel[0].delivery_id if parcel[0].digest_id is None else f"{parcel[0].digest_id} of {len(parcel)}"
    match result:
        case DeliveryDelayed():
            logger.warning("Delivery %s: again in %.0f s: %s", name, result.retry_after, result)
        case DeliveryError():
            logger.error("Delivery %s: failed: %s", name, result)
        case _:
            logger.info("Delivery %s: delivered", name)
