"""Averaging a face with its mirror image: whichever way somebody looked, half of the average looked the other."""

from collections.abc import Sequence

import numpy as np

from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.vision.embedding import Embedder


class MirroredEmbedder:
    """Makes each template of two embeddings, of the face and of its mirror image; takes twice as long.

    Its templates carry the inner model's id: they lie in the same space, and comparing one with a template of the face
    alone is sound (see docs/decisions, "Mirror images").
    """

    def __init__(self, embedder: Embedder) -> None:
        """Average embeddings of `embedder`."""
        self._embedder = embedder

    @property
    def model(self) -> str:
        """The inner model's id."""
        return self._embedder.model

    @property
    def dimensions(self) -> int:
        """The length of an embedding."""
        return self._embedder.dimensions

    def embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        """One template per aligned face (112 × 112), in the same order."""
        both = self._embedder.embed([*aligned, *map(mirrored, aligned)])
        return [averaged(*pair) for pair in zip(both[: len(aligned)], both[len(aligned) :], strict=True)]


def mirrored(aligned: RgbImage) -> RgbImage:
    """The face seen in a mirror."""
    return aligned[:, ::-1]


def averaged(face: Template, mirror: Template) -> Template:
    """The template half way between a face's and its mirror image's."""
    both = face.embedding + mirror.embedding
    return Template(both / max(float(np.linalg.norm(both)), 1e-6), face.model)
