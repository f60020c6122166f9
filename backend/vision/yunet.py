"""The face detector YuNet.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector" (2023), as published in the OpenCV Zoo; its outputs are
read as OpenCV's `FaceDetectorYN` does.
"""

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import RgbImage
from backend.vision.grid_detector import GridDetector, Rows, padded
from backend.vision.runtime import InferenceSession

STRIDES: Final = (8, 16, 32)
"""Pixels between neighbouring places where YuNet looks for small, middle and large faces."""
RELIABLE_SIZE: Final = 320
"""Up to this many pixels of a face YuNet is at its best; from 640 on it fails (LFW faces, enlarged step by step: median
score 0.92 at 320, 0.83 at 480, 0.70 at 640, and at 960 nothing but false finds on parts of the face)."""

SCORE_THRESHOLD: Final = 0.7
"""Of 7,701 LFW faces the least certain has 0.86, of dlib's 43 labelled ones 0.85; nearly all false finds have less than
0.65, and what lies between is hidden, cut off, or smaller than 16 pixels."""


class YuNet(GridDetector):
    """YuNet on an inference session."""

    reliable_size = RELIABLE_SIZE

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
        super().__init__(nms_iou, max_side)
        self._session = session
        self._score_threshold = score_threshold

    def _found(self, image: RgbImage) -> Rows:
        batch = _fed(image)
        return _rows(self._session.run(batch), batch.shape[3], self._score_threshold)


def _fed(image: RgbImage) -> NDArray[np.float32]:
    """A batch of one, BGR, black-padded at the right and below to multiples of the largest stride."""
    framed = padded(image, STRIDES[-1])
    batch = np.empty((1, 3, *framed.shape[:2]), np.float32)
    # Colour by colour: at once it takes half as long again.
    for plane, colour in zip(batch[0, ::-1], cv2.split(framed), strict=True):
        plane[:] = colour
    return batch


def _rows(outputs: Mapping[str, NDArray[np.float32]], width: int, score_threshold: float) -> Rows:
    """The places whose score reaches the threshold, read from the outputs of a batch of one."""
    return np.concatenate([_rows_at(stride, outputs, width, score_threshold) for stride in STRIDES])


def _rows_at(stride: int, outputs: Mapping[str, NDArray[np.float32]], width: int, score_threshold: float) -> Rows:
    squares = np.clip(outputs[f"cls_{stride}"][0, :, 0], 0, 1) * np.clip(outputs[f"obj_{stride}"][0, :, 0], 0, 1)
    (places,) = np.nonzero(squares >= score_threshold**2)
    if not len(places):
        return np.empty((0, 15), np.float32)
    grid = np.stack((places % (width // stride), places // (width // stride)), axis=1).astype(np.float32)
    boxes = outputs[f"bbox_{stride}"][0, places]
    sizes = np.exp(boxes[:, 2:]) * stride
    corners = (grid + boxes[:, :2]) * stride - sizes / 2
    landmarks = (np.tile(grid, 5) + outputs[f"kps_{stride}"][0, places]) * stride
    return np.hstack((np.sqrt(squares[places, None]), corners, sizes, landmarks))
