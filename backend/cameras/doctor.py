"""Examines a camera before it is watched: which step fails, or what it sends and what that costs here."""

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from statistics import median
from typing import Protocol
from urllib.parse import urlsplit

from backend.cameras.finding import Finder, View
from backend.cameras.frame import Arrival, Frame
from backend.cameras.motion import LOOK_ANYWAY_SECONDS
from backend.cameras.pacing import Effort, Pacing
from backend.cameras.source import Timeouts, VideoSource
from backend.domain.camera import ConnectStep, checked_link, masked_link
from backend.domain.errors import FaceServerError, InvalidField, StreamError, StreamUnreachable, StreamUnreadable
from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point
from backend.vision.pipeline import FacePipeline

NAME_SECONDS = 2.0
PORT_SECONDS = 1.5
"""For each address of the name; most have one or two."""
TIMEOUTS = Timeouts(open=2.5, read=2.0)
MEASURED_SECONDS = 3.0
"""With the times above an examination ends within 15 s."""
SAMPLES = 4
"""So many pictures, evenly spread, are searched for faces."""
LOAD = 0.8
"""The share of this machine that cameras may take up: the rest is for photos, and for moments that are busier."""
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


class OpenForCheck(Protocol):
    """Opens a link for the doctor."""

    def __call__(self, link: str, timeouts: Timeouts) -> VideoSource:
        """The open source; raises a StreamError that names the step that failed."""
        ...


@dataclass(frozen=True, slots=True)
class Video:
    """What a camera sends, and what it costs here."""

    codec: str
    width: int
    height: int
    fps: float
    keyframe_seconds: float | None
    """From one keyframe to the next; None where none or one came within the examination."""
    kilobits_per_second: float
    decode_ms: float
    """CPU time to decode a second of video."""
    search_ms: float
    """Time, by the clock, to search one picture for faces."""
    describe_ms: float
    """Time, by the clock, to tell whose face one is."""
    face_sizes: tuple[int, ...]
    """The faces in the picture where most were seen: the shorter side of each in pixels, the largest first."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many cameras like this one this machine can watch."""

    while_still: int
    """While hardly anything moves: pictures are decoded and compared, and seldom searched."""
    while_busy: int
    """While somebody is in each picture all the time."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an examination found."""

    link: str
    """With its secrets masked."""
    passed: tuple[ConnectStep, ...]
    """The steps that went well, in order."""
    failed: ConnectStep | None
    message: str
    """What is the matter, in a sentence; or that nothing is."""
    video: Video | None = None
    capacity: Capacity | None = None


class CameraDoctor:
    """Examines links; safe to use from any thread."""

    def __init__(
        self, open_link: OpenForCheck, pipeline: FacePipeline, cores: int, searches: int, analysis_fps: float
    ) -> None:
        """Open links with `open_link`, search with `pipeline`; see `capacity` for what is reckoned with."""
        self._open = open_link
        self._pipeline = pipeline
        self._cores = cores
        self._searches = searches
        self._analysis_fps = analysis_fps

    def examine(self, link: str) -> Diagnosis:
        """What a link leads to; takes 15 s at the most, and raises nothing for a camera that is at fault."""
        try:
            video = self._video(link)
        except InvalidField as error:
            return _failure(link, ConnectStep.LINK, error)
        except StreamError as error:
            return _failure(link, ConnectStep(str(error.details.get("step", ConnectStep.PICTURE))), error)
        return Diagnosis(
            link=masked_link(link),
            passed=tuple(ConnectStep),
            failed=None,
            message="The camera sends video that can be watched.",
            video=video,
            capacity=capacity(video, self._cores, self._searches, self._analysis_fps),
        )

    def _video(self, link: str) -> Video:
        checked_link(link)
        _reach(link)
        with self._open(link, TIMEOUTS) as source:
            sample = _watched(source)
            codec = source.codec
        # Only now, so that searching does not disturb what is measured.
        return self._described(codec, sample)

    def _described(self, codec: str, sample: "_Sample") -> Video:
        if not sample.frames:
            raise StreamUnreadable("No whole picture comes of what the camera sends.", step=ConnectStep.PICTURE)
        width, height = sample.frames[-1].size
        faces, search_ms = self._searched(sample.frames)
        describe_ms = self._described_ms(sample.frames[-1])
        return Video(
            codec=codec,
            width=width,
            height=height,
            fps=sample.per_second(sample.packets - 1),
            keyframe_seconds=sample.keyframe_seconds,
            kilobits_per_second=sample.per_second(sample.bytes) * 8 / 1000,
            decode_ms=sample.per_second(sample.decode_seconds) * 1000,
            search_ms=search_ms,
            describe_ms=describe_ms,
            face_sizes=faces,
        )

    def _searched(self, frames: Sequence[Frame]) -> tuple[tuple[int, ...], float]:
        """The sizes of the faces where most were seen, and how many milliseconds a search takes at best."""
        finder = Finder(self._pipeline, View())
        best: tuple[int, ...] = ()
        took: list[float] = []
        for frame in _spread(frames, SAMPLES):
            began = time.perf_counter()
            detections = finder.find(frame)
            took.append(time.perf_counter() - began)
            sizes = tuple(sorted((round(found.box.size) for found in detections), reverse=True))
            best = max(best, sizes, key=len)
        return best, min(took) * 1000

    def _described_ms(self, frame: Frame) -> float:
        """How many milliseconds it takes at best to describe one face."""
        somewhere = _somewhere(*frame.size)
        took: list[float] = []
        for _ in range(SAMPLES):
            began = time.perf_counter()
            self._pipeline.describe(frame.rgb(), [somewhere])
            took.append(time.perf_counter() - began)
        return min(took) * 1000


def _somewhere(width: int, height: int) -> Detection:
    """A face in the middle of a picture, for which it is measured how long describing takes; none need be there."""
    x, y, unit = width / 2, height / 2, min(width, height) / 20
    box = Box(x - 2 * unit, y - 2 * unit, 4 * unit, 4 * unit)
    places = ((-unit, -unit), (unit, -unit), (0.0, 0.0), (-unit, unit), (unit, unit))
    return Detection(box, Landmarks(*(Point(x + dx, y + dy) for dx, dy in places)), 1.0)


def capacity(video: Video, cores: int, searches: int, analysis_fps: float) -> Capacity:
    """How many cameras like this `cores` can watch at `analysis_fps` looks a second.

    Decoders run beside each other, a core each, and so do as many as `searches`; faces are described by turns, over all
    cores.
    """
    decoding = _decoded_share(video, analysis_fps) * video.decode_ms / 1000 / cores
    # A still scene is compared each time, which costs next to nothing, and searched every so often.
    searching = video.search_ms / 1000 / searches
    still = decoding + searching / LOOK_ANYWAY_SECONDS
    busy = decoding + analysis_fps * (searching + video.describe_ms / 1000)
    return Capacity(int(LOAD / still), int(LOAD / busy))


def _decoded_share(video: Video, analysis_fps: float) -> float:
    """How much of what comes is decoded: where each picture stands alone, only what is looked at; see Pacing."""
    all_stand_alone = video.keyframe_seconds is not None and video.keyframe_seconds * video.fps < 1.5
    return min(1.0, analysis_fps / video.fps) if all_stand_alone else 1.0


@dataclass(slots=True)
class _Sample:
    """What came while a source was watched."""

    pacing: Pacing
    frames: list[Frame] = field(default_factory=list)
    """Two a second, for what a frame takes in memory."""
    keyframes: list[float] = field(default_factory=list)
    """When each arrived."""
    packets: int = 0
    bytes: int = 0
    decode_seconds: float = 0.0
    first: float = 0.0
    last: float = 0.0

    def take(self, arrival: Arrival) -> None:
        """Count in what arrived."""
        self.first = arrival.moment if not self.packets else self.first
        self.last = arrival.moment
        self.packets += 1
        self.bytes += arrival.size
        self.decode_seconds += arrival.decode_seconds
        if arrival.is_key:
            self.keyframes.append(arrival.moment)
        if arrival.frames and self.pacing.is_due(arrival.moment):
            self.pacing.take(arrival.moment)
            self.frames.append(arrival.frames[-1])

    @property
    def keyframe_seconds(self) -> float | None:
        """From one keyframe to the next: of several the median, for one that comes late makes two of them wrong."""
        return median(later - earlier for earlier, later in pairwise(self.keyframes)) if self.keyframes[1:] else None

    def per_second(self, total: float) -> float:
        """So much in all is how much a second."""
        return total / max(self.last - self.first, 1e-3)


def _watched(source: VideoSource) -> _Sample:
    """Decode all that a source sends for a while."""
    sample = _Sample(Pacing(2))

    def decode_all(is_key: bool, moment: float) -> Effort:
        sample.pacing.effort(is_key, moment)
        return Effort.PICTURE

    until = time.monotonic() + MEASURED_SECONDS
    arrivals = source.arrivals(decode_all, lambda _moment: datetime.now(UTC))
    for arrival in takewhile(lambda arrival: arrival.moment < until, arrivals):
        sample.take(arrival)
    return sample


def _reach(link: str) -> None:
    """Find the link's host and knock at its port; raises StreamUnreachable, which says which of both failed."""
    parts = urlsplit(link)
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme.lower()]
    if not _is_known(host):
        raise StreamUnreachable(f"The name '{host}' is not known.", step=ConnectStep.NAME)
    try:
        socket.create_connection((host, port), PORT_SECONDS).close()
    except OSError:
        raise StreamUnreachable(f"Nothing answers at port {port} of '{host}'.", step=ConnectStep.PORT) from None


def _is_known(host: str) -> bool:
    """Whether the system resolves a name in time; its resolver cannot be interrupted, so it is left behind if not."""
    known = threading.Event()

    def resolve() -> None:
        with suppress(OSError, UnicodeError):
            socket.getaddrinfo(host, None)
            known.set()

    thread = threading.Thread(target=resolve, name="camera-doctor-name", daemon=True)
    thread.start()
    thread.join(NAME_SECONDS)
    return known.is_set()


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """At most `count` of them, from the first to the last."""
    step = max(1, len(frames) // count)
    return list(frames[::step][:count])


def _failure(link: str, step: ConnectStep, error: FaceServerError) -> Diagnosis:
    steps = list(ConnectStep)
    return Diagnosis(masked_link(link), tuple(steps[: steps.index(step)]), step, error.message)
