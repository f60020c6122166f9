"""From pixels to faces: detect, align, grade, embed."""

from collections.abc import Sequence

from backend.domain.face import Detection, Face, GradedFace
from backend.domain.geometry import RgbImage
from backend.domain.meter import NO_METER, Meter, Stage, timed
from backend.vision.alignment import align
from backend.vision.detection import FaceDetector
from backend.vision.embedding import Embedder
from backend.vision.quality import grade
from backend.vision.second_look import SecondLook


class FacePipeline:
    """Everything that turns one image into faces; may be called by several threads at once."""

    def __init__(
        self, detector: FaceDetector, embedder: Embedder, second_look: SecondLook | None = None, meter: Meter = NO_METER
    ) -> None:
        """Find faces with `detector` and make templates with `embedder`, after a second look where there is one."""
        self._detector = detector
        self._embedder = embedder
        self._second_look = second_look
        self._meter = meter

    @property
    def model(self) -> str:
        """The id of the model that makes the templates."""
        return self._embedder.model

    @property
    def dimensions(self) -> int:
        """How many numbers an embedding has."""
        return self._embedder.dimensions

    def analyse(self, image: RgbImage) -> list[Face]:
        """All faces of an image, graded and embedded, the most certain first."""
        return self.describe(image, self.detect(image))

    def detect(self, image: RgbImage) -> list[Detection]:
        """All faces of an image, the most certain first."""
        with timed(self._meter, Stage.DETECT):
            return self._detector.detect(image)

    def describe(self, image: RgbImage, detections: Sequence[Detection]) -> list[Face]:
        """Some faces of an image, graded and embedded in one batch, in the order given."""
        graded = self.graded(image, detections)
        with timed(self._meter, Stage.EMBED):
            templates = self._embedder.embed([face.aligned for face in graded])
        return [
            Face(face.detection, face.quality, template, face.aligned)
            for face, template in zip(graded, templates, strict=True)
        ]

    def graded(self, image: RgbImage, detections: Sequence[Detection]) -> list[GradedFace]:
        """Some faces of an image as `describe` tells of them, without what costs most: none is embedded."""
        if self._second_look is not None:
            detections = [self._second_look.steadied(image, detection) for detection in detections]
        aligned = [align(image, detection.landmarks) for detection in detections]
        qualities = [grade(*pair, image.shape) for pair in zip(aligned, detections, strict=True)]
        return [GradedFace(*parts) for parts in zip(detections, qualities, aligned, strict=True)]
