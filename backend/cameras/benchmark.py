"""What watching cameras costs: the same video decoded and thrown away, watched by us, and by the usual loop.

Each function measures the whole process it runs in, by its CPU time: on a busy machine the clock tells nothing. So each
is meant to be run in a process of its own, one after the other, and more than once.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.cameras.frame import FrameSource
from backend.cameras.pacing import Effort
from backend.cameras.worker import CameraWorker
from backend.domain.errors import StreamUnreachable

WARM_SECONDS = 4.0
"""What is not measured at the beginning: connecting, the first keyframe, compiling of models for a size of picture."""
_USUAL_SCORE = 0.6


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


def memory_over_time(workers: Sequence[CameraWorker], moments: Sequence[float]) -> tuple[list[float], int]:
    """The memory at each of some moments, in seconds from the start, and how often cameras were connected anew."""
    began = time.monotonic()
    with _started(workers):
        memory = []
        for moment in moments:
            threading.Event().wait(max(0.0, began + moment - time.monotonic()))
            memory.append(resident_mb())
        return memory, _totals(workers)[2]


@dataclass(frozen=True, slots=True)
class UsualModels:
    """What the usual loop finds and embeds faces with: the same weights as ours."""

    detector: Path
    recogniser: Path
    side: int | None = None
    """The longest side in pixels of what is searched; None searches each picture as it is, as tutorials do."""


def loop_as_usual(link: str, models: UsualModels, looks_a_second: float, seconds: float) -> Cost:
    """The loop of many tutorials: OpenCV reads every picture, and now and then finds and embeds the faces in one."""
    video = cv2.VideoCapture(link)
    if not video.isOpened():
        raise StreamUnreachable("OpenCV cannot open the camera.")
    analyse = _UsualAnalysis(models)
    meter, due, looks = _Meter(seconds), 0.0, 0
    while not meter.is_over():
        read, picture = video.read()
        if not read:
            raise StreamUnreachable("The camera ended the stream.")
        now = time.monotonic()
        if now >= due:
            due = max(due + 1 / looks_a_second, now)
            analyse(np.asarray(picture, np.uint8))
            looks += meter.has_begun
    video.release()
    return meter.cost(looks)


class _UsualAnalysis:
    def __init__(self, models: UsualModels) -> None:
        self._side = models.side
        self._find = cv2.FaceDetectorYN.create(str(models.detector), "", (320, 320), _USUAL_SCORE)
        self._embed = cv2.FaceRecognizerSF.create(str(models.recogniser), "")

    def __call__(self, picture: NDArray[np.uint8]) -> None:
        height, width = picture.shape[:2]
        scale = min(1.0, (self._side or max(height, width)) / max(height, width))
        size = round(width * scale), round(height * scale)
        searched = picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        self._find.setInputSize(size)
        _, faces = self._find.detect(searched)
        for face in faces if faces is not None else ():
            self._embed.feature(self._embed.alignCrop(searched, face))


class _Meter:
    """Measures this process for some seconds, from when it has warmed up."""

    def __init__(self, seconds: float, warm: float | None = None) -> None:
        self._warm_until = time.monotonic() + (WARM_SECONDS if warm is None else warm)
        self._seconds = seconds
        self._began: tuple[float, float] | None = None
        self.is_over()

    @property
    def has_begun(self) -> bool:
        return self._began is not None

    def is_over(self) -> bool:
        now = time.monotonic()
        if self._began is None and now >= self._warm_until:
            self._began = (time.process_time(), now)
        return self._began is not None and now - self._began[1] >= self._seconds

    def cost(self, looks: int = 0, dropped: int = 0, reconnects: int = 0) -> Cost:
        cpu, clock = self._began or (0.0, 0.0)
        return Cost(time.process_time() - cpu, time.monotonic() - clock, looks, dropped, reconnects, resident_mb())


def resident_mb(pid: int | None = None) -> float:
    """The memory in use by a process, or by this one, in megabytes (2^20 bytes); NaN where the system does not tell.

    Only Linux does.
    """
    statm = Path(f"/proc/{'self' if pid is None else pid}/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if statm.exists() else float("nan")


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
