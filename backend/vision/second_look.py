"""Landmarks seen twice: each face is found once more in the mirror image of its surroundings, and the mean is taken.

A detector's landmarks waver by about three pixels of an aligned face, and a face aligned askew is less like itself. The
mean of two looks wavers less, and an error that a detector makes on one side it makes on the other in a mirror.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point, RgbImage
from backend.vision.alignment import Matrix, warped
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
        matrix = _mirroring(detection.box)
        first = detection.landmarks.as_array()
        found = self._detector.detect(warped(image, matrix, LOOK_SIDE))
        seen = [_in_image(again.landmarks, matrix) for again in found]
        apart = [float(np.abs(landmarks - first).max()) for landmarks in seen]
        if not seen or min(apart) > MOST_APART * _side(detection.box):
            return detection
        nearest = seen[int(np.argmin(apart))]
        return Detection(detection.box, _landmarks((first + nearest) / 2), detection.score)


def _mirroring(box: Box) -> Matrix:
    """What brings a box, mirrored, to the middle of what is looked at."""
    scale = LOOK_SIDE * FACE_SHARE / _side(box)
    middle, centre = LOOK_SIDE / 2, box.centre
    return np.array([[-scale, 0, middle + scale * centre.x], [0, scale, middle - scale * centre.y]])


def _in_image(landmarks: Landmarks, matrix: Matrix) -> NDArray[np.float64]:
    """Landmarks of the mirror image as 5 × 2 pixels of the image, in the usual order."""
    places = (landmarks.as_array() - matrix[:, 2]) / matrix[:, :2].diagonal()
    # In a mirror the right eye is taken for the left one.
    return np.asarray(places[[1, 0, 2, 4, 3]], np.float64)


def _side(box: Box) -> float:
    return max(box.width, box.height, 1.0)


def _landmarks(points: NDArray[np.float64]) -> Landmarks:
    return Landmarks(*(Point(float(x), float(y)) for x, y in points))
