"""How many recognitions run or wait at once: the rest are turned away at once, and asked to come again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backend.domain.errors import Busy

RETRY_AFTER_SECONDS = 1


class Slots:
    """A bounded number of places; safe to use from any thread."""

    def __init__(self, count: int) -> None:
        """Begin with `count` free places."""
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place while the block runs; raises Busy, without waiting, where none is free."""
        if not self._free.acquire(blocking=False):
            raise Busy("The server is busy with other images; try again.", retry_after=RETRY_AFTER_SECONDS)
        try:
            yield
        finally:
            self._free.release()
