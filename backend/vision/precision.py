"""The embedder in bf16, where it is known to say what it says in f32: a guard asks it both ways about the golden face.

bf16 takes a third of the time off an image. Where rounding, or a fault of an engine on some processor, made other
templates of it, nothing would tell: every similarity would only be a little worse. The detector stays in f32: it is a
small part of the time, and in bf16 its landmarks waver (see docs/decisions/0015-bf16-for-the-embedder.md).
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np

from backend.domain.errors import ConfigurationError, ModelError
from backend.vision import quantised
from backend.vision.alignment import align
from backend.vision.detection import FaceDetector
from backend.vision.embedding import Embedder
from backend.vision.mirrored import mirrored
from backend.vision.runtime import InferenceSession, Precision, Runtime
from backend.vision.selftest import golden_image
from backend.vision.whole_files import write_whole

logger = logging.getLogger(__name__)

PrecisionWish: TypeAlias = Literal["auto", "f32", "bf16", "int8"]
"""bf16 where it is to be had and agrees with f32, or one of the others in any case: int8 is never taken unasked."""

MakeEmbedder: TypeAlias = Callable[[InferenceSession], Embedder]
"""Makes the embedder of a loaded file."""

LEAST_SIMILARITY: Final = 0.999
"""Between the embeddings of the golden face, and of its mirror image, in bf16 and in f32. Measured on an AMD processor
with AVX-512: 0.99994; of 309 LFW faces the least alike has 0.99956, the median 0.99994."""
_FILE: Final = "precision.json"


def settled(
    wish: PrecisionWish, runtime: Runtime, detector: FaceDetector, embedder: Path, make: MakeEmbedder
) -> Precision:
    """What the embedder is to be computed in.

    Raises ConfigurationError for what is asked for and not to be had, and ModelError where bf16 is asked for and does
    not agree with f32; `auto` takes the most exact then, and the log says so of what does not agree. int8 has been
    measured when it was made (see `quantised`), and is refused where none was made.
    """
    if wish != "auto" and wish not in runtime.precisions:
        raise ConfigurationError(
            f"PRECISION={wish}: {runtime.name} on {runtime.device} does not compute in {wish} here. "
            "Set PRECISION to auto."
        )
    if wish == "f32":
        return "f32"
    if wish == "int8":
        quantised.kept(embedder, runtime)
        return "int8"
    if "bf16" not in runtime.precisions:
        return runtime.precisions[0]
    similarity = _remembered(runtime, embedder, lambda: agreement(runtime, detector, embedder, make))
    if similarity >= LEAST_SIMILARITY:
        return "bf16"
    fault = (
        f"In bf16 a known face has similarity {similarity:.4f} to itself in f32, and {LEAST_SIMILARITY} is the least"
    )
    if wish == "bf16":
        raise ModelError(f"{fault}. Set PRECISION to auto or f32.", similarity=similarity)
    logger.warning("%s; the models run in f32.", fault)
    return "f32"


def agreement(runtime: Runtime, detector: FaceDetector, embedder: Path, make: MakeEmbedder) -> float:
    """The similarity of the golden face's embeddings in bf16 and in f32, or of its mirror image's if that is lower."""
    image = golden_image()
    aligned = [align(image, detection.landmarks) for detection in detector.detect(image)]
    if not aligned:
        raise ModelError("The models fail their self-test: no face found in a portrait.")
    views = [aligned[0], mirrored(aligned[0])]
    half, full = (make(runtime.load(embedder, precision)).embed(views) for precision in ("bf16", "f32"))
    # NumPy's minimum, because Python's would let a NaN go unnoticed.
    return float(np.min([one.similarity(other) for one, other in zip(half, full, strict=True)]))


def _remembered(runtime: Runtime, embedder: Path, measure: Callable[[], float]) -> float:
    """What `measure` says, asked once for each machine, release of the engine and file of weights.

    It takes two further compilations (0.6 s), which later starts must not wait for; so it is kept beside the model.
    """
    path, key = embedder.with_name(_FILE), f"{runtime.identity}, {embedder.name}"
    kept = _read(path, key)
    if kept is None:
        kept = measure()
        _write(path, key, kept)
    return kept


def _read(path: Path, key: str) -> float | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return float(kept["similarity"]) if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or damaged: it is measured anew
        return None


def _write(path: Path, key: str, similarity: float) -> None:
    try:
        write_whole(path, json.dumps({"key": key, "similarity": similarity}).encode())
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror}.") from error
