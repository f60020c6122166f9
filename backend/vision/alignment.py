"""Turning, scaling and cutting a face so that its landmarks lie where the embedder expects them."""

import math
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import Landmarks, Point, RgbImage

SIZE: Final = 112
"""Width and height of an aligned face in pixels."""
REFERENCE: Final = Landmarks(
    right_eye=Point(38.2946, 51.6963),
    left_eye=Point(73.5318, 51.5014),
    nose=Point(56.0252, 71.7366),
    right_mouth=Point(41.5493, 92.3655),
    left_mouth=Point(70.7299, 92.2041),
)
"""Where the landmarks lie in an aligned face: the five points of ArcFace, which SFace was trained with too."""

Matrix: TypeAlias = NDArray[np.float64]
"""2 × 3: what a point (x, y, 1) is multiplied with."""


def align(image: RgbImage, landmarks: Landmarks) -> RgbImage:
    """The face as 112 × 112 pixels, by the similarity transform that brings its landmarks nearest to `REFERENCE`.

    What lies outside the image is black. A face of more than twice that size is first shrunk by whole factors of two
    with every pixel counted, since sampling it directly would pick single pixels and so noise.
    """
    matrix = similarity_transform(landmarks.as_array(), REFERENCE.as_array())
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if 0 < scale < 0.5:
        image, matrix = _shrunk_neighbourhood(image, matrix, 2 ** math.floor(-math.log2(scale)))
    return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def similarity_transform(source: NDArray[np.float32], target: NDArray[np.float32]) -> Matrix:
    """The turn, scaling and shift that bring points (n × 2) nearest to others, in least squares.

    Umeyama (1991) in closed form for the plane: with both sets centred and read as complex numbers z and w, turn and
    scaling are the one number sum(conj(z)·w) / sum(|z|²). Points that all coincide are only shifted to a point.
    """
    source_centre, target_centre = source.mean(axis=0, dtype=np.float64), target.mean(axis=0, dtype=np.float64)
    z, w = (source - source_centre) @ (1, 1j), (target - target_centre) @ (1, 1j)
    turn = np.vdot(z, w) / max(np.vdot(z, z).real, 1e-12)
    rotation = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack((rotation, target_centre - rotation @ source_centre))


def _shrunk_neighbourhood(image: RgbImage, matrix: Matrix, factor: int) -> tuple[RgbImage, Matrix]:
    """The part of the image that the matrix looks at, `factor` times smaller, and the matrix for that part."""
    left, top, right, bottom = _seen(image, matrix, factor)
    if right - left < factor or bottom - top < factor:
        return image, matrix
    width, height = (right - left) // factor, (bottom - top) // factor
    part = image[top : top + height * factor, left : left + width * factor]
    shrunk = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # Pixels are counted by their centres, so a small pixel's centre is (factor - 1) / 2 further than its first corner.
    shift = np.array([left, top]) + (factor - 1) / 2
    return shrunk, np.column_stack((matrix[:, :2] * factor, matrix[:, 2] + matrix[:, :2] @ shift))


def _seen(image: RgbImage, matrix: Matrix, margin: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the image that an aligned face shows, with a margin around it."""
    corners = np.array([(0, 0, 1), (SIZE, 0, 1), (0, SIZE, 1), (SIZE, SIZE, 1)]) @ cv2.invertAffineTransform(matrix).T
    limits = np.array(image.shape[1::-1])
    left, top = np.clip(np.floor(corners.min(axis=0)) - margin, 0, limits).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + margin, 0, limits).astype(int)
    return int(left), int(top), int(right), int(bottom)
