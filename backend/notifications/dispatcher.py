"""Takes the messages that wait in the outbox to their channels, as they fall due."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from backend.domain.clock import Clock, utc_now
from backend.domain.errors import StorageError
from backend.domain.notification import ChannelKind, Delivery, DeliveryState
from backend.notifications.bursts import MOST_TOGETHER, Pace
from backend.notifications.composer import Composer
from backend.notifications.courier import Courier, place_of
from backend.notifications.editor import CHANGED_FOR, Editor
from backend.notifications.notifier import Notifier
from backend.storage import outbox
from backend.storage.database import Database
from backend.storage.snapshots import Snapshots

logger = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
RECOVERY_PAUSE_S = 5.0
"""How long to leave the database alone after it failed."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What a channel is to do next."""

    delivery: Delivery
    due: datetime
    together: bool
    """Whether those that wait behind it go with it."""


class Dispatcher:
    """Sends what waits in the outbox: at once, again after failures, and what was left by an earlier run.

    One thread watches the outbox. Each channel's oldest message is sent on a thread of its own and the next only when
    that one's outcome is recorded: the order is kept within a channel, and a slow or dead one delays no other. What
    comes faster than `most_per_minute` is put together; see `bursts`.
    """

    def __init__(
        self,
        database: Database,
        snapshots: Snapshots,
        notifiers: Mapping[ChannelKind, Notifier],
        zone: tzinfo | None,
        give_up_after: timedelta = GIVE_UP_AFTER,
        *,
        most_per_minute: int | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Tell times in `zone`; None is the server's own. The notifiers are closed by their owner, after `stop`.

        `most_per_minute` messages a minute go to a channel one by one; None lets all. A `clock` that somebody moves
        needs a `wake` after it.
        """
        self._database = database
        self._clock = clock
        self._pace = Pace(most_per_minute)
        composer = Composer(database, snapshots, zone)
        self._courier = Courier(database, composer, notifiers, give_up_after, clock)
        self._editor = Editor(database, composer, notifiers, clock)
        self._changed = threading.Condition()
        self._woken = False
        self._stopping = threading.Event()
        self._underway: dict[str, threading.Thread] = {}
        self._watcher = threading.Thread(target=self._watch, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin with what is waiting already."""
        self._watcher.start()

    def wake(self) -> None:
        """Have the outbox looked at now: to be called after each commit that added to it; comes back at once."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def stop(self, deadline_s: float) -> None:
        """Begin no more messages, and wait up to `deadline_s` seconds for those that are being sent.

        One that takes longer is left to its notifier's `close`. It stays in the outbox, to be sent by the next run.
        """
        deadline = time.monotonic() + deadline_s
        self._stopping.set()
        self._courier.stop()
        self.wake()
        self._watcher.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            underway = list(self._underway.values())
        for thread in underway:
            thread.join(max(0.0, deadline - time.monotonic()))
        left = sum(thread.is_alive() for thread in underway)
        if left:
            logger.warning("%s messages that are being sent get no answer in time; they are sent again later.", left)
        self._courier.abandon()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            pause = self._begin_what_is_due()
            with self._changed:
                self._changed.wait_for(lambda: self._woken, pause)
                self._woken = False

    def _begin_what_is_due(self) -> float | None:
        """Begin to send, and answer in how many seconds more falls due; None where nothing else waits."""
        try:
            now = self._clock()
            tasks = self._tasks_of_idle_channels(now)
            for task in tasks:
                if task.due <= now:
                    self._begin(task)
        except StorageError as error:
            logger.error("The outbox cannot be read: %s", error.message)
            return RECOVERY_PAUSE_S
        except Exception as error:  # noqa: BLE001 - without this thread nothing is ever sent again
            logger.error("Unexpected in the dispatcher: %s", place_of(error))
            return RECOVERY_PAUSE_S
        later = [task.due for task in tasks if task.due > now]
        return (min(later) - now).total_seconds() if later else None

    def _tasks_of_idle_channels(self, now: datetime) -> list[_Task]:
        # First who is busy, then what waits: the other way round, a message that is recorded in between is sent twice.
        with self._changed:
            busy = frozenset(self._underway)
        with self._database.read() as tx:
            heads = outbox.heads(tx)
            waiting = outbox.waiting(tx)
            outdated = outbox.outdated(tx, now - CHANGED_FOR)
        # What is new goes before a change of what was told.
        first = {delivery.channel_id: delivery for delivery in (*outdated, *heads)}
        idle = [delivery for delivery in first.values() if delivery.channel_id not in busy]
        return [self._task(delivery, waiting.get(delivery.channel_id, 0), now) for delivery in idle]

    def _task(self, delivery: Delivery, waiting: int, now: datetime) -> _Task:
        if delivery.state is DeliveryState.DELIVERED or delivery.digest_id is not None:
            return _Task(delivery, delivery.next_attempt_at, together=False)
        with self._changed:
            plan = self._pace.plan(delivery.channel_id, waiting, now)
        return _Task(delivery, max(delivery.next_attempt_at, plan.not_before), plan.together)

    def _begin(self, task: _Task) -> None:
        channel_id = task.delivery.channel_id
        thread = threading.Thread(target=self._do, args=(task,), name=f"channel-{channel_id}", daemon=True)
        with self._changed:
            self._underway[channel_id] = thread
        try:
            thread.start()
        except RuntimeError:
            self._release(task.delivery)
            raise

    def _do(self, task: _Task) -> None:
        delivery = task.delivery
        try:
            if delivery.state is DeliveryState.DELIVERED:
                self._editor.edit(delivery)
            else:
                self._deliver(task)
        except Exception as error:  # noqa: BLE001 - a channel that is never released is never served again
            logger.error("Delivery %s: unexpected %s", delivery.delivery_id, place_of(error))
            self._stopping.wait(RECOVERY_PAUSE_S)
        finally:
            self._release(delivery)

    def _deliver(self, task: _Task) -> None:
        taken_at = self._courier.deliver(self._parcel(task))
        if taken_at is not None:
            with self._changed:
                self._pace.note(task.delivery.channel_id, taken_at)

    def _parcel(self, task: _Task) -> list[Delivery]:
        """What goes as one message; what is put together stays so, however often it is tried."""
        digest_id = task.delivery.digest_id
        if digest_id is None and not task.together:
            return [task.delivery]
        if digest_id is None:
            with self._database.write() as tx:
                digest_id = outbox.put_together(tx, task.delivery.channel_id, MOST_TOGETHER)
        with self._database.read() as tx:
            return outbox.waiting_in_digest(tx, digest_id)

    def _release(self, delivery: Delivery) -> None:
        with self._changed:
            del self._underway[delivery.channel_id]
        self.wake()
