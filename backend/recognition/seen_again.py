"""A sighting's face by another model than it was seen by: from the picture and the faces that were kept."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from backend.domain.errors import FaceServerError
from backend.domain.face import Detection, KeptLook, Template
from backend.domain.sighting import Sighting
from backend.recognition.kept_faces import aligned_face
from backend.storage import sightings
from backend.storage.database import Database
from backend.storage.snapshots import Snapshots
from backend.vision.embedding import Embedder
from backend.vision.image import ImageLimits, decode
from backend.vision.pipeline import FacePipeline

LEAST_OVERLAP: Final = 0.3
"""By which a face found again is the one that the sighting is about (intersection over union of their boxes)."""


class SeenAgain:
    """Looks at what was kept of sightings; safe to use from any thread."""

    def __init__(
        self,
        database: Database,
        snapshots: Snapshots,
        pipeline: FacePipeline,
        embedder: Embedder,
        limits: ImageLimits,
    ) -> None:
        """Find faces in pictures and make their templates with `pipeline`, those of kept faces with `embedder`."""
        self._database = database
        self._snapshots = snapshots
        self._pipeline = pipeline
        self._embedder = embedder
        self._limits = limits

    def template(self, sighting_id: str) -> Template | None:
        """The template of a sighting's face; None where there is no picture that shows it any more."""
        with self._database.read() as tx:
            sighting = sightings.find(tx, sighting_id)
        if sighting is None or sighting.picture is None:
            return None
        try:
            picture = self._snapshots.read(sighting.picture)
            image = None if picture is None else decode(picture, self._limits)
        except FaceServerError:
            return None
        if image is None:
            return None
        found = [face for face in self._pipeline.detect(image) if _overlap(face, sighting) >= LEAST_OVERLAP]
        if not found:
            return None
        (face,) = self._pipeline.describe(image, [max(found, key=lambda detection: _overlap(detection, sighting))])
        return face.template

    def looks(self, kept: Sequence[KeptLook]) -> list[KeptLook | None]:
        """The same looks by this model, in their order; None for one whose face was not kept, or is damaged."""
        faces = [None if look.crop is None else aligned_face(look.crop) for look in kept]
        templates = iter(self._embedder.embed([face for face in faces if face is not None]))
        return [
            None if face is None else replace(look, template=next(templates))
            for look, face in zip(kept, faces, strict=True)
        ]


def _overlap(detection: Detection, sighting: Sighting) -> float:
    return detection.box.intersection_over_union(sighting.face_box)
