"""Sources that do what a test says, in the place of a camera."""

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import numpy as np

from backend.cameras.frame import Arrival, FrameSource, TellTime, WantedEffort
from backend.cameras.pacing import Effort
from backend.domain.errors import StreamError
from backend.domain.geometry import GreyImage, RgbImage

Event = float | BaseException | threading.Event
"""A picture so many seconds after the last one; something to raise; something to hang in."""


class ScriptedFrame:
    """An even grey picture; those of equal level are equal in every pixel."""

    size = (8, 6)

    def __init__(self, taken_at: datetime, moment: float, level: int) -> None:
        self.taken_at = taken_at
        self.moment = moment
        self.level = level

    def rgb(self) -> RgbImage:
        width, height = self.size
        return np.broadcast_to(np.uint8(self.level % 256), (height, width, 3))

    def detailed(self) -> RgbImage:
        return self.rgb()

    def shrunk(self, longest: int) -> RgbImage:
        return self.rgb()

    def luma(self, width: int) -> GreyImage:
        return self.rgb()[..., 0]

    def fingerprint(self) -> int:
        return self.level


class ScriptedSource:
    """Plays events; its clock starts at 1000 s and does not wait."""

    def __init__(
        self,
        events: Iterable[Event],
        *,
        levels: Iterator[int] | None = None,
        damaged: Callable[[int], bool] = lambda _number: False,
        key: bool = True,
        worse: str | None = None,
    ) -> None:
        self._events = events
        self._levels = levels or iter(range(1_000_000))
        self._damaged = damaged
        self._key = key
        self.worse = worse
        self.is_closed = False

    def arrivals(self, effort: WantedEffort, tell_time: TellTime) -> Iterator[Arrival]:
        moment, number = 1000.0, 0
        for event in self._events:
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, threading.Event):
                event.wait()
                continue
            moment += event
            wanted = effort(self._key, moment) is not Effort.NOTHING
            frames = (ScriptedFrame(tell_time(moment), moment, next(self._levels)),) if wanted else ()
            is_whole = not self._damaged(number)
            number += 1
            yield Arrival(moment, self._key, 100, wanted, frames if is_whole else (), int(not is_whole), 0.001)

    def close(self) -> None:
        self.is_closed = True


class ScriptedCamera:
    """Opens one scripted source after the other, or fails as the script says; the last one is kept."""

    def __init__(self, *script: ScriptedSource | BaseException) -> None:
        self._script = list(script)
        self._opened = threading.Condition()
        self.attempts = 0

    def __call__(self) -> FrameSource:
        with self._opened:
            self.attempts += 1
            self._opened.notify_all()
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(step, BaseException):
            raise step
        return step

    def wait_for_attempts(self, count: int, timeout: float = 10.0) -> None:
        with self._opened:
            assert self._opened.wait_for(lambda: self.attempts >= count, timeout)


def pictures(count: int, every: float = 0.2) -> list[Event]:
    """So many pictures, so far apart."""
    return [every] * count


def gone(
    message: str = "Nothing answers at the camera's address.", kind: Callable[..., StreamError] = StreamError
) -> StreamError:
    """A failure of the camera."""
    return kind(message)
