"""An embedder on an inference session: aligned faces in, vectors of length 1 out."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.vision.alignment import SIZE
from backend.vision.conventions import Convention
from backend.vision.runtime import InferenceSession

BATCH: Final = 16
"""Faces computed at once: more are no faster, and a photo of a crowd would take memory without limit."""
FEWEST_NUMBERS, MOST_NUMBERS = 16, 4096
"""Of an embedding: what has fewer or more is no embedder of faces."""


class NetworkEmbedder:
    """Any embedder of one image input and one vector a face; may be called by several threads at once."""

    def __init__(self, session: InferenceSession, model: str, convention: Convention, dimensions: int) -> None:
        """Embed by `session`, feeding it by `convention`; `model` is the id of its weights (`models.ModelFile.name`).

        `dimensions` is the length of an embedding, see `dimensions_of`.
        """
        self._session = session
        self._convention = convention
        self.model: Final = model
        self.dimensions: Final = dimensions

    def embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        """One template per aligned face (112 × 112), in the same order."""
        batches = (aligned[start : start + BATCH] for start in range(0, len(aligned), BATCH))
        return [template for batch in batches for template in self._embed(batch)]

    def _embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        (embeddings,) = self._session.run(_fed(np.stack(aligned), self._convention)).values()
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return [Template(embedding, self.model) for embedding in embeddings / np.maximum(lengths, 1e-12)]


def dimensions_of(session: InferenceSession, name: str) -> int:
    """How many numbers a model's embedding has, asked by a batch of two blank faces.

    Raises ModelError, naming the model by `name`, for one that does not answer one vector a face.
    """
    try:
        outputs = session.run(np.zeros((2, 3, SIZE, SIZE), np.float32))
    except Exception as error:
        # An engine raises what it likes where a graph cannot take the batch.
        raise ModelError(f"{name} cannot compute two faces of 3×{SIZE}×{SIZE} at once; it is no embedder.") from error
    shapes = [array.shape for array in outputs.values()]
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] != 2:
        raise ModelError(f"{name} answers {shapes} for two faces; an embedder answers one vector for each.")
    if not FEWEST_NUMBERS <= shapes[0][1] <= MOST_NUMBERS:
        raise ModelError(f"{name} answers vectors of {shapes[0][1]} numbers, which is no embedding of a face.")
    return int(shapes[0][1])


def _fed(faces: NDArray[np.uint8], convention: Convention) -> NDArray[np.float32]:
    """n × 112 × 112 × 3 RGB as the model wants them: n × 3 × 112 × 112."""
    ordered = faces if convention.channels == "RGB" else faces[..., ::-1]
    batch = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), dtype=np.float32)
    return batch if convention.divisor == 1 else (batch - np.float32(convention.mean)) / np.float32(convention.divisor)
