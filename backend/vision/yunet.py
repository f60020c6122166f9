"""The face detector YuNet.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector" (2023), as published in the OpenCV Zoo; its outputs are
read as OpenCV's `FaceDetectorYN` does.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point, RgbImage
from backend.vision.runtime import InferenceSession

STRIDES: Final = (8, 16, 32)
"""Pixels between neighbouring places where YuNet looks for small, middle and large faces."""
RELIABLE_SIZE: Final = 320
"""Up to this many pixels of a face YuNet is at its best; from 640 on it fails (LFW faces, enlarged step by step: median
score 0.92 at 320, 0.83 at 480, 0.70 at 640, and at 960 nothing but false finds on parts of the face)."""

SCORE_THRESHOLD: Final = 0.7
"""Of 7,701 LFW faces the least certain has 0.86, of dlib's 43 labelled ones 0.85; nearly all false finds have less than
0.65, and what lies between is hidden, cut off, or smaller than 16 pixels."""

Rows: TypeAlias = NDArray[np.float32]
"""One face a row: score, x, y, width, height, and five landmarks as x, y; 15 numbers."""


class YuNet:
    """YuNet on an inference session."""

    def __init__(
        self,
        session: InferenceSession,
        score_threshold: float = SCORE_THRESHOLD,
        nms_iou: float = 0.3,
        max_side: int = 1280,
    ) -> None:
        """Search images at a longest side of at most `max_side` pixels, and never enlarged.

        Where that is more than 640, faces too large for YuNet are possible, and are found by a second look at the
        image at 320 pixels. Faces of less than about 12 pixels as searched are not found.
        """
        self._session = session
        self._score_threshold = score_threshold
        self._nms_iou = nms_iou
        self._max_side = max_side

    def detect(self, image: RgbImage) -> list[Detection]:
        """The faces, most certain first, with boxes and landmarks in pixels of that image."""
        longest = max(image.shape[:2])
        side = min(longest, self._max_side)
        rows = self._at_side(image, side)
        if side > 2 * RELIABLE_SIZE:
            overview = self._at_side(image, RELIABLE_SIZE)
            large = overview[_sizes(overview) > RELIABLE_SIZE * longest / side]
            rows = np.concatenate((large, _outside(rows, large)))
        return [_detection(row) for row in _without_doubles(rows, self._nms_iou)]

    def _at_side(self, image: RgbImage, side: int) -> Rows:
        """The faces found in the image shrunk to that longest side, in pixels of the whole image."""
        height, width = image.shape[:2]
        scale = min(1.0, side / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shrunk = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        batch = _padded_batch(np.asarray(shrunk, dtype=np.uint8))
        rows = _rows(self._session.run(batch), batch.shape[3], self._score_threshold)
        return _enlarged(rows, width / size[0], height / size[1])


def _padded_batch(image: RgbImage) -> NDArray[np.float32]:
    """A batch of one, BGR, black-padded at the right and below to multiples of the largest stride."""
    height, width = image.shape[:2]
    batch = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    batch[0, :, :height, :width] = image.transpose(2, 0, 1)[::-1]
    return batch


def _rows(outputs: Mapping[str, NDArray[np.float32]], width: int, score_threshold: float) -> Rows:
    """The places whose score reaches the threshold, read from the outputs of a batch of one."""
    return np.concatenate([_rows_at(stride, outputs, width, score_threshold) for stride in STRIDES])


def _rows_at(stride: int, outputs: Mapping[str, NDArray[np.float32]], width: int, score_threshold: float) -> Rows:
    scores = np.sqrt(
        np.clip(outputs[f"cls_{stride}"][0, :, 0], 0, 1) * np.clip(outputs[f"obj_{stride}"][0, :, 0], 0, 1)
    )
    (places,) = np.nonzero(scores >= score_threshold)
    grid = np.stack((places % (width // stride), places // (width // stride)), axis=1).astype(np.float32)
    boxes = outputs[f"bbox_{stride}"][0, places]
    sizes = np.exp(boxes[:, 2:]) * stride
    corners = (grid + boxes[:, :2]) * stride - sizes / 2
    landmarks = (np.tile(grid, 5) + outputs[f"kps_{stride}"][0, places]) * stride
    return np.hstack((scores[places, None], corners, sizes, landmarks))


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
