"""Is this that person? One comparison, judged by the threshold for pairs."""

from dataclasses import dataclass

from backend.domain.errors import FaceNotFound, PersonNotFound
from backend.domain.face import Face
from backend.domain.geometry import RgbImage
from backend.domain.person import composed
from backend.gallery.gallery import Gallery
from backend.vision.pipeline import FacePipeline


@dataclass(frozen=True, slots=True)
class Verification:
    """How alike two faces are, and whether that is enough to call them one person."""

    same: bool
    similarity: float
    """Cosine, higher is more alike."""
    threshold: float


class Verifier:
    """Compares a face with another face, or with an enrolled person; safe to use from any thread."""

    def __init__(self, pipeline: FacePipeline, gallery: Gallery, threshold: float) -> None:
        """Call two faces one person from `threshold` on."""
        self._pipeline = pipeline
        self._gallery = gallery
        self.threshold = threshold

    def verify_images(self, image: RgbImage, other: RgbImage, threshold: float | None = None) -> Verification:
        """Compare the largest faces of two images; raises FaceNotFound where one shows none."""
        similarity = self._largest(image).template.similarity(self._largest(other).template)
        return self._judged(similarity, threshold)

    def verify_person(self, image: RgbImage, person_id: str, threshold: float | None = None) -> Verification:
        """Compare the largest face of an image with a person's best template; raises FaceNotFound or PersonNotFound."""
        candidates = self._gallery.search(self._largest(image).template, limit=1, among=(composed(person_id),))
        if not candidates:
            raise PersonNotFound(person_id)
        return self._judged(candidates[0].similarity, threshold)

    def _largest(self, image: RgbImage) -> Face:
        faces = self._pipeline.analyse(image)
        if not faces:
            raise FaceNotFound("No face was found; send a photo of the whole face from the front.")
        return max(faces, key=lambda face: face.detection.box.area)

    def _judged(self, similarity: float, threshold: float | None) -> Verification:
        limit = self.threshold if threshold is None else threshold
        return Verification(similarity >= limit, similarity, limit)
