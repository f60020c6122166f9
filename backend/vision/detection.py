"""Finding faces: what every detector does."""

from typing import Protocol

from backend.domain.face import Detection
from backend.domain.geometry import RgbImage


class FaceDetector(Protocol):
    """Finds faces in an image; may be called by several threads at once."""

    def detect(self, image: RgbImage) -> list[Detection]:
        """The faces, most certain first, with boxes and landmarks in pixels of that image."""
        ...
