"""Turning aligned faces into templates: what every embedder does."""

from collections.abc import Sequence
from typing import Protocol

from backend.domain.face import Template
from backend.domain.geometry import RgbImage


class Embedder(Protocol):
    """Makes templates of aligned faces; may be called by several threads at once."""

    @property
    def model(self) -> str:
        """The model's id, which its templates carry."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of an embedding."""
        ...

    def embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        """One template per aligned face (112 × 112, see `alignment`), in the same order."""
        ...
