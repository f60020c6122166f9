"""One picture of a video, one packet that brings it, and what both come from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backend.cameras.pacing import Effort
from backend.domain.geometry import GreyImage, RgbImage


class Frame(Protocol):
    """One picture of a video; turned into RGB only when asked, for that costs milliseconds. Any thread may ask."""

    @property
    def taken_at(self) -> datetime:
        """The moment by the clock, for people."""
        ...

    @property
    def moment(self) -> float:
        """Seconds that only ever go forward, for measuring gaps."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        ...

    def rgb(self) -> RgbImage:
        """The picture as height × width × 3; the same array each time, so it is not to be drawn into."""
        ...

    def detailed(self) -> RgbImage:
        """The same view at about the same moment in the most pixels there are: its own, or its detail stream's."""
        ...

    def shrunk(self, longest: int) -> RgbImage:
        """The picture with its longer side made `longest` pixels, if it has more: cheaper than `rgb` and shrinking."""
        ...

    def luma(self, width: int) -> GreyImage:
        """The brightness alone, shrunk to `width` pixels: height × width; at 160 pixels it costs 0.3 ms."""
        ...

    def fingerprint(self) -> int:
        """A number that is equal for pictures that are equal in every pixel, and hardly ever for others."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """One packet that a source sent, and what came of decoding it."""

    moment: float
    """When it arrived, in monotonic seconds."""
    is_key: bool
    size: int
    """Bytes."""
    attempted: bool
    """Whether it was given to the decoder."""
    frames: tuple[Frame, ...] = ()
    """The undamaged pictures that the decoder handed out: none, one, or several that had to wait for each other."""
    damaged: int = 0
    """Pictures that could not be decoded, or not wholly."""
    decode_seconds: float = 0.0
    """CPU time of decoding."""


WantedEffort = Callable[[bool, float], Effort]
"""What a packet is worth: told whether it is a keyframe, and its moment."""
TellTime = Callable[[float], datetime]
"""The time of day at a monotonic moment."""


class FrameSource(Protocol):
    """An open video source."""

    @property
    def worse(self) -> str | None:
        """What is worse about it than was asked for, in a sentence; None where nothing is."""
        ...

    def arrivals(self, effort: WantedEffort, tell_time: TellTime) -> Iterator[Arrival]:
        """The packets as they arrive; raises a StreamError when the source fails, ends when the source ends."""
        ...

    def close(self) -> None:
        """Let go of the source."""
        ...
