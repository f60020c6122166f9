"""How useful a face is for matching: not who it is, but how far its similarities can be relied on.

Every part is mapped to the share of similarity that is left, on average, when a good photo of a person is compared with
one spoiled to that degree (LFW, 150 people, two photos each, the one spoiled step by step). The score is the product of
the shares: 1 for a good portrait, 0.5 where half the similarity is lost.
"""

import math
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.face import Detection, Quality
from backend.domain.geometry import Landmarks, RgbImage
from backend.vision.alignment import REFERENCE, similarity_transform

Curve: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""What was measured, ascending, and the share of similarity that is left there; straight lines between."""

SIZE_CURVE: Final[Curve] = ((8, 13, 17, 21, 25, 34, 48), (0.0, 0.4, 0.64, 0.8, 0.88, 0.96, 1.0))
"""By the face's size in pixels."""
DETAIL_CURVE: Final[Curve] = (
    (0.06, 0.12, 0.175, 0.215, 0.267, 0.338, 0.441, 0.496, 0.544),
    (0.0, 0.17, 0.3, 0.42, 0.58, 0.74, 0.9, 0.95, 1.0),
)
"""By `_detail`; measured with blurs of 8, 6, 5, 4, 3, 2, 1.5 and 1 pixels (sigma, of 112)."""
DARK_CURVE: Final[Curve] = ((0, 3, 7, 12, 25, 50), (0.0, 0.35, 0.66, 0.83, 0.94, 1.0))
"""By the mean level of grey, 0–255."""
GLARE_CURVE: Final[Curve] = ((0.1, 0.23, 0.4, 0.58, 0.7, 0.8, 0.9, 1.0), (1.0, 0.96, 0.9, 0.78, 0.67, 0.57, 0.4, 0.0))
"""By the share of colour values at the upper end."""
POSE_CURVE: Final[Curve] = ((0.0, 0.2, 0.4, 0.6, 0.75, 0.9), (0.0, 0.3, 0.7, 0.88, 0.94, 1.0))
"""By the part `pose`; LFW has few faces below 0.6, so there the curve is drawn with care rather than measured."""

_INNER: Final = (slice(24, 104), slice(20, 92))
"""Rows and columns of an aligned face that show skin, not hair or background."""
_WHOLE: Final = np.array([(x, y, 1.0) for y in range(14, 119, 4) for x in range(16, 97, 4)])
"""Places all over an aligned face, from ear to ear and from the forehead to the chin.

There a detector's box lies, by the median of LFW's faces: from 14 to 95 across, and from 14 to 119 down.
"""


def grade(aligned: RgbImage, detection: Detection, image_shape: tuple[int, ...]) -> Quality:
    """The quality of a face, from its aligned pixels (112 × 112), its detection, and the shape of the whole image.

    A face that is cut off at the image's border loses score in proportion.
    """
    sharpness, brightness = _sharpness(aligned), _brightness(aligned)
    pose = _facing(detection.landmarks)
    shares = (
        _on(SIZE_CURVE, detection.box.size),
        sharpness,
        brightness,
        _on(POSE_CURVE, pose),
        visible(detection, image_shape),
    )
    return Quality(math.prod(shares), detection.box.size, sharpness, brightness, pose)


def visible(detection: Detection, image_shape: tuple[int, ...]) -> float:
    """The share of a face that lies inside an image of that height and width, 0–1.

    The landmarks tell how much room the whole face takes. The box does not: detectors box what they see, so that a face
    of which the image shows half has a box that lies inside. Of 40 LFW faces, cut by 10, 20, 30 and 40 % at each edge,
    this says 0.90, 0.81, 0.71 and 0.64 in the median, and they are 0.94, 0.89, 0.81 and 0.70 alike to the whole face.
    """
    to_image = similarity_transform(REFERENCE.as_array(), detection.landmarks.as_array())
    places = _WHOLE @ to_image.T
    height, width = image_shape[:2]
    return float(np.mean(np.all((places >= 0) & (places <= (width, height)), axis=1)))


def _on(curve: Curve, value: float) -> float:
    return float(np.interp(value, *curve))


def _sharpness(aligned: RgbImage) -> float:
    return _on(DETAIL_CURVE, _detail(cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY).astype(np.float32)))


def _detail(grey: NDArray[np.float32]) -> float:
    """The share of all slopes in a picture that goes when it is blurred: much of a sharp one, little of a blurred one.

    After Crete et al., "The blur effect" (2007), with a slight blur first, so that noise does not count as detail.
    """
    calmed = cv2.GaussianBlur(grey, (0, 0), 1.0)
    blurred = cv2.GaussianBlur(calmed, (0, 0), 4.0)
    lost = total = 0.0
    for axis in (0, 1):
        before, after = (np.abs(np.diff(picture, axis=axis))[_INNER] for picture in (calmed, blurred))
        lost += float(np.maximum(before - after, 0).sum())
        total += float(before.sum())
    return lost / (total + 100.0)  # a flat picture has no slopes to speak of, and none of its noise counts


def _brightness(aligned: RgbImage) -> float:
    inner = aligned[_INNER]
    return _on(DARK_CURVE, float(inner.mean())) * _on(GLARE_CURVE, float((inner >= 250).mean()))


def _facing(landmarks: Landmarks) -> float:
    """The cosine of the angle between the face's direction and the camera's, 1 to 0.

    A nose stands out by half the height from mouth to eyes, and seen from the front it lies 0.56 of that height below
    the eyes (both measured on LFW), so its place between the four other points tells where it points to.
    """
    points = landmarks.as_array().astype(np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across = points[1] - points[0]
    width = max(float(np.hypot(*across)), 1e-6)
    across /= width
    down = np.array([-across[1], across[0]])
    height = max(float((mouth - eyes) @ down), 1e-6)
    nose = points[2] - eyes
    sideways, upright = 2 * float(nose @ across) / width, 2 * (float(nose @ down) / height - 0.56)
    return 1 / math.sqrt(1 + sideways**2 + upright**2)
