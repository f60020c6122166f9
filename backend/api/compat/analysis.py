"""The faces of an image as other servers are asked for them: the largest, of a certainty, and how long it took."""

from dataclasses import dataclass
from time import perf_counter

from backend.container.services import Services
from backend.domain.face import Face
from backend.domain.geometry import RgbImage


@dataclass(frozen=True, slots=True)
class Analysis:
    """The faces of one image, the largest first, and what they took in milliseconds."""

    faces: tuple[Face, ...]
    detecting_ms: float
    describing_ms: float


def analysed(services: Services, image: RgbImage, min_score: float, limit: int = 0) -> Analysis:
    """Find and describe the largest faces, at most `limit` where it is not 0, of at least that detector's score."""
    pipeline = services.recognition.pipelines.photos
    began = perf_counter()
    found = [detection for detection in pipeline.detect(image) if detection.score >= min_score]
    found.sort(key=lambda detection: -detection.box.area)
    detected = perf_counter()
    faces = tuple(pipeline.describe(image, found[: limit or None]))
    return Analysis(faces, (detected - began) * 1000, (perf_counter() - detected) * 1000)
