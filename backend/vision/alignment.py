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

    What lies outside the image is black.
    """
    return warped(image, similarity_transform(landmarks.as_array(), REFERENCE.as_array()), SIZE)


def warped(image: RgbImage, matrix: Matrix, side: int) -> RgbImage:
    """A square of `side` pixels that shows the image as the matrix turns, scales, mirrors and shifts it; black around.

    What comes out less than half as large is first shrunk by whole factors of two with every pixel counted, since
    sampling it directly would pick single pixels and so noise.
    """
    part, matrix = _neighbourhood(image, matrix, side)
    if part.size == 0:
        return np.zeros((side, side, 3), np.uint8)
    part, matrix = _shrunk(part, matrix)
    return np.asarray(cv2.warpAffine(part, matrix, (side, side), flags=cv2.INTER_LINEAR), dtype=np.uint8)


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


def _scale(matrix: Matrix) -> float:
    return math.hypot(matrix[0, 0], matrix[1, 0])


def _neighbourhood(image: RgbImage, matrix: Matrix, side: int) -> tuple[RgbImage, Matrix]:
    """The part of the image that the square shows, and the matrix for it; OpenCV warps no sides above 32,767."""
    corners = np.array([(0, 0, 1), (side, 0, 1), (0, side, 1), (side, side, 1)]) @ cv2.invertAffineTransform(matrix).T
    margin = 2 + 2 / max(_scale(matrix), 1e-6)
    limits = np.array(image.shape[1::-1])
    left, top = np.clip(corners.min(axis=0) - margin, 0, limits).astype(int)
    right, bottom = np.clip(corners.max(axis=0) + margin, 0, limits).astype(int)
    return image[top:bottom, left:right], _from(matrix, float(left), float(top))


def _from(matrix: Matrix, x: float, y: float) -> Matrix:
    """The matrix for points counted from a new origin."""
    return np.column_stack((matrix[:, :2], matrix @ (x, y, 1)))


def _shrunk(image: RgbImage, matrix: Matrix) -> tuple[RgbImage, Matrix]:
    """The image shrunk by the largest power of two that leaves it no smaller than needed, and the matrix for that."""
    scale = _scale(matrix)
    factor = 2 ** math.floor(-math.log2(scale)) if 0 < scale <= 0.5 else 1
    height, width = (side // factor for side in image.shape[:2])
    if factor == 1 or not height or not width:
        return image, matrix
    whole = image[: height * factor, : width * factor]
    shrunk = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # Pixels are counted by their centres, and a small pixel's lies (factor - 1) / 2 further than its first large one's.
    matrix = _from(matrix, (factor - 1) / 2, (factor - 1) / 2)
    return shrunk, np.column_stack((matrix[:, :2] * factor, matrix[:, 2]))
