"""Detectors that answer for a grid of places: search at a bounded size, look for large faces apart, drop doubles."""

from abc import ABC, abstractmethod
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point, RgbImage

Rows: TypeAlias = NDArray[np.float32]
"""One face a row: score, x, y, width, height, and five landmarks as x, y; 15 numbers."""


class GridDetector(ABC):
    """What the detectors of this kind share; each says what it finds in one image as it is."""

    reliable_size: ClassVar[int]
    """Up to this many pixels of a face the detector is at its best."""

    def __init__(self, nms_iou: float, max_side: int) -> None:
        """Search images at a longest side of at most `max_side` pixels, and never enlarged.

        Of two finds that overlap by more than `nms_iou` the less certain is dropped.
        """
        self._nms_iou = nms_iou
        self._max_side = max_side

    def detect(self, image: RgbImage) -> list[Detection]:
        """The faces, most certain first, with boxes and landmarks in pixels of that image."""
        longest = max(image.shape[:2])
        side = min(longest, self._max_side)
        rows = self._at_side(image, side)
        if side > 2 * self.reliable_size:
            overview = self._at_side(image, self.reliable_size)
            large = overview[_sizes(overview) > self.reliable_size * longest / side]
            rows = np.concatenate((large, _outside(rows, large)))
        return [_detection(row) for row in _without_doubles(rows, self._nms_iou)]

    @abstractmethod
    def _found(self, image: RgbImage) -> Rows:
        """The faces found in the image at its own size, in any order and with doubles."""

    def _at_side(self, image: RgbImage, side: int) -> Rows:
        """The faces found in the image shrunk to that longest side, in pixels of the whole image."""
        height, width = image.shape[:2]
        scale = min(1.0, side / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shrunk = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        rows = self._found(np.asarray(shrunk, dtype=np.uint8))
        return _enlarged(rows, width / size[0], height / size[1])


def padded(image: RgbImage, side: int) -> RgbImage:
    """The image with black added at the right and below, to multiples of `side`."""
    height, width = image.shape[:2]
    framed = np.zeros((-(-height // side) * side, -(-width // side) * side, 3), np.uint8)
    framed[:height, :width] = image
    return framed


def _enlarged(rows: Rows, across: float, down: float) -> Rows:
    """The rows in pixels of an image so many times as wide and high."""
    factors = np.array([across, down], dtype=np.float32)
    # Pixels are counted by their centres: the first large one's lies before the middle of the first small one.
    shifts = (factors - 1) / 2
    boxes = np.hstack((rows[:, 1:3] * factors + shifts, rows[:, 3:5] * factors))
    return np.hstack((rows[:, :1], boxes, rows[:, 5:] * np.tile(factors, 5) + np.tile(shifts, 5)))


def _sizes(rows: Rows) -> NDArray[np.float32]:
    return np.asarray(rows[:, 3:5].min(axis=1), dtype=np.float32)


def _outside(rows: Rows, large: Rows) -> Rows:
    """The rows without those that mostly lie in a large face: that same face again, or an eye taken for a face."""
    for face in large:
        rows = rows[_intersections(face, rows) <= 0.5 * rows[:, 3:5].prod(axis=1)]
    return rows


def _without_doubles(rows: Rows, most_overlap: float) -> Rows:
    """The rows by descending score, without those that overlap a better one by more than that (greedy NMS)."""
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    kept = []
    while len(rows):
        best, rows = rows[0], rows[1:]
        kept.append(best)
        shared = _intersections(best, rows)
        rows = rows[shared <= most_overlap * (best[3:5].prod() + rows[:, 3:5].prod(axis=1) - shared)]
    return np.array(kept, dtype=np.float32).reshape(-1, 15)


def _intersections(row: NDArray[np.float32], others: Rows) -> NDArray[np.float32]:
    """The area that one row's box shares with each of the others'."""
    near = np.maximum(row[1:3], others[:, 1:3])
    far = np.minimum(row[1:3] + row[3:5], others[:, 1:3] + others[:, 3:5])
    return np.asarray(np.clip(far - near, 0, None).prod(axis=1), dtype=np.float32)


def _detection(row: NDArray[np.float32]) -> Detection:
    score, x, y, width, height, *landmarks = row.tolist()
    points = (Point(*pair) for pair in zip(landmarks[::2], landmarks[1::2], strict=True))
    return Detection(Box(x, y, width, height), Landmarks(*points), score)
