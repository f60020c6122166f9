"""Aligned faces as they were kept, of which another model makes its own templates."""

from typing import Final

from backend.domain.errors import ImageRejected
from backend.domain.geometry import RgbImage
from backend.vision.alignment import SIZE
from backend.vision.image import ImageLimits, decode

_LIMITS: Final = ImageLimits(max_bytes=2**20, max_pixels=2**20)


def aligned_face(png: bytes) -> RgbImage | None:
    """The 112 × 112 pixels that were kept; None where the file is damaged, or holds something else."""
    try:
        image = decode(png, _LIMITS)
    except ImageRejected:
        return None
    return image if image.shape == (SIZE, SIZE, 3) else None
