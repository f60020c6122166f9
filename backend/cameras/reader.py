"""The thread that reads one camera: connects, keeps the newest frame that is due, connects again."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from backend.cameras.latest_frame import LatestFrame
from backend.cameras.source import Frame, FrameSource
from backend.domain.camera import CameraState
from backend.domain.errors import StreamError, StreamTimeout, StreamUnauthorised

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
REFUSED_DELAY_SECONDS = 300.0
"""Wrong credentials do not get better by hammering, and cameras lock out those who try."""
GOOD_AFTER_SECONDS = 60.0
"""Frames for this long make earlier failures forgotten."""
RATE_WINDOW_SECONDS = 5.0

OpenSource = Callable[[], FrameSource]


class Rate:
    """How often something happened, over the last seconds; used by one thread."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._moments: deque[float] = deque()

    def count(self, moment: float) -> float:
        """Count one at `moment` (seconds, going forward only); answers how many there are a second."""
        self._moments.append(moment)
        while moment - self._moments[0] > RATE_WINDOW_SECONDS:
            self._moments.popleft()
        span = moment - self._moments[0]
        return (len(self._moments) - 1) / span if span > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How the reader is doing: a new value each time, written by its thread and read by any."""

    state: CameraState = CameraState.CONNECTING
    fps: float = 0.0
    frames: int = 0
    overtaken: int = 0
    """Frames that were due for analysis and replaced by a newer one."""
    reconnects: int = 0
    last_frame_at: datetime | None = None
    last_error: str | None = None


class Reader:
    """Reads one camera until it is stopped, whatever the camera does."""

    def __init__(self, name: str, open_source: OpenSource, slot: LatestFrame[Frame], analysis_fps: float) -> None:
        """Open the camera with `open_source` and leave `analysis_fps` frames a second in `slot`."""
        self.reading = Reading()
        self._name = name
        self._open_source = open_source
        self._slot = slot
        self._interval = 1 / analysis_fps
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopping.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; False where it still hangs in the camera's connection."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            error = self._read_once()
            if self._stopping.is_set():
                break
            failures = 1 if time.monotonic() - began > GOOD_AFTER_SECONDS else failures + 1
            self._tell_failure(error)
            self._stopping.wait(_delay(error, failures))
            self._update(reconnects=self.reading.reconnects + 1)
        self._update(state=CameraState.STOPPED, fps=0.0)

    def _read_once(self) -> StreamError:
        """Read until the source fails, and answer how it failed."""
        try:
            source = self._open_source()
        except StreamError as error:
            return error
        try:
            self._pass_on_frames(source)
        except StreamError as error:
            return error
        finally:
            source.close()
        return StreamTimeout("The camera ended the stream.")

    def _pass_on_frames(self, source: FrameSource) -> None:
        rate, due = Rate(), 0.0
        for frame in source.frames():
            if self._stopping.is_set():
                return
            now = time.monotonic()
            if now >= due:
                # Counted on from the last due time, so that jitter of the network does not lower the rate.
                due = max(due + self._interval, now)
                fresh = self._slot.put(frame)
                self._update(overtaken=self.reading.overtaken + (not fresh))
            self._update(
                state=CameraState.STREAMING,
                fps=rate.count(now),
                frames=self.reading.frames + 1,
                last_frame_at=frame.taken_at,
                last_error=None,
            )

    def _tell_failure(self, error: StreamError) -> None:
        refused = isinstance(error, StreamUnauthorised)
        self._update(
            state=CameraState.FAILED if refused else CameraState.RECONNECTING, fps=0.0, last_error=error.message
        )
        logger.warning("Camera %s: %s", self._name, error.message)

    def _update(self, **changes: object) -> None:
        self.reading = replace(self.reading, **changes)  # type: ignore[arg-type]  # the names are Reading's own fields


def _delay(error: StreamError, failures: int) -> float:
    """Seconds until the next attempt: doubling, with jitter so that cameras behind one switch do not come at once."""
    if isinstance(error, StreamUnauthorised):
        return REFUSED_DELAY_SECONDS
    longest: float = min(FIRST_DELAY_SECONDS * 2 ** (failures - 1), LONGEST_DELAY_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing
