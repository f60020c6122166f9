"""Cameras under test: who looks at their frames, and how to wait for what they do."""

import threading
import time
from collections.abc import Callable, Sequence

from backend.cameras.frame import Frame
from backend.cameras.patience import Patience
from backend.cameras.scene import Presence, SeeingCounts
from backend.cameras.source import Timeouts

QUICK = Patience(first_delay=0.05, longest_delay=0.2, refused_delay=60.0)
"""Reconnects at once, but for wrong credentials."""
SHORT = Timeouts(open=1.0, read=1.0)
"""A second of silence is enough for a test of silence."""
PATIENT = Timeouts(open=20.0, read=20.0)
"""For what must succeed: a busy machine may be silent for seconds."""


class CountingWatcher:
    """A Watcher that sees nobody, keeps the last frame and lets tests wait for the next."""

    def __init__(self) -> None:
        self.present: Sequence[Presence] = ()
        self.counts = SeeingCounts()
        self.somebody_here = False
        self.has_ended = False
        self.looks = 0
        self.sizes: set[tuple[int, int]] = set()
        self.last: Frame | None = None
        self.late: list[bool] = []
        """Of each look, whether its frame was late."""
        self.faults: list[BaseException] = []
        """Raised by the next looks, one each."""
        self.is_loading = False
        self.loading = threading.Event()
        """Cleared, `prepare` takes until it is set."""
        self.loading.set()
        self.fault_in_loading: Exception | None = None
        self._looked = threading.Condition()

    def prepare(self) -> None:
        self.is_loading = True
        self.loading.wait()
        if self.fault_in_loading is not None:
            raise self.fault_in_loading

    def look(self, frame: Frame, *, late: bool = False) -> int:
        with self._looked:
            self.sizes.add(frame.size)
            self.last = frame
            self.late.append(late)
            # Last: who polls the count then finds the rest.
            self.looks += 1
            self._looked.notify_all()
            if self.faults:
                raise self.faults.pop(0)
        return 0

    def end_old(self, moment: float) -> None:
        pass

    def end_all(self) -> None:
        self.has_ended = True

    def wait_for_looks(self, more: int, timeout: float = 60.0) -> None:
        """Wait for so many looks from now on; AssertionError where they do not come."""
        with self._looked:
            wanted = self.looks + more
            assert self._looked.wait_for(lambda: self.looks >= wanted, timeout), f"{self.looks} of {wanted} looks"


def wait_until(condition: Callable[[], bool], timeout: float = 60.0, pause: float = 0.02) -> None:
    """Wait for what nothing tells of, asking once every `pause` seconds; AssertionError where it does not come true."""
    deadline, never = time.monotonic() + timeout, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        never.wait(pause)
