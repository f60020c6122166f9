"""Landmarks seen twice: each face is found once more in the mirror image of its surroundings, and the mean is taken.

A detector's landmarks waver by about three pixels of an aligned face, and a face aligned askew is less like itself. The
mean of two looks wavers less, and an error that a detector makes on one side it makes on the other in a mirror.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point, RgbImage
from backend.vision.detection import FaceDetector

LOOK_SIDE: Final = 160
"""Width and height of what is looked at, in pixels: always the same, so that the detector is prepared for one size."""
FACE_SHARE: Final = 0.5
"""The longer side of the face's box in that."""
MOST_APART: Final = 0.2
"""In parts of the box's longer side: landmarks that are further apart belong to another face, or are a mistake."""


class SecondLook:
    """Steadies landmarks by looking at a face once more; may be called by several threads at once."""

    def __init__(self, detector: FaceDetector) -> None:
        """Look with `detector`."""
        self._detector = detector

    def steadied(self, image: RgbImage, detection: Detection) -> Detection:
        """The detection with the mean of both looks' landmarks; as it was where the second look finds no such face."""
        view = _view(image, detection.box)
        if view is None:
            return detection
        first = detection.landmarks.as_array()
        seen = [view.in_image(found.landmarks) for found in self._detector.detect(view.mirrored)]
        apart = [float(np.abs(landmarks - first).max()) for landmarks in seen]
        if not seen or min(apart) > MOST_APART * max(detection.box.width, detection.box.height):
            return detection
        nearest = seen[int(np.argmin(apart))]
        return Detection(detection.box, _landmarks((first + nearest) / 2), detection.score)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A face's surroundings in a mirror."""

    mirrored: RgbImage
    """`LOOK_SIDE` wide and high; black where the image ends."""
    origin: NDArray[np.float64]
    """Where the left upper corner of the unmirrored view lies in the image (x, y)."""
    scale: NDArray[np.float64]
    """Pixels of the view per pixel of the image (x, y)."""

    def in_image(self, landmarks: Landmarks) -> NDArray[np.float64]:
        """Landmarks of the mirrored view as 5 × 2 pixels of the image, in the usual order."""
        seen = landmarks.as_array() * (-1, 1) + (LOOK_SIDE, 0)
        # In a mirror the right eye is taken for the left one.
        return np.asarray(self.origin + seen[[1, 0, 2, 4, 3]] / self.scale, np.float64)


def _view(image: RgbImage, box: Box) -> _View | None:
    """The box's surroundings; None where the box lies outside the image or is too small to be looked at."""
    side = max(box.width, box.height) / FACE_SHARE
    corner = np.floor([box.centre.x - side / 2, box.centre.y - side / 2]).astype(int)
    limits = np.array(image.shape[1::-1])
    near, far = np.clip(corner, 0, limits), np.clip(corner + int(np.ceil(side)), 0, limits)
    if (far <= near).any():
        return None
    size = np.maximum(1, np.round((far - near) * LOOK_SIDE / np.ceil(side))).astype(int)
    scale = size / (far - near)
    place = np.clip(np.round((near - corner) * scale).astype(int), 0, LOOK_SIDE - size)
    canvas = np.zeros((LOOK_SIDE, LOOK_SIDE, 3), np.uint8)
    canvas[place[1] : place[1] + size[1], place[0] : place[0] + size[0]] = _resized(image, near, far, size)
    return _View(np.ascontiguousarray(canvas[:, ::-1]), near - place / scale, scale)


def _resized(
    image: RgbImage, near: NDArray[np.int_], far: NDArray[np.int_], size: NDArray[np.int_]
) -> NDArray[np.generic]:
    part = image[near[1] : far[1], near[0] : far[0]]
    shrinks = (size < far - near).any()
    return np.asarray(
        cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    )


def _landmarks(points: NDArray[np.float64]) -> Landmarks:
    return Landmarks(*(Point(float(x), float(y)) for x, y in points))
