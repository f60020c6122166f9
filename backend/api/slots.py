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
        self.count = count
        self._taken = 0
        self._changing = threading.Lock()

    @property
    def taken_now(self) -> int:
        """How many places are taken at this moment."""
        return self._taken

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place while the block runs; raises Busy, without waiting, where none is free."""
        with self._changing:
            if self._taken >= self.count:
                raise Busy("The server is busy with other images; try again.", retry_after=RETRY_AFTER_SECONDS)
            self._taken += 1
        try:
            yield
        finally:
            with self._changing:
                self._taken -= 1
