"""Which of a camera's pictures are decoded, and which looked at: pure."""

from collections import deque
from enum import Enum

ARRIVALS = 16
"""So many arrivals tell how far apart pictures are."""
KEYFRAMES = 4
"""So many keyframes in a row tell how far apart they are."""
NEARLY = 1.25
"""Keyframes so much further apart than looks are wanted still count as often enough."""


class Effort(Enum):
    """What a packet is worth."""

    PICTURE = "picture"
    """Decode it."""
    REFERENCE = "reference"
    """Decode it if later pictures build on it."""
    NOTHING = "nothing"
    """Do not decode it."""


class Pacing:
    """Picks the pictures nearest to evenly spaced moments; used by one thread. Moments are monotonic seconds.

    Where keyframes come often enough, or all pictures are keyframes as in MJPEG, nothing else is decoded, and of them
    only those that are looked at. Otherwise pictures that are not looked at are decoded only where others need them.
    """

    def __init__(self, looks_a_second: float) -> None:
        """Pick `looks_a_second` pictures a second."""
        self._interval = 1 / looks_a_second
        self._due: float | None = None
        self._arrivals: deque[float] = deque(maxlen=ARRIVALS)
        self._keyframes: deque[float] = deque(maxlen=KEYFRAMES)
        self._follows_on = True
        """Whether everything since the last keyframe was decoded, so that the next packet can be."""

    def effort(self, is_key: bool, moment: float) -> Effort:
        """What the packet that arrived just now is worth."""
        self._arrivals.append(moment)
        if is_key:
            self._keyframes.append(moment)
        elif self._keyframes and moment - self._keyframes[-1] > 2 * self._interval:
            # They have become rare, and what was learnt of them no longer holds.
            self._keyframes = deque([self._keyframes[-1]], KEYFRAMES)
        effort = self._keyframes_only(is_key, moment) if self._keyframes_suffice() else self._all(is_key, moment)
        self._follows_on = effort is not Effort.NOTHING
        return effort

    def is_due(self, moment: float) -> bool:
        """Whether a picture that arrived at that moment is to be looked at: it is nearer to its time than the next."""
        return self._due is None or moment + self._tolerance() >= self._due

    def take(self, moment: float) -> None:
        """Note that a picture is looked at."""
        due = moment if self._due is None else self._due
        # Counted on from the last due time, so that jitter of the network does not lower the rate; after a pause anew.
        self._due = due + self._interval if due + self._interval > moment else moment + self._interval

    def _keyframes_suffice(self) -> bool:
        spacing = _spacing(self._keyframes)
        return len(self._keyframes) == KEYFRAMES and spacing is not None and spacing <= NEARLY * self._interval

    def _keyframes_only(self, is_key: bool, moment: float) -> Effort:
        return Effort.PICTURE if is_key and self.is_due(moment) else Effort.NOTHING

    def _all(self, is_key: bool, moment: float) -> Effort:
        if not is_key and not self._follows_on:
            return Effort.NOTHING
        return Effort.PICTURE if is_key or self.is_due(moment) else Effort.REFERENCE

    def _tolerance(self) -> float:
        spacing = _spacing(self._keyframes) if self._keyframes_suffice() else _spacing(self._arrivals)
        return min((spacing or 0.0) / 2, self._interval / 2)


def _spacing(moments: deque[float]) -> float | None:
    """The mean distance of some moments; None for fewer than two."""
    return (moments[-1] - moments[0]) / (len(moments) - 1) if len(moments) > 1 else None
