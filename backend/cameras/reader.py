"""The thread that reads one camera: connects, keeps the newest frame that is due, connects again."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from backend.cameras.clock import SteadyClock
from backend.cameras.frame import Arrival, Frame, FrameSource
from backend.cameras.latest_frame import Sink
from backend.cameras.pacing import Pacing
from backend.cameras.patience import Backoff, Patience
from backend.cameras.watchdog import Watchdog
from backend.domain.camera import CameraState
from backend.domain.errors import StreamError, StreamTimeout, StreamUnauthorised, StreamUnreadable

logger = logging.getLogger(__name__)

RATE_WINDOW_SECONDS = 5.0
DAMAGED_SECONDS = 5.0
"""For so long after a damaged picture the camera's status says so."""

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
    decoded: int = 0
    decode_seconds: float = 0.0
    """CPU time."""
    overtaken: int = 0
    """Frames that were due for analysis and replaced by a newer one."""
    damaged: int = 0
    damaged_at: float = float("-inf")
    """The moment of the last damaged picture, in monotonic seconds."""
    reconnects: int = 0
    last_frame_at: datetime | None = None
    last_error: str | None = None
    worse: str | None = None
    """What is worse about the connection than was asked for, in a sentence."""


class Reader:
    """Reads one camera until it is stopped, whatever the camera does."""

    def __init__(
        self,
        name: str,
        open_source: OpenSource,
        slot: Sink[Frame],
        analysis_fps: float,
        clock: SteadyClock,
        patience: Patience,
    ) -> None:
        """Open the camera with `open_source` and leave `analysis_fps` frames a second in `slot`."""
        self.reading = Reading()
        self._name = name
        self._open_source = open_source
        self._slot = slot
        self._analysis_fps = analysis_fps
        self._clock = clock
        self._backoff = Backoff(patience)
        self._watchdog = Watchdog(patience)
        self._stopping = threading.Event()
        self._attention = threading.Event()
        """Set where the thread is to stop waiting, for it is to stop or to try again at once."""
        self._thread = threading.Thread(target=self._run, name=f"reader-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def retry(self) -> None:
        """Connect now where the next attempt is still waited for."""
        self._attention.set()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopping.set()
        self._attention.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; False where it still hangs in the camera's connection."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._attention.clear()
            connection = _Connection(self._analysis_fps)
            error = self._read_once(connection)
            if self._stopping.is_set():
                break
            self._tell_failure(error)
            self._attention.wait(self._backoff.delay(error, connection.pictures_for))
            self._update(reconnects=self.reading.reconnects + 1)
        self._update(state=CameraState.STOPPED, fps=0.0)

    def _read_once(self, connection: "_Connection") -> StreamError:
        """Read until the source fails, and answer how it failed."""
        try:
            source = self._open_source()
            try:
                self._tell_of_worse(source.worse)
                self._read(source, connection)
            finally:
                source.close()
        except StreamError as error:
            return error
        except Exception:  # whatever it is, the camera is to be watched again
            logger.exception("Camera %s: reading failed", self._name)
            return StreamUnreadable("Reading the camera failed; the log says why.")
        return StreamTimeout("The camera ended the stream.")

    def _read(self, source: FrameSource, connection: "_Connection") -> None:
        self._watchdog.begin()
        for arrival in source.arrivals(connection.pacing.effort, self._clock.at):
            if self._stopping.is_set():
                return
            self._take_note(arrival, connection)
            if arrival.frames:
                self._pass_on(arrival.frames[-1], arrival.moment, connection)

    def _take_note(self, arrival: Arrival, connection: "_Connection") -> None:
        before = self.reading
        if arrival.frames:
            connection.see_picture(arrival.moment)
        if arrival.frames or (arrival.damaged and connection.has_pictures):
            self._watchdog.see_decoded(arrival.moment)
        elif arrival.attempted:
            self._watchdog.see_data(arrival.moment)
        if not connection.has_pictures:
            # What comes before the first keyframe is not damaged, only incomplete.
            return
        self._update(
            state=CameraState.STREAMING,
            fps=connection.rate.count(arrival.moment),
            frames=before.frames + 1,
            decoded=before.decoded + len(arrival.frames),
            decode_seconds=before.decode_seconds + arrival.decode_seconds,
            damaged=before.damaged + arrival.damaged,
            damaged_at=arrival.moment if arrival.damaged else before.damaged_at,
            last_frame_at=self._clock.at(arrival.moment),
            last_error=None,
        )

    def _pass_on(self, frame: Frame, moment: float, connection: "_Connection") -> None:
        if not connection.pacing.is_due(moment):
            return
        connection.pacing.take(moment)
        self._watchdog.see_picture(frame.fingerprint(), moment)
        fresh = self._slot.put(frame)
        self._update(overtaken=self.reading.overtaken + (not fresh))

    def _tell_failure(self, error: StreamError) -> None:
        refused = isinstance(error, StreamUnauthorised)
        state = CameraState.FAILED if refused else CameraState.RECONNECTING
        if error.message != self.reading.last_error:
            # Once: a camera that is away for a week does not fill the log.
            logger.warning("Camera %s: %s", self._name, error.message)
        self._update(state=state, fps=0.0, last_error=error.message)

    def _tell_of_worse(self, worse: str | None) -> None:
        if worse is not None and worse != self.reading.worse:
            logger.warning("Camera %s: %s", self._name, worse)
        self._update(worse=worse)

    def _update(self, **changes: object) -> None:
        self.reading = replace(self.reading, **changes)  # type: ignore[arg-type]  # the names are Reading's own fields


class _Connection:
    """What is known of one connection while it lasts."""

    def __init__(self, analysis_fps: float) -> None:
        self.pacing = Pacing(analysis_fps)
        self.rate = Rate()
        self._first: float | None = None
        self._last = 0.0

    def see_picture(self, moment: float) -> None:
        self._first = moment if self._first is None else self._first
        self._last = moment

    @property
    def has_pictures(self) -> bool:
        """Whether there was a whole picture by now: before that nothing is known to be streaming."""
        return self._first is not None

    @property
    def pictures_for(self) -> float:
        """For how many seconds there were pictures."""
        return 0.0 if self._first is None else self._last - self._first
