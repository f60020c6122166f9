"""One camera being watched: a reader thread, a processor thread, and one slot between them."""

import logging
import threading
import time
from dataclasses import dataclass, replace

from backend.cameras.latest_frame import LatestFrame
from backend.cameras.reader import OpenSource, Rate, Reader
from backend.cameras.source import Frame
from backend.cameras.visits import Visits
from backend.domain.camera import CameraCounts, CameraStatus
from backend.domain.errors import FaceServerError

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How often visits are looked after while no frame comes."""


@dataclass(frozen=True, slots=True)
class _Analysis:
    """How the processor is doing: a new value each time, written by its thread and read by any."""

    frames: int = 0
    faces: int = 0
    fps: float = 0.0
    at: float = 0.0


class CameraWorker:
    """Watches one camera from `start` to `stop`.

    The processor thread alone touches the visits and the sighting log; the reader thread alone the connection.
    """

    def __init__(self, name: str, open_source: OpenSource, visits: Visits, analysis_fps: float) -> None:
        """Watch the camera of that name through `open_source`, `analysis_fps` looks a second."""
        self.name = name
        self._visits = visits
        self._slot: LatestFrame[Frame] = LatestFrame()
        self._reader = Reader(name, open_source, self._slot, analysis_fps)
        self._analysis = _Analysis()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"processor-{name}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()
        self._reader.start()

    def stop(self) -> None:
        """Ask both threads to end; `join` waits for them."""
        # The reader first: nothing may be put into the slot that nobody will take.
        self._reader.stop()
        self._stopping.set()
        self._slot.close()

    def join(self, deadline: float) -> bool:
        """Wait for both threads until `deadline` (time.monotonic); False where one still hangs."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        ended = self._reader.join(max(0.0, deadline - time.monotonic()))
        return ended and not self._thread.is_alive()

    def status(self) -> CameraStatus:
        """How the camera is doing at this moment."""
        reading, analysis = self._reader.reading, self._analysis
        recent = time.monotonic() - analysis.at < 2 * IDLE_SECONDS
        return CameraStatus(
            state=reading.state,
            fps_read=reading.fps,
            fps_analysed=analysis.fps if recent else 0.0,
            last_frame_at=reading.last_frame_at,
            last_error=reading.last_error,
            counts=CameraCounts(
                frames_read=reading.frames,
                frames_analysed=analysis.frames,
                frames_dropped=reading.overtaken,
                faces=analysis.faces,
                sightings=self._visits.opened,
                reconnects=reading.reconnects,
            ),
        )

    def _run(self) -> None:
        rate = Rate()
        while not self._stopping.is_set():
            frame = self._slot.take(IDLE_SECONDS)
            try:
                self._look(frame, rate)
            except FaceServerError as error:
                logger.error("Camera %s: a frame could not be analysed: %s", self.name, error.message)
            except Exception:  # a fault in one frame must not end the watch
                logger.exception("Camera %s: a frame could not be analysed", self.name)
        self._visits.end_all()

    def _look(self, frame: Frame | None, rate: Rate) -> None:
        if frame is None:
            self._visits.end_old(time.monotonic())
            return
        faces = self._visits.look(frame)
        now = time.monotonic()
        before = self._analysis
        self._analysis = replace(
            before, frames=before.frames + 1, faces=before.faces + faces, fps=rate.count(now), at=now
        )
