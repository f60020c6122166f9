"""The face embedder SFace.

Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition" (2021), as published in the
OpenCV Zoo.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.vision.runtime import InferenceSession

BATCH: Final = 16
"""Faces computed at once: more are no faster, and a photo of a crowd would take memory without limit."""


class SFace:
    """SFace on an inference session: RGB 0–255 in, 128 numbers out; mean and scale are part of the model."""

    dimensions: Final = 128

    def __init__(self, session: InferenceSession, model: str) -> None:
        """Embed by `session`; `model` is the id of its weights (see `models.ModelFile.name`)."""
        self._session = session
        self.model: Final = model

    def embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        """One template per aligned face (112 × 112), in the same order."""
        batches = (aligned[start : start + BATCH] for start in range(0, len(aligned), BATCH))
        return [template for batch in batches for template in self._embed(batch)]

    def _embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        batch = np.ascontiguousarray(np.stack(aligned).transpose(0, 3, 1, 2), dtype=np.float32)
        (embeddings,) = self._session.run(batch).values()
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return [Template(embedding, self.model) for embedding in embeddings / np.maximum(lengths, 1e-12)]
