"""A camera's second stream, the same view in more pixels: open only while somebody is in the picture."""

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from backend.cameras.clock import SteadyClock
from backend.cameras.frame import Frame
from backend.cameras.patience import Patience
from backend.cameras.reader import OpenSource, Reader
from backend.domain.geometry import GreyImage, RgbImage

KEPT = 4
"""So many of the newest pictures are kept, in the decoder's own format: 12 MB at 1080p."""
LEAST_FPS = 5.0
"""So often there is a picture that shows much the same as the frame that was looked at."""
LINGER_SECONDS = 10.0
"""How long it stays open for who may come back: connecting anew costs more than a few pictures."""
SAME_MOMENT_SECONDS = 0.5
"""The two streams of a camera are that far apart at most, or the picture shows something else."""


class RecentFrames:
    """The newest frames of a stream, each for as long as KEPT newer ones have not come."""

    def __init__(self) -> None:
        """Begin empty."""
        self._frames: deque[Frame] = deque(maxlen=KEPT)

    def put(self, item: Frame) -> bool:
        """Keep a frame; none is ever waited for, so none overtakes another."""
        self._frames.append(item)
        return True

    def nearest(self, moment: float) -> Frame | None:
        """The frame nearest to a moment (monotonic seconds); None where none is near."""
        frames = list(self._frames)
        nearest = min(frames, key=lambda frame: abs(frame.moment - moment), default=None)
        return nearest if nearest and abs(nearest.moment - moment) <= SAME_MOMENT_SECONDS else None


class DetailStream:
    """Opens and closes the second stream as it is wanted; used by the camera's processor thread."""

    def __init__(self, name: str, open_source: OpenSource, fps: float, clock: SteadyClock, patience: Patience) -> None:
        """Keep `fps` pictures a second, LEAST_FPS or more, of what `open_source` opens."""
        self._name = name
        self._open_source = open_source
        self._fps = max(fps, LEAST_FPS)
        self._clock = clock
        self._patience = patience
        self._frames = RecentFrames()
        self._reader: Reader | None = None
        self._leaving: list[Reader] = []
        """Readers that were stopped, and whose connection may still hang."""
        self._wanted_until = 0.0

    @property
    def trouble(self) -> str | None:
        """Why there is no picture though there should be, or what is worse about it than was asked for."""
        reader = self._reader
        trouble = None if reader is None else reader.reading.last_error or reader.reading.worse
        return None if trouble is None else f"The detail link: {trouble}"

    def heed(self, somebody_here: bool) -> None:
        """Open the stream if somebody is there, close it when nobody has been for a while; to be called often."""
        now = time.monotonic()
        if somebody_here:
            self._wanted_until = now + LINGER_SECONDS
            self._open()
        elif now > self._wanted_until:
            self.stop()

    def with_detail(self, frame: Frame) -> Frame:
        """The frame, which knows of the detailed picture of its moment if there is one."""
        detail = self._frames.nearest(frame.moment) if self._reader is not None else None
        return frame if detail is None else DetailedFrame(frame, detail)

    def stop(self) -> None:
        """Close the stream, without waiting for its connection."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop()
            self._frames = RecentFrames()
            self._leaving = [left for left in (*self._leaving, reader) if left.is_alive()]

    def join(self, deadline: float) -> bool:
        """Wait for what was stopped until `deadline` (time.monotonic); False where a connection still hangs."""
        return all(reader.join(max(0.0, deadline - time.monotonic())) for reader in self._leaving)

    def _open(self) -> None:
        if self._reader is None:
            name = f"{self._name} (detail)"
            self._reader = Reader(name, self._open_source, self._frames, self._fps, self._clock, self._patience)
            self._reader.start()


@dataclass(frozen=True, slots=True, eq=False)
class DetailedFrame:
    """A frame, and what the camera's other stream shows of its moment; see Frame."""

    own: Frame
    detail: Frame

    @property
    def taken_at(self) -> datetime:
        """The moment by the clock."""
        return self.own.taken_at

    @property
    def moment(self) -> float:
        """The moment in monotonic seconds."""
        return self.own.moment

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame that is watched."""
        return self.own.size

    def rgb(self) -> RgbImage:
        """The frame that is watched."""
        return self.own.rgb()

    def detailed(self) -> RgbImage:
        """The other stream's picture, if it has more pixels."""
        return self.detail.rgb() if self.detail.size[0] > self.own.size[0] else self.own.rgb()

    def shrunk(self, longest: int) -> RgbImage:
        """The frame that is watched, smaller."""
        return self.own.shrunk(longest)

    def luma(self, width: int) -> GreyImage:
        """The brightness of the frame that is watched."""
        return self.own.luma(width)

    def fingerprint(self) -> int:
        """The checksum of the frame that is watched."""
        return self.own.fingerprint()
