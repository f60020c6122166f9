"""One camera being watched: a reader thread, a processor thread, and a few places between them."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from backend.cameras.clock import SteadyClock
from backend.cameras.detail import DetailStream
from backend.cameras.frame import Frame, FrameSource
from backend.cameras.latest_frame import LatestFrames
from backend.cameras.live import LiveView
from backend.cameras.patience import USUAL_PATIENCE, Patience
from backend.cameras.reader import DAMAGED_SECONDS, OpenSource, Rate, Reader
from backend.cameras.scene import Watcher
from backend.domain.camera import CameraCounts, CameraStatus
from backend.domain.errors import FaceServerError

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How often visits are looked after while no frame comes."""
LATE = 0.5
"""A frame that waited for this part of the time from one look to the next is late: its camera falls behind."""


@dataclass(frozen=True, slots=True)
class _Analysis:
    """How the processor is doing: a new value each time, written by its thread and read by any."""

    frames: int = 0
    failed: int = 0
    fps: float = 0.0
    at: float = 0.0


class CameraWorker:
    """Watches one camera from `start` to `stop`.

    The processor thread alone touches the visits and the sighting log; the reader thread alone the connection.
    """

    def __init__(
        self,
        name: str,
        open_source: OpenSource,
        visits: Watcher,
        analysis_fps: float,
        *,
        patience: Patience = USUAL_PATIENCE,
        clock: SteadyClock | None = None,
        degraded: str | None = None,
        open_detail: OpenSource | None = None,
    ) -> None:
        """Watch the camera of that name through `open_source`, `analysis_fps` looks a second.

        `degraded` says what is worse than it should be from the start, if anything. `open_detail` opens the same view
        in more pixels, for the best picture of each visit.
        """
        self.name = name
        self.view = LiveView()
        """What the camera sees, for whoever wants to."""
        self._visits = visits
        self._late_seconds = LATE / analysis_fps
        self._clock = clock or SteadyClock()
        self._slot: LatestFrames[Frame] = LatestFrames()
        self._prepared = threading.Event()
        self._reader = Reader(name, self._once_prepared(open_source), self._slot, analysis_fps, self._clock, patience)
        self._detail = (
            None if open_detail is None else DetailStream(name, open_detail, analysis_fps, self._clock, patience)
        )
        self._analysis = _Analysis()
        self._degraded = degraded
        self._started = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"processor-{name}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._started = True
        self._thread.start()
        self._reader.start()

    def retry(self) -> None:
        """Connect now where the next attempt is still waited for."""
        self._reader.retry()

    def stop(self) -> None:
        """Ask both threads to end; `join` waits for them."""
        # The reader first: nothing may be put into the slot that nobody will take.
        self._reader.stop()
        self._stopping.set()
        self._slot.close()

    def join(self, deadline: float) -> bool:
        """Wait for both threads until `deadline` (time.monotonic); False where one still hangs."""
        ended = self.join_processor(deadline) and self._reader.join(max(0.0, deadline - time.monotonic()))
        return ended and (self._detail is None or self._detail.join(deadline))

    def join_processor(self, deadline: float) -> bool:
        """Wait until nothing is written about this camera any more; its connection may hang on for a while."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def has_died(self) -> bool:
        """Whether a thread ended that nobody asked to."""
        alive = self._thread.is_alive() and self._reader.is_alive()
        return self._started and not alive and not self._stopping.is_set()

    def status(self) -> CameraStatus:
        """How the camera is doing at this moment."""
        reading, analysis = self._reader.reading, self._analysis
        now = time.monotonic()
        return CameraStatus(
            state=reading.state,
            fps_read=reading.fps,
            fps_analysed=analysis.fps if now - analysis.at < 2 * IDLE_SECONDS else 0.0,
            last_frame_at=reading.last_frame_at,
            last_error=reading.last_error,
            degraded=self._what_is_worse(now),
            counts=self._counts(),
        )

    def _once_prepared(self, open_source: OpenSource) -> OpenSource:
        """What connects, though not before there is somebody who can look: frames would be lost until then."""

        def opened() -> FrameSource:
            self._prepared.wait()
            return open_source()

        return opened

    def _what_is_worse(self, now: float) -> tuple[str, ...]:
        damaged = now - self._reader.reading.damaged_at < DAMAGED_SECONDS
        sentences = (
            self._degraded,
            self._reader.reading.worse,
            "Some of its pictures arrive damaged and are not looked at." if damaged else None,
            self._detail.trouble if self._detail is not None else None,
        )
        return tuple(sentence for sentence in sentences if sentence is not None)

    def _counts(self) -> CameraCounts:
        reading, analysis, seen = self._reader.reading, self._analysis, self._visits.counts
        return CameraCounts(
            frames_read=reading.frames,
            frames_decoded=reading.decoded,
            frames_analysed=analysis.frames,
            frames_dropped=reading.overtaken,
            frames_damaged=reading.damaged,
            frames_still=seen.still,
            frames_failed=analysis.failed,
            faces=seen.faces,
            tracks=seen.tracks,
            sightings=seen.sightings,
            reconnects=reading.reconnects,
            decode_ms=1000 * reading.decode_seconds,
            inference_ms=1000 * seen.inference_seconds,
        )

    def _run(self) -> None:
        try:
            self._succeeds(self._visits.prepare)
            self._prepared.set()
            self._look_until_stopped()
        finally:
            # Whatever ends the thread: what it saw is brought to its end, too.
            self._succeeds(self._visits.end_all)
            if self._detail is not None:
                self._detail.stop()

    def _look_until_stopped(self) -> None:
        rate = Rate()
        while not self._stopping.is_set():
            frame = self._slot.take(IDLE_SECONDS)
            if not self._succeeds(partial(self._look, frame, rate)):
                self._analysis = replace(self._analysis, failed=self._analysis.failed + 1)

    def _look(self, frame: Frame | None, rate: Rate) -> None:
        if frame is None:
            self._visits.end_old(time.monotonic())
        else:
            late = time.monotonic() - frame.moment > self._late_seconds
            self._visits.look(frame if self._detail is None else self._detail.with_detail(frame), late=late)
            self.view.show(frame, self._visits.present)
            now = time.monotonic()
            self._analysis = replace(self._analysis, frames=self._analysis.frames + 1, fps=rate.count(now), at=now)
        somebody_here = self._visits.somebody_here
        if not somebody_here:
            self._clock.follow()
        if self._detail is not None:
            self._detail.heed(somebody_here)

    def _succeeds(self, work: Callable[[], None]) -> bool:
        """Do it; a fault in it must not end the watch."""
        try:
            work()
        except FaceServerError as error:
            logger.error("Camera %s: a frame could not be analysed: %s", self.name, error.message)
        except Exception:
            logger.exception("Camera %s: a frame could not be analysed", self.name)
        else:
            return True
        return False
