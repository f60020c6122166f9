"""The faces of an image as other servers are asked for them: the largest, of a certainty, and how long it took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeAlias, TypeVar

from backend.container.services import Services
from backend.domain.face import Detection
from backend.domain.geometry import RgbImage

Seen = TypeVar("Seen", covariant=True)
Look: TypeAlias = Callable[[RgbImage, Sequence[Detection]], Sequence[Seen]]
"""What is told of some faces of an image, in the order given."""


@dataclass(frozen=True, slots=True)
class Analysis(Generic[Seen]):
    """The faces of one image, the largest first, and what they took in milliseconds."""

    faces: tuple[Seen, ...]
    detecting_ms: float
    describing_ms: float


def analysed(services: Services, image: RgbImage, look: Look[Seen], min_score: float, limit: int = 0) -> Analysis[Seen]:
    """Look at the largest faces, at most `limit` where it is not 0, of at least that detector's score."""
    began = perf_counter()
    found = services.recognition.pipelines.photos.detect(image)
    certain = [detection for detection in found if detection.score >= min_score]
    certain.sort(key=lambda detection: -detection.box.area)
    detected = perf_counter()
    faces = tuple(look(image, certain[: limit or None]))
    return Analysis(faces, (detected - began) * 1000, (perf_counter() - detected) * 1000)
