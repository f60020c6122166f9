"""Whether anything has moved since the picture was last searched: pure, on small grey pictures."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import GreyImage, Region

LOOK_ANYWAY_SECONDS = 2.0
"""How long a still scene goes unsearched: who comes without a change that shows is found by then."""
LEAST_CHANGE = 8.0
MOST_NEEDED_CHANGE = 20.0
"""The change of level (0–255) by which a cell has moved is 9 times the picture's median change, within these limits.

The median is the noise, for most of a picture stays as it is; where most of it moves, the upper limit says so.
"""
LEAST_CELLS = 12
"""How many cells must have moved.

Measured on planes 160 cells wide, 0.1 to 1.5 s apart. Still scenes of 320 × 240 to 1920 × 1080 with noise of up to 12
levels, encoded well and badly (H.264, crf 20–40): 0–9 cells. Somebody whose face is 20–60 pixels wide and who takes
30–60 s for the way through the picture, after 0.6 s: 23 and more.
"""
_TIMES_NOISE: Final = 9
_FITS: Final = 2


class MotionGate:
    """Remembers the picture that was searched last, and says whether a newer one differs; used by one thread.

    It compares with that picture and not with the one before, so that slow movement adds up and a change is seen until
    it has been looked at.
    """

    def __init__(self, region: Region | None = None) -> None:
        """Begin with no picture searched; heed what moves in the region, or anywhere."""
        self._region = region
        self._searched: NDArray[np.uint8] | None = None
        self._searched_at = 0.0

    def is_worth_a_look(self, luma: GreyImage, moment: float) -> bool:
        """Whether to search this picture, taken at `moment` (seconds, going forward); if so it counts as searched."""
        # Three cells square: a cell's noise is that of few pixels where the video itself is small.
        calm = np.asarray(cv2.blur(luma, (3, 3)), np.uint8)
        if not self._is_due(moment) and not self._has_moved(calm):
            return False
        self._searched, self._searched_at = calm, moment
        return True

    def _is_due(self, moment: float) -> bool:
        return self._searched is None or moment - self._searched_at >= LOOK_ANYWAY_SECONDS

    def _has_moved(self, calm: NDArray[np.uint8]) -> bool:
        before = self._searched
        if before is None or before.shape != calm.shape:
            return True
        if int(cv2.absdiff(before, calm).max()) < LEAST_CHANGE:
            return False
        change = np.abs(_beyond_exposure(before.astype(np.float32), calm.astype(np.float32)))
        needed = float(np.clip(_TIMES_NOISE * np.median(change), LEAST_CHANGE, MOST_NEEDED_CHANGE))
        return int(self._inside(change > needed).sum()) >= LEAST_CELLS

    def _inside(self, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if self._region is None:
            return cells
        size = np.array(cells.shape[::-1])
        corners = np.array([(corner.x, corner.y) for corner in self._region.corners]) * size
        mask = cv2.fillPoly(np.zeros(cells.shape, np.uint8), [corners.round().astype(np.int32)], 1)
        return cells & (mask > 0)


def _beyond_exposure(before: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is left of the difference when the whole picture has become brighter or darker, as by a camera's exposure.

    The gain and offset that explain most are fitted twice, the second time without the cells that they do not explain.
    """
    change = now - before
    alike = np.ones(before.shape, bool)
    for _ in range(_FITS):
        gain, offset = _line(before[alike], now[alike])
        change = now - (gain * before + offset)
        alike = np.abs(change) <= 2 * float(np.median(np.abs(change))) + 2
    return change


def _line(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[float, float]:
    """The gain and offset of the straight line through the points with the least squares."""
    spread = float(x.var())
    x_mean, y_mean = float(x.mean()), float(y.mean())
    # An even picture tells nothing of the gain.
    gain = float((x - x_mean) @ (y - y_mean)) / (len(x) * spread) if spread > 1 else 1.0
    return gain, y_mean - gain * x_mean
