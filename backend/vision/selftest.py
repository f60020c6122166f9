"""A face whose embedding is known: wrong weights, swapped colours or a broken engine show at start, not in the answers.

Errors of that kind raise nothing by themselves. Swapped colour channels, say, only make every answer a little worse.
"""

import json
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.domain.geometry import RgbImage
from backend.vision.image import decode
from backend.vision.pipeline import FacePipeline

LEAST_SIMILARITY: Final = 0.99
"""Between the golden face's embedding now and as stored. Measured: the same weights in bf16 0.9993, channels swapped in
the embedder's input 0.950, in the detector's 0.955, in both 0.911, a mirrored face 0.977."""
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
    expected = np.array(json.loads((_GOLDEN / "embedding.json").read_text()), dtype=np.float32)
    similarity = _similarity(faces[0].template.embedding, expected)
    if not similarity >= least:
        raise ModelError(
            f"The models fail their self-test: a known face comes out with similarity {similarity:.3f} to itself, and "
            f"{least} is the least. {_ADVICE}",
            similarity=similarity,
        )
    return similarity


_ADVICE = "Remove the cached models and start again; if that does not help, replace the model files."


def _similarity(embedding: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    if embedding.shape != expected.shape:
        return float("nan")
    return float(embedding @ expected)
