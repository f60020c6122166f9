"""One slot between a camera's reader and its processor: the newest frame wins."""

import threading
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Put = TypeVar("Put", contravariant=True)


class Sink(Protocol[Put]):
    """Where a reader leaves its frames."""

    def put(self, item: Put) -> bool:
        """Leave a frame; False where it overtook one that was never taken."""
        ...


class LatestFrame(Generic[Item]):
    """Holds one frame at most, so that a slow processor falls behind by one frame and never by a queue."""

    def __init__(self) -> None:
        """Begin empty."""
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave a frame for the processor; False where it overtook one that was never taken."""
        with self._changed:
            overtook = self._item is not None
            self._item = item
            self._changed.notify()
        return not overtook

    def take(self, timeout: float) -> Item | None:
        """Wait for a frame and take it; None after `timeout` seconds or once the slot is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake a waiting processor for the last time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
