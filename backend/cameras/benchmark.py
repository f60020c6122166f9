"""What watching cameras costs: the same video decoded and thrown away, watched by us, and by the usual loop.

Each function measures the whole process it runs in, by its CPU time: on a busy machine the clock tells nothing. So each
is meant to be run in a process of its own, one after the other, and more than once.
"""

import resource
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2

from backend.cameras.pacing import Effort
from backend.cameras.source import FrameSource
from backend.cameras.worker import CameraWorker
from backend.domain.errors import StreamUnreachable
from backend.vision.loading import CAMERA_SIDE

WARM_SECONDS = 4.0
"""What is not measured at the beginning: connecting, the first keyframe, compiling of models for a size of picture."""
_USUAL_SCORE, _USUAL_NMS, _USUAL_TOP = 0.6, 0.3, 5000


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process needed in a stretch of time."""

    cpu_seconds: float
    seconds: float
    """By the clock."""
    looks: int = 0
    """Pictures that were analysed."""
    dropped: int = 0
    """Pictures that were due and overtaken by a newer one."""
    reconnects: int = 0
    memory_mb: float = 0.0
    """Resident, at the end."""

    @property
    def cores(self) -> float:
        """How many cores were kept busy."""
        return self.cpu_seconds / self.seconds


def decode_only(source: FrameSource, seconds: float) -> Cost:
    """Decode every picture of a camera and throw it away: less than that no watcher can do who decodes them all."""
    meter = _Meter(seconds)
    for _ in source.arrivals(lambda _is_key, _moment: Effort.PICTURE, lambda _moment: datetime.now(UTC)):
        if meter.is_over():
            break
    return meter.cost()


def watch(workers: Sequence[CameraWorker], seconds: float) -> Cost:
    """Watch cameras, all in this process, as the service does."""
    with _started(workers):
        threading.Event().wait(WARM_SECONDS)
        before = _totals(workers)
        meter = _Meter(seconds, warm=0.0)
        threading.Event().wait(seconds)
        looks, dropped, reconnects = (now - then for now, then in zip(_totals(workers), before, strict=True))
        return meter.cost(looks, dropped, reconnects)


def loop_as_usual(link: str, detector: Path, recogniser: Path, looks_a_second: float, seconds: float) -> Cost:
    """The loop of many tutorials: OpenCV reads every picture, and now and then finds and embeds the faces in one.

    It is given the same models and the same size of picture to search, so that what is left is the loop itself.
    """
    video = cv2.VideoCapture(link)
    if not video.isOpened():
        raise StreamUnreachable("OpenCV cannot open the camera.")
    find = cv2.FaceDetectorYN.create(
        str(detector), "", (CAMERA_SIDE, CAMERA_SIDE), _USUAL_SCORE, _USUAL_NMS, _USUAL_TOP
    )
    embed = cv2.FaceRecognizerSF.create(str(recogniser), "")
    meter, due, looks = _Meter(seconds), 0.0, 0
    while not meter.is_over():
        read, picture = video.read()
        if not read:
            raise StreamUnreachable("The camera ended the stream.")
        now = time.monotonic()
        if now >= due:
            due = max(due + 1 / looks_a_second, now)
            _analyse_as_usual(picture, find, embed)
            looks += meter.has_begun
    video.release()
    return meter.cost(looks)


def _analyse_as_usual(picture: cv2.typing.MatLike, find: cv2.FaceDetectorYN, embed: cv2.FaceRecognizerSF) -> None:
    scale = CAMERA_SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    find.setInputSize((small.shape[1], small.shape[0]))
    _, faces = find.detect(small)
    for face in faces if faces is not None else ():
        embed.feature(embed.alignCrop(small, face))


class _Meter:
    """Measures this process from when it has warmed up until the time is over."""

    def __init__(self, seconds: float, warm: float = WARM_SECONDS) -> None:
        self._begins = time.monotonic() + warm
        self._ends = self._begins + seconds
        self._began: tuple[float, float] | None = None
        self.is_over()

    @property
    def has_begun(self) -> bool:
        return self._began is not None

    def is_over(self) -> bool:
        now = time.monotonic()
        if self._began is None and now >= self._begins:
            self._began = (time.process_time(), now)
        return now >= self._ends

    def cost(self, looks: int = 0, dropped: int = 0, reconnects: int = 0) -> Cost:
        cpu, clock = self._began or (0.0, 0.0)
        return Cost(time.process_time() - cpu, time.monotonic() - clock, looks, dropped, reconnects, resident_mb())


def resident_mb() -> float:
    """The memory of this process in use, in megabytes (2^20 bytes)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20
    # Elsewhere only the peak is told: in bytes on macOS, in kilobytes on others.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@contextmanager
def _started(workers: Sequence[CameraWorker]) -> Iterator[None]:
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        deadline = time.monotonic() + 10.0
        for worker in workers:
            worker.join(deadline)


def _totals(workers: Sequence[CameraWorker]) -> tuple[int, int, int]:
    counts = [worker.status().counts for worker in workers]
    return (
        sum(count.frames_analysed for count in counts),
        sum(count.frames_dropped for count in counts),
        sum(count.reconnects for count in counts),
    )
