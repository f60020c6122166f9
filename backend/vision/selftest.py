"""A face whose embedding is known: wrong weights, swapped colours or a broken engine show at start, not in the answers.

Errors of that kind raise nothing by themselves. Swapped colour channels, say, only make every answer a little worse.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.domain.face import Template
from backend.domain.geometry import Landmarks, Point, RgbImage
from backend.vision.alignment import align
from backend.vision.detection import FaceDetector
from backend.vision.embedding import Embedder
from backend.vision.image import decode
from backend.vision.mirrored import mirrored
from backend.vision.pipeline import FacePipeline
from backend.vision.whole_files import write_whole

LEAST_SIMILARITY: Final = 0.99
"""Between the golden face's embedding now and as stored. Measured: the same weights in bf16 0.9993, channels swapped in
the embedder's input 0.950, in the detector's 0.955, in both 0.911, a mirrored face 0.977."""
MOST_APART: Final = 0.15
"""How far a detector's landmark may be from the golden face's, in parts of the distance between its eyes."""
LEAST_OF_MIRROR: Final = 0.5
"""Between the golden face and its mirror image, by an embedder that is not known: by SFace it is 0.977."""
LEAST_LEAD: Final = 0.2
"""By how much the golden face is more like its mirror image than like what shows no face."""
_GOLDEN: Final = files("backend.vision") / "golden"


def golden_image() -> RgbImage:
    """The portrait of the golden face."""
    return decode((_GOLDEN / "face.png").read_bytes())


def check(pipeline: FacePipeline, least: float = LEAST_SIMILARITY) -> float:
    """The similarity of the golden face to its stored embedding, at least `least`.

    Raises ModelError where it is less, or where not exactly one face is found.
    """
    faces = pipeline.analyse(golden_image())
    if len(faces) != 1:
        raise ModelError(
            f"The models fail their self-test: {len(faces)} faces found in a portrait of one person. {_ADVICE}"
        )
    return _like(faces[0].template, _numbers("embedding.json"), least)


def check_detector(detector: FaceDetector) -> None:
    """Raise ModelError where a detector does not find the golden face alone, with its landmarks where they are."""
    found = detector.detect(golden_image())
    if len(found) != 1:
        raise ModelError(
            f"The detector fails its self-test: {len(found)} faces found in a portrait of one person. {_ADVICE}"
        )
    known = golden_landmarks().as_array()
    apart = np.linalg.norm(found[0].landmarks.as_array() - known, axis=1).max() / np.linalg.norm(known[0] - known[1])
    if not apart <= MOST_APART:
        raise ModelError(
            f"The detector fails its self-test: a landmark of a known face is {apart:.2f} eye distances from where it "
            f"is, and {MOST_APART} is the most. {_ADVICE}"
        )


def check_embedder(embedder: Embedder, cache_dir: Path, least: float = LEAST_SIMILARITY) -> None:
    """Raise ModelError where an embedder whose answers are not known makes no sense, or answers otherwise than before.

    Of the golden face it must say that it is like its mirror image, and less like noise or a grey picture. The first
    embedding that does is kept in `cache_dir`, and later starts are compared with that.
    """
    face = align(golden_image(), golden_landmarks())
    noise = np.random.default_rng(0).integers(0, 256, face.shape, np.uint8)
    template, mirror, *faceless = embedder.embed([face, mirrored(face), noise, np.full_like(face, 127)])
    like_mirror = _similarity(template.embedding, mirror.embedding)
    like_faceless = max(_similarity(template.embedding, other.embedding) for other in faceless)
    if not (like_mirror >= LEAST_OF_MIRROR and like_mirror - like_faceless >= LEAST_LEAD):
        raise ModelError(
            f"The model {embedder.model} fails its self-test: a known face is {like_mirror:.2f} like its mirror image "
            f"and {like_faceless:.2f} like what is no face. It is no embedder of faces, or is fed otherwise than "
            "MODEL_CONVENTION says."
        )
    kept = cache_dir / f"golden-{embedder.model}.json"
    if kept.is_file():
        _like(template, np.array(json.loads(kept.read_text("utf-8")), dtype=np.float32), least)
    else:
        _keep(kept, template)


def golden_landmarks() -> Landmarks:
    """Where the golden face's landmarks are in `golden_image`, as YuNet finds them."""
    return Landmarks(*(Point(float(x), float(y)) for x, y in _numbers("landmarks.json")))


def _numbers(name: str) -> NDArray[np.float32]:
    return np.array(json.loads((_GOLDEN / name).read_text()), dtype=np.float32)


def _like(template: Template, expected: NDArray[np.float32], least: float) -> float:
    similarity = _similarity(template.embedding, expected)
    if not similarity >= least:
        raise ModelError(
            f"The models fail their self-test: a known face comes out with similarity {similarity:.3f} to itself, and "
            f"{least} is the least. {_ADVICE}",
            similarity=similarity,
        )
    return similarity


def _keep(path: Path, template: Template) -> None:
    numbers = [round(float(number), 6) for number in template.embedding]
    try:
        write_whole(path, json.dumps(numbers).encode())
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror}.") from error


_ADVICE = "Remove the cached models and start again; if that does not help, replace the model files."


def _similarity(embedding: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    if embedding.shape != expected.shape:
        return float("nan")
    return float(embedding @ expected)
