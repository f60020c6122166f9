"""When messages are put together: pure, so that every case can be drawn in a test."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
GATHERING = timedelta(seconds=10)
"""How long a channel that has had its minute's messages gathers further ones: nobody is told later for it."""
MOST_TOGETHER = 50
"""How many messages one digest tells of: their lines fit into one message of every channel."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a channel's next message goes."""

    together: bool
    """Whether it goes with those that wait behind it."""
    not_before: datetime


def plan(sent: Sequence[datetime], waiting: int, most_per_minute: int, now: datetime) -> Plan:
    """How the next of `waiting` messages goes to a channel that took messages at the moments `sent`, oldest first.

    As long as what was sent in the last minute and what waits are no more than `most_per_minute`, each goes at once and
    by itself. Beyond that they go together; and where so many were sent already, after others had time to gather.
    """
    lately = [moment for moment in sent if now - moment < MINUTE]
    together = waiting > 1 and len(lately) + waiting > most_per_minute
    gathering = len(lately) >= most_per_minute
    return Plan(together, lately[-1] + GATHERING if gathering else now)


class Pace:
    """Remembers when each channel took its last messages; used under its owner's lock.

    A restart forgets them: it may send a minute's messages one by one that would have been put together.
    """

    def __init__(self, most_per_minute: int | None) -> None:
        """Let so many messages a minute go by themselves; None lets every one."""
        self._most = most_per_minute
        self._sent: dict[str, deque[datetime]] = {}

    def note(self, channel_id: str, moment: datetime) -> None:
        """A channel took a message."""
        if self._most is not None:
            self._sent.setdefault(channel_id, deque(maxlen=self._most)).append(moment)

    def plan(self, channel_id: str, waiting: int, now: datetime) -> Plan:
        """How the next of a channel's waiting messages goes."""
        if self._most is None:
            return Plan(together=False, not_before=now)
        return plan(self._sent.get(channel_id, ()), waiting, self._most, now)
