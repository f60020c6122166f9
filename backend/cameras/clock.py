"""The time of a camera's pictures: the wall clock, but one that does not jump while somebody is watched."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _now() -> datetime:
    return datetime.now(UTC)


class SteadyClock:
    """Turns monotonic moments into times of day; any thread may ask, one sets.

    Between two calls of `follow` an hour on this clock lasts an hour, whatever becomes of the system's clock: a
    sighting that is going on when somebody sets the clock back does not end before it began.
    """

    def __init__(self, wall: Callable[[], datetime] = _now, steady: Callable[[], float] = time.monotonic) -> None:
        """Agree with `wall` (aware) now, and go on with `steady` (seconds)."""
        self._wall = wall
        self._steady = steady
        self._anchor = (wall(), steady())

    def at(self, moment: float) -> datetime:
        """The time of day at a moment of the steady clock."""
        wall, steady = self._anchor
        return wall + timedelta(seconds=moment - steady)

    def follow(self) -> None:
        """Agree with the system's clock again: to be called while nobody is watched."""
        self._anchor = (self._wall(), self._steady())
