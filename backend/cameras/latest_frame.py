"""The places between a camera's reader and its processor: the newest frames win."""

import threading
from collections import deque
from typing import Final, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Put = TypeVar("Put", contravariant=True)

PLACES: Final = 4
"""So many frames may wait: with fewer, people who pass several cameras at once cost looks though there was time."""


class Sink(Protocol[Put]):
    """Where a reader leaves its frames."""

    def put(self, item: Put) -> bool:
        """Leave a frame; False where it overtook one that was never taken."""
        ...


class LatestFrames(Generic[Item]):
    """Holds the newest frames, so that a slow processor falls behind by PLACES frames and never by a queue."""

    def __init__(self) -> None:
        """Begin empty."""
        self._changed = threading.Condition()
        self._items: deque[Item] = deque(maxlen=PLACES)
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave a frame for the processor; False where it overtook one that was never taken."""
        with self._changed:
            overtook = len(self._items) == PLACES
            self._items.append(item)
            self._changed.notify()
        return not overtook

    def take(self, timeout: float) -> Item | None:
        """Wait for a frame and take the oldest; None after `timeout` seconds or once the places are closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            return self._items.popleft() if self._items else None

    def close(self) -> None:
        """Wake a waiting processor for the last time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
