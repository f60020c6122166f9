"""Small evaluations: a few real faces as folders of photos, and made-up embeddings."""

from pathlib import Path

import numpy as np

from backend.domain.face import Detection, Face, Quality, Template
from backend.domain.geometry import Box, Landmarks, Point
from backend.evaluation.describing import Album, Description
from tests.rig.photos import astronaut, jpeg, other_photos, person_crop

MODEL = "toy"
_ANYWHERE = Landmarks(*(Point(float(number), float(number)) for number in range(5)))


def face(*embedding: float, quality: float = 1.0) -> Face:
    """A face of which only the embedding and the quality matter; the embedding is brought to length 1."""
    vector = np.array(embedding, np.float32)
    vector /= np.linalg.norm(vector)
    detection = Detection(Box(0, 0, 10, 10), _ANYWHERE, 0.9)
    return Face(detection, Quality(quality, 100, 1, 1, 1), Template(vector, MODEL))


def toy_album(**faces: Face) -> Album:
    """Photos by name, each described by a pipeline called "toy"; photos that are not named could not be described."""
    return Album.of(Description(Path(name), 1, {"toy": found}) for name, found in faces.items())


def family_album(folder: Path) -> Path:
    """Three people with three photos each, and a stranger with one, in the manner of LFW."""
    for index, person_id in ((2, "carol"), (3, "dave"), (5, "frank")):
        photo = person_crop(index)
        for number, variant in enumerate((photo, *other_photos(photo)[:2]), start=1):
            _save(folder, person_id, number, jpeg(variant))
    _save(folder, "grace", 1, jpeg(astronaut()))
    return folder


def spoil(folder: Path, person_id: str, number: int) -> Path:
    """Put something that is no picture in a photo's place."""
    return _save(folder, person_id, number, b"no picture")


def _save(folder: Path, person_id: str, number: int, content: bytes) -> Path:
    path = folder / person_id / f"{person_id}_{number:04d}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
