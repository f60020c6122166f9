"""Our values in CompreFace's words."""

from typing import Any
from uuid import UUID

from ulid import ULID

from backend.api.compat.analysis import Analysis
from backend.container.services import Services
from backend.domain.face import Detection, Face, GradedFace
from backend.schemas.compreface import Box, Example, ExecutionTime, PluginsVersions
from backend.storage.templates import TemplateEntry


def image_id_of(template_id: str) -> str:
    """A template's id as its clients want it, a UUID: both are 128 bits."""
    return str(ULID.from_str(template_id).to_uuid())


def template_id_of(image_id: str) -> str:
    """Our id of what a client calls `image_id`; what is no UUID is taken as it is."""
    try:
        return str(ULID.from_uuid(UUID(image_id)))
    except ValueError:
        return image_id


def example(entry: TemplateEntry) -> Example:
    """A template as a saved example."""
    return Example(image_id=image_id_of(entry.template_id), subject=entry.person_id)


CALCULATOR = "calculator"
"""What asks for the embeddings."""


def face_fields(
    face: Face | GradedFace, analysis: Analysis[object], plugins: frozenset[str], *, status: bool
) -> dict[str, Any]:
    """What is said of a face, as far as it was asked for; an embedding only of a face that has one."""
    times = ExecutionTime(detector=round(analysis.detecting_ms, 1), calculator=round(analysis.describing_ms, 1))
    return {
        "box": _box(face.detection),
        "landmarks": _landmarks(face.detection) if "landmarks" in plugins else None,
        "embedding": face.template.embedding.tolist() if CALCULATOR in plugins and isinstance(face, Face) else None,
        "execution_time": times if status else None,
    }


def plugins_versions(services: Services, *, status: bool) -> PluginsVersions | None:
    """What found and described the faces, where that was asked for."""
    return PluginsVersions(detector="yunet", calculator=services.recognition.gallery.model) if status else None


def _box(detection: Detection) -> Box:
    box = detection.box
    return Box(
        probability=detection.score,
        x_max=round(box.right),
        y_max=round(box.bottom),
        x_min=round(box.x),
        y_min=round(box.y),
    )


def _landmarks(detection: Detection) -> list[tuple[int, int]]:
    # Ours begin with the person's right eye, which the viewer sees on the left: the order that its clients expect.
    return [(round(point.x), round(point.y)) for point in detection.landmarks.points()]
