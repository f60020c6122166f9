"""What is known of one face in one image: where it is, how useful it is, and its template."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import ModelMismatch
from backend.domain.geometry import Box, Landmarks, RgbImage


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found in an image."""

    box: Box
    landmarks: Landmarks
    score: float
    """The detector's certainty that this is a face, 0–1."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How useful a face is for matching; not a match score. Every part is 0–1 and higher is better, but `face_size`."""

    score: float
    """The whole, 0–1."""
    face_size: float
    """The shorter side of the face's box in pixels of the full image."""
    sharpness: float
    brightness: float
    pose: float
    """1 looking into the camera, 0 in profile."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """An embedding that knows its model."""

    embedding: NDArray[np.float32]
    """One vector of length 1 (L2-normalised)."""
    model: str
    """The id of the model that made it; only templates of one model may be compared."""

    def similarity(self, other: "Template") -> float:
        """The cosine of the angle between two templates, -1 to 1, higher is more alike.

        Raises ModelMismatch where the two come from different models.
        """
        if self.model != other.model:
            raise ModelMismatch(expected=self.model, actual=other.model)
        # A vector's product with itself may come out a trace above 1.
        return min(1.0, max(-1.0, float(self.embedding @ other.embedding)))


@dataclass(frozen=True, slots=True, eq=False)
class GradedFace:
    """A detected and graded face, aligned but not embedded."""

    detection: Detection
    quality: Quality
    aligned: RgbImage
    """112 × 112 pixels, as an embedder wants them."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected, graded and embedded face."""

    detection: Detection
    quality: Quality
    template: Template
    aligned: RgbImage | None = None
    """The 112 × 112 pixels that the template was made of; None where they were not kept."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptLook:
    """A look at a face that is kept to learn from later."""

    template: Template
    quality: float
    """0–1, see `Quality.score`."""
    crop: bytes | None
    """The aligned face, 112×112, as PNG; None where it is not kept."""
